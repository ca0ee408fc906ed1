#!/bin/sh
# macOS arm64 and x86-64: what of the C++ tree needs no Mac is compiled with the clang, the C++ library and the stubs of
# Apple's libraries in PyPI's package ziglang, and linked. Nothing runs.
#   usage: platforms/macos.sh
. "$(dirname "$0")/common.sh"
work=$PWD/build/platforms/macos
start=$(date +%s)
scripts/install_system_packages.sh test >&2
rm -rf "$work"
mkdir -p "$work/sysroot/include" "$work/sysroot/share/cmake"
export PKG_CONFIG_LIBDIR="$work/sysroot/lib/pkgconfig"
.venv/bin/python -m venv "$work/venv"
"$work/venv/bin/pip" install -q ziglang==0.17.1
scripts/get_onnxruntime_headers.sh "$work/headers"
cp -r "$work"/headers/include/* /usr/include/nlohmann /usr/include/CLI "$work/sysroot/include/"
cp -r /usr/share/cmake/nlohmann_json /usr/share/cmake/CLI11 "$work/sysroot/share/cmake/"
for processor in aarch64 x86_64; do
  say "$processor"
  for door in cc c++; do
    printf '#!/bin/sh\nexec "%s" -I -m ziglang %s -target %s-macos.13.3 "$@"\n' "$work/venv/bin/python" $door $processor >"$work/$processor-$door"
    chmod +x "$work/$processor-$door"
  done
  toolchain="-DCMAKE_TOOLCHAIN_FILE=$PWD/platforms/macos.cmake -DDEMUCS_ORT_SYSROOT=$work/sysroot
    -DDEMUCS_ORT_PROCESSOR=$processor -DDEMUCS_ORT_COMPILERS=$work/$processor"
  install_soxr "$work" "$work/sysroot" $toolchain
  cmake -G Ninja -S . -B "$work/build_$processor" $toolchain -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON \
    -DDEMUCS_ORT_BUILD_CLI=OFF -DDEMUCS_ORT_BUILD_FILES=OFF -DDEMUCS_ORT_INSTALL=OFF -DDEMUCS_ORT_WARNINGS_AS_ERRORS=ON \
    -DCMAKE_UNITY_BUILD=ON >"$work/$processor.log" 2>&1 &&
    cmake --build "$work/build_$processor" >>"$work/$processor.log" 2>&1 ||
    { tail -n 30 "$work/$processor.log" >&2; fail "$processor"; }
done
echo "built: libdemucs_ort.dylib with the C interface, arm64 and x86-64, for macOS 13.3; zig 0.17.1"
echo "ran: nothing, there is no emulator; $(minutes "$start")"
