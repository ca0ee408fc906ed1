#!/bin/sh
# Everything in C and C++ compiled without a warning by gcc 12 to 14 and clang 14 to 19, in bare roots of releases
# of Debian and Ubuntu that have them. The newest of each family also runs the C++ tests.
#   usage: platforms/compilers.sh [COMPILER...]      COMPILER: gcc-12 to gcc-14, clang-14 to clang-19, default: all
. "$(dirname "$0")/common.sh"
work=$PWD/build/platforms/compilers
start=$(date +%s)
rm -rf "$work"
mkdir -p "$work"
compilers=${*:-gcc-12 clang-14 clang-15 clang-16 gcc-14 clang-17 clang-18 clang-19 gcc-13}
# The C++ library is that of the release: gcc 12's, 13's or 14's. No gcc older than that of its release: it cannot link.
suite_of() {
  case $1 in
    gcc-12 | clang-14 | clang-15 | clang-16) echo bookworm ;;
    gcc-13) echo noble ;;
    gcc-14 | clang-17 | clang-18 | clang-19) echo trixie ;;
    *) fail "no release with $1 is known here" ;;
  esac
}
tested="gcc-14 clang-19"

# What building needs besides what the demo does.
prepare='
cd /demucs-ort
for compiler in $compilers; do packages="${packages:-} $(echo $compiler | sed "s/^gcc/g++/")"; done
scripts/install_system_packages.sh demo libgtest-dev libncurses-dev portaudio19-dev dpf-source libcairo2-dev \
  libx11-dev $packages
python3 -m venv .venv
.venv/bin/pip install -q -c constraints.txt --upgrade pip
.venv/bin/pip install -q -c constraints.txt --group build onnx onnxruntime
'

# Warnings of gcc come partly from its optimiser. Those of clang do not, so that it need not optimise what is not run.
build='
cd /demucs-ort
case $compiler in
  gcc-*) c=$compiler cxx=g++-${compiler#gcc-} ;;
  *) c=$compiler cxx=clang++-${compiler#clang-} ;;
esac
quick=""
case "$compiler $tests" in clang*no) quick="-DCMAKE_CXX_FLAGS_RELEASE=-O0 -DCMAKE_C_FLAGS_RELEASE=-O0" ;; esac
rm -rf build
cmake --preset test -DCMAKE_C_COMPILER=$c -DCMAKE_CXX_COMPILER=$cxx -DDEMUCS_ORT_BUILD_LIVE=ON \
  -DDEMUCS_ORT_BUILD_PLUGIN=ON -DDEMUCS_ORT_BUILD_PYTHON=ON \
  -Dpybind11_DIR="$(.venv/bin/python -m pybind11 --cmakedir)" -DPython_EXECUTABLE=/demucs-ort/.venv/bin/python \
  -DDEMUCS_ORT_DEFAULT_ONNXRUNTIME="$(PYTHONPATH=python/demucs_native .venv/bin/python -c \
    "from _runtime import onnxruntime_library; print(onnxruntime_library())")" $quick
cmake --build --preset test -- -k 0
[ $tests = no ] || ctest --preset test
'

ran=""
previous=""
for compiler in $compilers; do
  suite=$(suite_of "$compiler")
  root=$work/$suite
  if [ "$suite" != "$previous" ]; then
    say "a root of $suite"
    [ -z "$previous" ] || rm -rf "$work/$previous"
    make_root "$root" "$suite" ca-certificates,git
    copy_checkout "$root/demucs-ort"
    here=$(for one in $compilers; do [ "$(suite_of "$one")" != "$suite" ] || printf '%s ' "$one"; done)
    in_root "$root" "compilers='$here'; $prepare" >"$work/$suite.log" 2>&1 ||
      { tail -n 20 "$work/$suite.log" >&2; fail "$suite cannot be prepared"; }
    previous=$suite
  fi
  tests=no
  case " $tested " in *" $compiler "*) tests=yes ;; esac
  begun=$(date +%s)
  in_root "$root" "compiler=$compiler tests=$tests; $build" >"$work/$compiler.log" 2>&1 ||
    { grep -E -A6 '(error|warning):|tests failed' "$work/$compiler.log" | head -n 60 >&2
      fail "$compiler failed, see $work/$compiler.log"; }
  ! grep -E 'warning:' "$work/$compiler.log" >&2 || fail "$compiler warns"
  count=$(sed -n 's/.*tests failed out of //p' "$work/$compiler.log")
  [ $tests = no ] || ran="$ran${ran:+, }$count tests with $compiler"
  say "$compiler: no warning, $(minutes "$begun")"
done
[ -z "$previous" ] || rm -rf "$work/$previous"
echo "built: library, programs, plug-ins, Python module, tests and fuzz targets without a warning by" $compilers
echo "ran: ${ran:-nothing}; $(minutes "$start")"
