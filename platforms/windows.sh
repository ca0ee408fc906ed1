#!/bin/sh
# Windows x86-64: library, program and C++ tests built with mingw-w64, and run by Wine with the ONNX Runtime and the
# FFmpeg of PyPI's packages for Windows.
#   usage: platforms/windows.sh
. "$(dirname "$0")/common.sh"
work=$PWD/build/platforms/windows
sysroot=$work/sysroot
python=$PWD/.venv/bin/python
start=$(date +%s)
clang=$(. /etc/os-release; [ "$VERSION_CODENAME" = bookworm ] && echo 16 || echo 19) # the newest there
scripts/install_system_packages.sh test g++-mingw-w64-x86-64-posix wine wine64 "clang-$clang" "libc++-$clang-dev" libwine-dev >&2
rm -rf "$work"
mkdir -p "$sysroot/bin"
export WINEPREFIX="$work/wine" WINEDEBUG=-all WINEPATH="$sysroot/bin" PKG_CONFIG_LIBDIR="$sysroot/lib/pkgconfig"
toolchain="-DCMAKE_TOOLCHAIN_FILE=$PWD/platforms/windows/toolchain.cmake -DDEMUCS_ORT_SYSROOT=$sysroot"

say "packages"
unpack_wheel "$work" win_amd64 onnxruntime
install_headers "$work" "$sysroot"
install_ffmpeg "$work" "$sysroot" win_amd64
cp "$work"/av/av.libs/*.dll "$sysroot/bin/"
for name in $ffmpeg_libraries; do
  library=$(cd "$sysroot/bin" && ls $name-[0-9]*.dll)
  {
    printf 'LIBRARY %s\nEXPORTS\n' "$library"
    x86_64-w64-mingw32-objdump -p "$sysroot/bin/$library" |
      awk '/Ordinal\/Name Pointer/ { on = 1; next } on && /^\t\[/ { print $NF } on && /^$/ { exit }'
  } >"$work/$name.def"
  x86_64-w64-mingw32-dlltool -d "$work/$name.def" -l "$sysroot/lib/lib$name.dll.a"
done
install_source /usr/src/googletest "$work/googletest_build" "$sysroot" $toolchain -DBUILD_GMOCK=OFF
PYTHON=$python scripts/install_soxr.sh "$sysroot" $toolchain

say "building"
wineboot --init >"$work/wine.log" 2>&1
cmake -G Ninja -S . -B "$work/build" $toolchain -DCMAKE_BUILD_TYPE=Release -DDEMUCS_ORT_BUILD_TESTS=ON \
  -DDEMUCS_ORT_INSTALL=OFF -DDEMUCS_ORT_WARNINGS_AS_ERRORS=ON -DCMAKE_UNITY_BUILD=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DPython_EXECUTABLE="$python" >"$work/build.log" 2>&1 &&
  cmake --build "$work/build" >>"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; fail "the build failed"; }
"$python" platforms/windows/check_msvc.py "$work/build" "$clang" >"$work/msvc.log" || fail "MSVC would not compile it"
cat "$work/msvc.log" >&2
for helper in console_events hold_open; do
  x86_64-w64-mingw32-gcc-posix -municode -static -O1 -Wall -Wextra -Werror platforms/windows/$helper.c -o "$work/$helper.exe"
done

say "C++ tests"
runtime=$(winepath -w "$work/onnxruntime/onnxruntime/capi/onnxruntime.dll" 2>/dev/null)
# Two tests want a system that refuses memory. Wine promises all of it, until Linux ends programs.
DEMUCS_ORT_ONNXRUNTIME=$runtime ctest --test-dir "$work/build" -j2 --output-on-failure \
  -E 'Log.TellsOfABatchThatHasNoMemory|Model.TakesSmallerBatchesWhenMemoryIsShort' >"$work/tests.log" 2>&1 ||
  { tail -n 60 "$work/tests.log" >&2; fail "C++ tests failed"; }
passed=$(sed -n 's/.* tests failed out of \([0-9]*\)/\1/p' "$work/tests.log")

say "program"
"$python" platforms/check_program.py --windows "$work" env DEMUCS_ORT_ONNXRUNTIME="$runtime" wine \
  "$work/build/demucs_ort_cli.exe" >"$work/program.log" || fail "the program does not as it does on Linux"
cat "$work/program.log" >&2

echo "built: library, C interface, demucs_ort_cli with FFmpeg 7.1 and soxr, C++ tests;" \
  "mingw-w64 g++ $(x86_64-w64-mingw32-g++-posix -dumpversion); $(cat "$work/msvc.log")"
echo "ran: $(wine --version | sed 's/^w/W/'), $(cd "$work/wheels" && ls onnxruntime-*.whl | cut -d- -f1,2 | tr - ' '): $passed C++ tests, 2 left out;" \
  "the program: $(paste -sd ';' "$work/program.log" | sed 's/;/; /g'); $(minutes "$start")"
