# What the checks in this folder share. Sourced by them; they run from the root of a checkout.
set -eu

say() { echo "${0##*/}: $*" >&2; }
fail() { say "$@"; exit 1; }
need() { scripts/install_system_packages.sh demo "$@" >&2; }
minutes() { echo "$((($(date +%s) - $1 + 30) / 60)) min"; }

# copy_checkout DIR: what is committed, as a clone has it.
copy_checkout() {
  [ -z "$(git status --porcelain --untracked-files=no)" ] || say "what is not committed is not part of this check"
  rm -rf "$1"
  git -c advice.detachedHead=false clone -q "$PWD" "$1"
}

distribution_of() {
  case $1 in
    bullseye | bookworm | trixie | forky | sid) echo debian ;;
    jammy | noble | resolute) echo ubuntu ;;
    *) fail "no Debian and no Ubuntu is known by the name '$1'" ;;
  esac
}

# The archive that this machine takes the distribution's packages from; nothing: it takes none, mmdebstrap knows one.
archive_of() {
  (. /etc/os-release && [ "${ID:-}" = "$1" ] &&
    apt-get indextargets --format '$(REPO_URI)|$(RELEASE)' 'Created-By: Packages' |
    awk -F'|' -v release="$VERSION_CODENAME" '$2 == release { print $1; exit }') || true
}

# make_root DIR SUITE PACKAGES: a root with what is essential, apt and PACKAGES (with commas between), nothing else.
make_root() {
  [ "$(id -u)" = 0 ] || fail "a root can only be made and entered as root (sudo)"
  need mmdebstrap
  rm -rf "$1"
  mkdir -p "$1"
  distribution=$(distribution_of "$2")
  keyring=/usr/share/keyrings/$distribution-archive-keyring.gpg
  if [ ! -e "$keyring" ]; then
    # Debian signs the package that holds Ubuntu's keys.
    mmdebstrap -q --variant=extract --include=ubuntu-keyring trixie "$1.keys" $(archive_of debian) >"$1.log" 2>&1 ||
      fail "the keys of $distribution cannot be fetched: $(tail -n 1 "$1.log")"
    keyring=$1.keys$keyring
  fi
  components=main
  [ "$distribution" = debian ] || components=main,universe
  mmdebstrap -q --variant=minbase --skip=cleanup/apt/lists --components="$components" --keyring="$keyring" \
    --include="apt,$3" "$2" "$1" $(archive_of "$distribution") >"$1.log" 2>&1 ||
    fail "the archive of $2 cannot be reached, or has not what is needed: $(tail -n 1 "$1.log")"
  rm -rf "$1.keys"
  cp /etc/resolv.conf /etc/hosts "$1/etc/"
  # Certificates under another name than the distribution's, which would overwrite them.
  bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  [ ! -e "$bundle" ] || cp "$bundle" "$1/etc/certificates_of_host.crt"
}

# Settings by which this machine reaches package indexes, one a line. Files of this machine are not among them.
index_settings() {
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_EXTRA_INDEX_URL \
    NPM_CONFIG_REGISTRY; do
    eval "value=\${$name:-}"
    [ -z "$value" ] || echo "$name=$value"
  done
  for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS; do
    echo "$name=/etc/certificates_of_host.crt"
  done
  echo PIP_DEFAULT_TIMEOUT=180
}

# in_root DIR COMMANDS: runs them with `sh -euc` there. Mounts and processes end with it.
in_root() {
  # Newlines alone split the settings.
  (
    IFS='
'
    exec unshare --mount --pid --fork --kill-child sh -euc '
      root=$1 commands=$2
      shift 2
      mount -t proc proc "$root/proc"
      mount --rbind /dev "$root/dev"
      mount --rbind /sys "$root/sys"
      exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LANG=C.UTF-8 PIP_ROOT_USER_ACTION=ignore "$@" sh -euc "$commands"' sh "$1" "$2" $(index_settings)
  )
}

# pc SYSROOT NAME VERSION: tells CMake of a library that lies in a sysroot.
pc() {
  mkdir -p "$1/lib/pkgconfig"
  printf 'Name: %s\nDescription: for another system\nVersion: %s\nLibs: -L%s -l%s\nCflags: -I%s\n' \
    "$2" "$3" "$1/lib" "${2#lib}" "$1/include" >"$1/lib/pkgconfig/$2.pc"
}

# install_source FOLDER BUILD SYSROOT SETTINGS...: a library of sources with CMake, static, into a sysroot.
install_source() {
  sources=$1 build=$2 sysroot=$3
  shift 3
  cmake -G Ninja -S "$sources" -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
    -DCMAKE_INSTALL_PREFIX="$sysroot" "$@" >"$build.log" 2>&1 &&
    cmake --build "$build" --target install >>"$build.log" 2>&1 || { tail -n 20 "$build.log" >&2; fail "$sources"; }
}

# unpack_wheel DEST PLATFORM PACKAGE: of PyPI's package for another system, the version of constraints.txt unless named.
# Its folder is DEST/NAME.
unpack_wheel() {
  name=${3%%=*}
  .venv/bin/python -m pip download -q --no-deps --only-binary=:all: --platform "$2" --python-version 3.12 -c constraints.txt \
    --dest "$1/wheels" "$3" >&2
  .venv/bin/python -m zipfile -e "$1"/wheels/"$name"-*.whl "$1/$name"
}

# install_headers WORK SYSROOT: of what is the same on all systems.
install_headers() {
  mkdir -p "$2/include" "$2/lib" "$2/share/cmake"
  cp -r /usr/include/nlohmann /usr/include/CLI "$2/include/"
  cp -r /usr/share/cmake/nlohmann_json /usr/share/cmake/CLI11 "$2/share/cmake/"
  scripts/get_onnxruntime_headers.sh "$1/onnxruntime_headers"
  cp -r "$1"/onnxruntime_headers/include/* "$2/include/"
}

# FFmpeg 7.1: in the package `av` its libraries for other systems, in Debian 13 the headers.
# install_ffmpeg WORK SYSROOT PLATFORM
ffmpeg_libraries="avcodec avformat avutil swresample"
install_ffmpeg() {
  unpack_wheel "$1" "$3" av==14.2.0
  [ -d "$1/ffmpeg" ] || scripts/unpack_packages.sh trixie main "$1/ffmpeg" $(for one in $ffmpeg_libraries; do echo lib$one-dev; done)
  cp -r "$1"/ffmpeg/usr/include/*/lib* "$2/include/"
  for one in $ffmpeg_libraries; do
    pc "$2" "lib$one" "$(sed -n 's/^Version: //p' "$1"/ffmpeg/usr/lib/*/pkgconfig/lib$one.pc)"
  done
}
