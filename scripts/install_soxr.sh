#!/bin/sh
# Builds the resampler soxr, static, from the sources in PyPI's package of that name, where no package of the system has
# it: for wheels and for other systems. pkg-config finds it under PREFIX/lib/pkgconfig.
#   usage: install_soxr.sh PREFIX [CMAKE SETTING...]      exit status 0: it is there
set -eu
prefix=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-python3}
"$python" -m pip download -q --no-deps --no-binary soxr --dest "$work" soxr==1.1.0 >&2
mkdir -p "$work/sources" "$prefix/lib/pkgconfig"
tar xf "$work"/soxr-*.tar.gz -C "$work/sources" --strip-components=1
{
  cmake -S "$work/sources/libsoxr" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    -DBUILD_SHARED_LIBS=OFF -DWITH_OPENMP=OFF -DBUILD_TESTS=OFF -DBUILD_EXAMPLES=OFF "-DCMAKE_INSTALL_PREFIX=$prefix" "$@" &&
    cmake --build "$work/build" --target install
} >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
# Not soxr's own .pc file, which leaves out what a static library needs.
cat >"$prefix/lib/pkgconfig/soxr.pc" <<PC
Name: soxr
Description: resampler, static
Version: $(sed -n 's/^#define SOXR_THIS_VERSION_STR *"\(.*\)"/\1/p' "$prefix/include/soxr.h")
Libs: -L$prefix/lib -lsoxr -lm
Cflags: -I$prefix/include
PC
