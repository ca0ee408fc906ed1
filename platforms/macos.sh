#!/bin/sh
# macOS arm64 and x86-64: library, program, Python module and C++ tests compiled with the clang, the C++ library and the
# stubs of Apple's libraries in PyPI's package ziglang, and linked with the FFmpeg of PyPI's package for macOS. Nothing runs.
#   usage: platforms/macos.sh
. "$(dirname "$0")/common.sh"
work=$PWD/build/platforms/macos
start=$(date +%s)
scripts/install_system_packages.sh test >&2
rm -rf "$work"
mkdir -p "$work"
.venv/bin/python -m venv "$work/venv"
"$work/venv/bin/pip" install -q ziglang==0.17.1
# The headers of Python are the same but for what it was configured for, which Debian has elsewhere.
headers=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
cp -r "$headers" "$work/python"
cp "$(dirname "$headers")"/*/"$(basename "$headers")/pyconfig.h" "$work/python/" 2>/dev/null || true
for processor in arm64 x86_64; do
  say "$processor"
  there=$work/$processor
  sysroot=$there/sysroot
  mkdir -p "$sysroot"
  for door in cc c++; do
    # Zig's linker crashes over bundles, as which Python modules are linked; its dynamic libraries are the same code.
    cat >"$there/$door" <<DOOR
#!/bin/sh
for word; do
  shift
  [ "\$word" != -bundle ] || word=-shared
  set -- "\$@" "\$word"
done
exec "$work/venv/bin/python" -I -m ziglang $door -target $(echo $processor | sed s/arm64/aarch64/)-macos.13.3 "\$@"
DOOR
    chmod +x "$there/$door"
  done
  export PKG_CONFIG_LIBDIR="$sysroot/lib/pkgconfig"
  toolchain="-DCMAKE_TOOLCHAIN_FILE=$PWD/platforms/macos.cmake -DDEMUCS_ORT_SYSROOT=$sysroot
    -DDEMUCS_ORT_PROCESSOR=$processor -DDEMUCS_ORT_COMPILERS=$there"
  install_headers "$there" "$sysroot"
  install_ffmpeg "$there" "$sysroot" "macosx_12_0_$processor"
  for name in $ffmpeg_libraries; do cp "$there"/av/av/.dylibs/lib$name.*.dylib "$sysroot/lib/lib$name.dylib"; done
  install_source /usr/src/googletest "$there/googletest" "$sysroot" $toolchain -DBUILD_GMOCK=OFF
  PYTHON=.venv/bin/python scripts/install_soxr.sh "$sysroot" $toolchain
  settings="$toolchain -DCMAKE_BUILD_TYPE=Release -DDEMUCS_ORT_INSTALL=OFF -DDEMUCS_ORT_WARNINGS_AS_ERRORS=ON -DCMAKE_UNITY_BUILD=ON"
  # The two numbers: zig's <float.h> leaves them out after <math.h>, and GoogleTest uses them.
  { cmake -G Ninja -S . -B "$there/build" $settings -DDEMUCS_ORT_BUILD_TESTS=ON -DDEMUCS_ORT_BUILD_PYTHON=ON \
      "-DCMAKE_CXX_FLAGS=-DFLT_MAX=__FLT_MAX__ -DDBL_MAX=__DBL_MAX__" -DPython_EXECUTABLE="$PWD/.venv/bin/python" \
      -DPython_INCLUDE_DIR="$work/python" -Dpybind11_DIR="$(.venv/bin/python -m pybind11 --cmakedir)" &&
      cmake --build "$there/build" &&
      cmake -G Ninja -S . -B "$there/shared" $settings -DBUILD_SHARED_LIBS=ON -DDEMUCS_ORT_BUILD_CLI=OFF &&
      cmake --build "$there/shared" &&
      ls "$there/shared/cpp/src/libdemucs_ort.dylib"; } >"$there/build.log" 2>&1 ||
    { tail -n 30 "$there/build.log" >&2; fail "$processor"; }
done
echo "built: library (static and shared), C interface, demucs_ort_cli with FFmpeg 7.1 and soxr, Python module, C++ tests for arm64 and x86-64, for macOS 13.3; zig 0.17.1"
echo "ran: nothing, there is no emulator; $(minutes "$start")"
