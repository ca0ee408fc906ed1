#!/bin/sh
# Puts the ONNX Runtime C API headers (85 KB) under DEST/include, from the distribution's own signed packages. Debian 12
# and Ubuntu LTS have none: there the newer release that has them is asked.
#   usage: get_onnxruntime_headers.sh DEST      exit status 0: the headers are there
set -eu
dest=$1
[ -f "$dest/include/onnxruntime_c_api.h" ] && exit 0
fail() { echo "get_onnxruntime_headers: $1" >&2; exit 1; }
command -v apt-get >/dev/null || fail "no apt-get on this machine"
. /etc/os-release
case "${ID:-}" in
  debian) release=trixie component=main ;;
  ubuntu) release=resolute component=universe ;;
  *) fail "no known package source for '${ID:-this system}'" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=libonnxruntime-dev
"$(dirname "$0")/unpack_packages.sh" "$release" "$component" "$work" "$package"
header=$(find "$work" -name onnxruntime_c_api.h | head -n 1)
[ -n "$header" ] || fail "$package holds no onnxruntime_c_api.h"
# Written aside first: a half-copied folder must not look complete to the next run.
mkdir -p "$dest"
rm -rf "$dest/include" "$dest/include.part"
cp -R "$(dirname "$header")" "$dest/include.part"
mv "$dest/include.part" "$dest/include"
