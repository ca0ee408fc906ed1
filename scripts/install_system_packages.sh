#!/bin/sh
# Installs the Debian/Ubuntu packages that a purpose needs, and those named after it; names them where it cannot.
#   usage: install_system_packages.sh demo|test|web [PACKAGE...]
set -eu
wanted="g++ cmake ninja-build pkg-config libavcodec-dev libavformat-dev libavutil-dev libswresample-dev libcli11-dev
nlohmann-json3-dev libsoxr-dev"
purpose=$1
shift
if [ "$purpose" = test ]; then
  wanted="$wanted ffmpeg libgtest-dev libncurses-dev portaudio19-dev libfluidsynth3 fluid-soundfont-gm timgm6mb-soundfont
espeak-ng flite rustc dpf-source libcairo2-dev libx11-dev xvfb xdotool lilv-utils lv2-dev lv2file sordi
unzip"
fi
[ "$purpose" != web ] || wanted=""
# Node.js and browsers often come from elsewhere; Debian's packages would then clash, or be a second one. Ubuntu has a
# Chromium for snap only.
any_of() { for name in "$@"; do ! command -v "$name" >/dev/null || return 0; done; return 1; }
[ "$purpose" = demo ] || any_of npm || wanted="$wanted nodejs npm"
if [ "$purpose" = test ] && ! grep -qs '^ID=ubuntu' /etc/os-release; then
  any_of chromium google-chrome chromium-browser || wanted="$wanted chromium"
fi
wanted="$wanted $*"
python=${PYTHON:-python3}
# Pythons from elsewhere bring these themselves.
[ "$purpose" = web ] || "$python" -c 'import ensurepip' 2>/dev/null || wanted="$wanted python3-venv"
[ "$purpose" = web ] || "$python" -c 'import pathlib, sys, sysconfig
sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists())' 2>/dev/null || wanted="$wanted python3-dev"

if ! command -v dpkg-query >/dev/null; then
  echo "This is no Debian or Ubuntu: building needs what these packages hold:" $wanted >&2
  exit 0
fi
missing=""
for package in $wanted; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root="sudo"
else
  echo "Missing packages; install them with: apt-get install$missing" >&2
  exit 1
fi
echo "Installing$missing"
# One at a time: make runs several jobs.
exec 9>"${TMPDIR:-/tmp}/demucs_ort_packages_$(id -u).lock"
flock 9
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
