#!/bin/sh
# Linux arm64: library, program and C++ tests built with Debian's cross compiler against Debian's packages, and run by
# qemu with the ONNX Runtime of PyPI's package.
#   usage: platforms/arm64.sh
. "$(dirname "$0")/common.sh"
work=$PWD/build/platforms/arm64
root=$work/root
python=$PWD/.venv/bin/python
start=$(date +%s)
scripts/install_system_packages.sh test g++-aarch64-linux-gnu qemu-user-static mmdebstrap >&2
rm -rf "$work"
mkdir -p "$work"

say "packages"
# Of the release that the compiler is of, so that both have the same C++ library. Unpacked, not installed.
. /etc/os-release
mmdebstrap -q --variant=extract --architectures=arm64 --include=libavformat-dev,libswresample-dev,libsoxr-dev,libgtest-dev,nlohmann-json3-dev,libcli11-dev,libstdc++-12-dev \
  "$VERSION_CODENAME" "$root" $(archive_of "$ID") >"$work/root.log" 2>&1 || { tail -n 5 "$work/root.log" >&2; fail "no packages for arm64"; }
unpack_wheel "$work" manylinux_2_28_aarch64 onnxruntime
scripts/get_onnxruntime_headers.sh "$work/headers"
# Programs in the emulator would read the x86-64 machine's, and ONNX Runtime from 1.29 crashes without an Arm processor in it.
mkdir -p "$root/proc"
for processor in $(seq 0 $(($(nproc) - 1))); do
  printf 'processor\t: %s\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0xd40\nCPU revision\t: 1\n\n' "$processor"
done >"$root/proc/cpuinfo"
library=$(ls "$work"/onnxruntime/onnxruntime/capi/libonnxruntime.so.*)

say "building"
export PKG_CONFIG_LIBDIR="$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
cp -r "$work"/headers/include "$root/usr/include/onnxruntime"
cmake -G Ninja -S . -B "$work/build" -DCMAKE_TOOLCHAIN_FILE="$PWD/platforms/arm64.cmake" -DDEMUCS_ORT_SYSROOT="$root" \
  -DCMAKE_BUILD_TYPE=Release -DDEMUCS_ORT_BUILD_TESTS=ON -DDEMUCS_ORT_INSTALL=OFF -DDEMUCS_ORT_WARNINGS_AS_ERRORS=ON \
  -DCMAKE_UNITY_BUILD=ON -DPython_EXECUTABLE="$python" >"$work/build.log" 2>&1 &&
  cmake --build "$work/build" >>"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; fail "the build failed"; }

say "C++ tests"
# What measures memory, threads, audio threads or a deck in real time would measure the emulator, and a test that loads a
# hundred times takes minutes there. Fuzz targets are the same code.
DEMUCS_ORT_ONNXRUNTIME=$library ctest --test-dir "$work/build" -j2 --output-on-failure \
  -E 'emory|[Rr]eal[Tt]ime|AudioThread|ThreadCount|fuzz_corpus|LoadingThroughTheCInterface|ProvisionalStemsComeFirst' >"$work/tests.log" 2>&1 ||
  { tail -n 60 "$work/tests.log" >&2; fail "C++ tests failed"; }
passed=$(sed -n 's/.* tests failed out of \([0-9]*\)/\1/p' "$work/tests.log")

say "program"
"$python" platforms/check_program.py --slow env DEMUCS_ORT_ONNXRUNTIME="$library" qemu-aarch64-static -L "$root" \
  "$work/build/demucs_ort_cli" >"$work/program.log" || fail "the program does not as it does on x86-64"
cat "$work/program.log" >&2

echo "built: library, C interface, demucs_ort_cli with FFmpeg and soxr, C++ tests; aarch64-linux-gnu-g++ $(aarch64-linux-gnu-g++ -dumpfullversion)"
echo "ran: qemu $(qemu-aarch64-static --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p'), ONNX Runtime ${library##*.so.}: $passed C++ tests;" \
  "the program: $(paste -sd ';' "$work/program.log" | sed 's/;/; /g'); $(minutes "$start")"
