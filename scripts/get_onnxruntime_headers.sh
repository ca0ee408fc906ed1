#!/bin/sh
# Puts the ONNX Runtime C API headers (85 KB) under DEST/include, from the distribution's own signed packages.
# Where this release has none (Debian 12, Ubuntu LTS) the newer one that has them is asked, through a private package
# list derived from this machine's sources: the machine's apt set-up is neither changed nor needed to be writable.
#   usage: get_onnxruntime_headers.sh DEST      exit status 0: the headers are there
set -eu
dest=$1
package=libonnxruntime-dev
[ -f "$dest/include/onnxruntime_c_api.h" ] && exit 0
fail() { echo "get_onnxruntime_headers: $1" >&2; exit 1; }
command -v apt-get >/dev/null || fail "no apt-get on this machine"
. /etc/os-release
case "${ID:-}" in
  debian) newer=trixie component=main ;;
  ubuntu) newer=questing component=universe ;;
  *) fail "no known package source for '${ID:-this system}'" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial"
keyring=/usr/share/keyrings/$ID-archive-keyring.gpg
apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
  awk -F'|' -v old="$VERSION_CODENAME" -v new="$newer" -v comp="$component" -v keyring="$keyring" \
    '$2 == old && $3 == comp { print "deb [signed-by=" keyring "] " $1 " " new " " comp }' |
  sort -u >"$work/sources.list"
[ -s "$work/sources.list" ] || fail "no package source for $VERSION_CODENAME ($component) is configured"

apt_of_newer() {
  apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Acquire::Languages=none \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" -o APT::Sandbox::User= "$@"
}
cd "$work"
apt-get -qq -o APT::Sandbox::User= download "$package" >"$work/log" 2>&1 ||
  { apt_of_newer update && apt_of_newer download "$package"; } >"$work/log" 2>&1 ||
  fail "could not download $package from $newer: $(tail -n 1 "$work/log")"
cd "$OLDPWD"
dpkg-deb -x "$work/$package"_*.deb "$work/root"
header=$(find "$work/root" -name onnxruntime_c_api.h | head -n 1)
[ -n "$header" ] || fail "$package holds no onnxruntime_c_api.h"
# Written aside first: a half-copied folder must not look complete to the next run.
mkdir -p "$dest"
rm -rf "$dest/include" "$dest/include.part"
cp -R "$(dirname "$header")" "$dest/include.part"
mv "$dest/include.part" "$dest/include"
