#!/bin/sh
# `make demo` and `make test` as the README tells them, in a bare root of another Debian or of Ubuntu.
#   usage: platforms/debian.sh [SUITE]      SUITE: trixie (default), bookworm, noble, ...
. "$(dirname "$0")/common.sh"
suite=${1:-trixie}
work=$PWD/build/platforms/debian/$suite
root=$work/root
log=$work/log
start=$(date +%s)

say "making a bare root of $suite"
mkdir -p "$work"
make_root "$root" "$suite" git,make,ca-certificates
copy_checkout "$root/demucs-ort"

say "make demo"
in_root "$root" 'cd /demucs-ort; make demo' >"$log.demo" 2>&1 ||
  { tail -n 40 "$log.demo" >&2; fail "make demo failed"; }
tail -n 15 "$log.demo" >&2
say "make demo took $(minutes "$start"), the root included"

# A browser for the pages' tests is in Debian; Ubuntu has it as a snap, which no chroot runs.
tests='make test' left_out=""
if [ "$(distribution_of "$suite")" = ubuntu ]; then
  tests='make build build/openvino/ready build/openvino_plugin/ready build/oldest_onnxruntime/ready \
      web/node_modules/.package-lock.json
    for part in lint cpp python; do .venv/bin/python scripts/run_tests.py --only $part; done'
  left_out="; left out: the browser's tests, for Ubuntu has Chromium as a snap only"
fi
say "$tests"
in_root "$root" "cd /demucs-ort; $tests" >"$log.test" 2>&1 || { tail -n 60 "$log.test" >&2; fail "make test failed"; }
passed=$(grep -E '^  (lint|cpp|python|web) ' "$log.test" | awk '{ printf "%s%s %s", comma, $2, $1; comma = ", " }')

versions=$(in_root "$root" '
  . /etc/os-release
  echo "$PRETTY_NAME: $(/demucs-ort/.venv/bin/python --version)," \
    "g++ $(g++ -dumpfullversion), FFmpeg $(ffmpeg -version | sed -n "1s/ffmpeg version \([0-9.]*\).*/\1/p")"')
rm -rf "$root"
echo "built: all of it in a bare root, $versions"
echo "ran: make demo; make test with $passed passed$left_out; $(minutes "$start")"
