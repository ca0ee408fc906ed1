#!/bin/sh
# Unpacks Debian or Ubuntu packages of another release into a folder, without those that they depend on, through a
# private package list derived from this machine's sources: its apt set-up is neither changed nor needed to be writable.
#   usage: unpack_packages.sh RELEASE COMPONENT DEST PACKAGE...      exit status 0: they are there
set -eu
release=$1 component=$2 dest=$3
shift 3
fail() { echo "unpack_packages: $1" >&2; exit 1; }
command -v apt-get >/dev/null || fail "no apt-get on this machine"
. /etc/os-release

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$dest"
keyring=/usr/share/keyrings/$ID-archive-keyring.gpg
apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
  awk -F'|' -v old="$VERSION_CODENAME" -v new="$release" -v comp="$component" -v keyring="$keyring" \
    '$2 == old && $3 == comp { print "deb [signed-by=" keyring "] " $1 " " new " " comp }' |
  sort -u >"$work/sources.list"
[ -s "$work/sources.list" ] || fail "no package source for $VERSION_CODENAME ($component) is configured"

apt_of_release() {
  apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Acquire::Languages=none \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" -o APT::Sandbox::User= "$@"
}
here=$PWD
cd "$work"
{ apt_of_release update && apt_of_release download "$@"; } >"$work/log" 2>&1 ||
  fail "could not download $* from $release: $(tail -n 1 "$work/log")"
cd "$here"
for package in "$work"/*.deb; do dpkg-deb -x "$package" "$dest"; done
