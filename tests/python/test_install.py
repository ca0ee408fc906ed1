"""The installed C++ package as hosts see it: programs that find it in every documented way are built and run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import once
from demucs_export import Report
from demucs_native._runtime import onnxruntime_library
from support import ROOT, music

CONSUMER = ROOT / "tests/consumer"
STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
C_STRICT = f"-std=c99 {STRICT} -Wstrict-prototypes"
CPP_STRICT = f"-std=c++17 {STRICT} -Wold-style-cast"
# gains.onnx gives 0.75 and 0.25 of the mix; the last line is the status of a file that is no model.
EXPECTED = "drums 0.375\nbass 0.125\nstatus 2\n"


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [*map(str, command)], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(source: Path, folder: Path, *options: str) -> Path:
    """Configures and builds without optimisation and symbols, all files at once: that takes a tenth of the time."""
    quick = ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_UNITY_BUILD_BATCH_SIZE=0"]
    quick += [f"-DCMAKE_{language}_FLAGS_DEBUG=" for language in ("C", "CXX")]
    run("cmake", "-G", "Ninja", "-S", source, "-B", folder, *quick, *options)
    run("cmake", "--build", folder)
    return folder


def expect_exports(library: Path, pinned: Path) -> None:
    listed = run("nm", "--dynamic", "--defined-only", "--demangle", library)
    # The private parts of a class are as visible as the class.
    symbols = sorted({line.split(" ", 2)[2] for line in listed.splitlines() if "::Impl::" not in line})
    assert symbols == pinned.read_text().splitlines(), (
        f"the binary interface changed; if that is meant, {pinned.relative_to(ROOT)} becomes:\n" + "\n".join(symbols)
    )


def expect_consumers_run(folder: Path, model: Path, rates: str = "any rate", **environment: str) -> None:
    assert run(folder / "consumer_c", model, **environment) == EXPECTED
    *stems, at_another_rate, status = run(folder / "consumer_cpp", model, **environment).splitlines()
    assert [*stems, status] == EXPECTED.splitlines()
    assert rates in at_another_rate


@pytest.fixture(scope="module")
def runtime() -> Path:
    library = onnxruntime_library()
    assert library is not None
    return Path(library)


@pytest.fixture(scope="module")
def host_runtime(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX Runtime laid out as a host that links it has it."""
    folder = tmp_path_factory.mktemp("onnxruntime")
    (folder / "lib").mkdir()
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / "lib" / name).symlink_to(runtime)
    (folder / "include").symlink_to(ROOT / ".deps/onnxruntime/include")
    return folder


@pytest.fixture(scope="session")
def static_prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make build` built, installed: static libraries, and the program."""

    def make(folder: Path) -> Path:
        run("cmake", "--install", ROOT / "build/release", "--prefix", folder / "prefix")
        return folder / "prefix"

    return once(tmp_path_factory, "static", make)


@pytest.fixture(scope="session")
def shared_prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared libraries and the program, installed."""

    def make(folder: Path) -> Path:
        build(ROOT, folder / "build", "-DBUILD_SHARED_LIBS=ON", f"-DCMAKE_INSTALL_PREFIX={folder / 'prefix'}")
        run("cmake", "--install", folder / "build")
        return folder / "prefix"

    return once(tmp_path_factory, "shared", make)


@pytest.fixture(scope="module")
def linked_build(host_runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host that builds the library inside its own build, as FetchContent does, and links its own ONNX Runtime."""
    return build(
        CONSUMER,
        tmp_path_factory.mktemp("linked"),
        f"-DDEMUCS_ORT_SOURCE={ROOT}",
        f"-DHOST_ONNXRUNTIME={host_runtime}",
        "-DDEMUCS_ORT_LINK_ONNXRUNTIME=ON",
        "-DDEMUCS_ORT_INSTALL=ON",
    )


def test_everything_is_installed(static_prefix: Path, shared_prefix: Path) -> None:
    for prefix, library in ((static_prefix, "libdemucs_ort.a"), (shared_prefix, "libdemucs_ort.so.0.1")):
        installed = {str(file.relative_to(prefix)) for file in prefix.rglob("*")}
        assert {
            "bin/demucs_ort_cli",
            "include/demucs_ort/c_api.h",
            "include/demucs_ort/demucs_ort.hpp",
            "include/demucs_ort/export.h",
            "include/demucs_ort/version.h",
            f"lib/{library}",
            "lib/cmake/demucs_ort/demucs_ortConfig.cmake",
            "lib/cmake/demucs_ort/demucs_ortConfigVersion.cmake",
            "lib/pkgconfig/demucs_ort.pc",
            "share/doc/demucs_ort/LICENSE",
            "share/doc/demucs_ort/THIRD_PARTY_NOTICES.md",
        } <= installed
        assert run(prefix / "bin/demucs_ort_cli", "--version").startswith("demucs_ort_cli ")
        for text in prefix.rglob("lib/*/**/*"):
            assert text.is_dir() or str(prefix).encode() not in text.read_bytes(), f"{text} cannot be moved"


def test_the_plug_in_is_installed_where_hosts_look_and_finds_its_library(static_prefix: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "moved"
    prefix.symlink_to(static_prefix)
    for name in ("demucs_stems", "demucs_stems_multi_out"):
        assert (prefix / f"lib/lv2/{name}.lv2/manifest.ttl").is_file()
        vst3 = next((prefix / f"lib/vst3/{name}.vst3/Contents").glob("*-linux"))
        for module in (f"lib/lv2/{name}.lv2/{name}_dsp.so", f"lib/clap/demucs-ort/{name}.clap", vst3 / f"{name}.so"):
            load = "import ctypes, sys; ctypes.CDLL(sys.argv[1]); print(open('/proc/self/maps').read())"
            assert "/lib/demucs-ort/libdemucs_ort_plugin-" in run(sys.executable, "-c", load, prefix / module)
    shared = {file.name for file in (prefix / "lib/demucs-ort").iterdir()}
    assert {"htdemucs_demo.onnx", "libonnxruntime.so.1", "LICENSE", "THIRD_PARTY_NOTICES.md"} < shared


def test_find_package(
    static_prefix: Path, shared_prefix: Path, gains_model: Path, runtime: Path, tmp_path: Path
) -> None:
    for prefix in (static_prefix, shared_prefix):
        folder = build(CONSUMER, tmp_path / prefix.parent.name, f"-DCMAKE_PREFIX_PATH={prefix}")
        expect_consumers_run(folder, gains_model, DEMUCS_ORT_ONNXRUNTIME=str(runtime))


def test_pkg_config(static_prefix: Path, shared_prefix: Path, gains_model: Path, runtime: Path, tmp_path: Path) -> None:
    for prefix, options in ((static_prefix, ["--static"]), (shared_prefix, [])):
        query = ["pkg-config", *options, "--cflags", "--libs", "demucs_ort"]
        flags = shlex.split(run(*query, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig")))
        for compiler, source in (("cc", "consumer.c"), ("c++", "consumer.cpp")):
            program = tmp_path / f"consumer_{source.removeprefix('consumer.')}"
            run(compiler, CONSUMER / source, "-o", program, *flags)
        paths = {"DEMUCS_ORT_ONNXRUNTIME": str(runtime), "LD_LIBRARY_PATH": str(prefix / "lib")}
        expect_consumers_run(tmp_path, gains_model, **paths)


def test_the_source_inside_a_host_s_build_with_the_host_s_onnxruntime(linked_build: Path, gains_model: Path) -> None:
    """The variable for the library to load has no say where one is linked."""
    expect_consumers_run(linked_build, gains_model, DEMUCS_ORT_ONNXRUNTIME="/nowhere")


def test_a_static_library_finds_the_onnxruntime_it_was_linked_to(
    linked_build: Path, host_runtime: Path, gains_model: Path, tmp_path: Path
) -> None:
    run("cmake", "--install", linked_build, "--prefix", tmp_path / "prefix")
    options = (f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}", f"-DONNXRUNTIME_ROOT={host_runtime}")
    expect_consumers_run(build(CONSUMER, tmp_path / "build", *options), gains_model)
    asked_too_much = ["cmake", "-S", str(CONSUMER / "files"), "-B", str(tmp_path / "files"), *options]
    refused = subprocess.run(asked_too_much, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "was built without its component 'files'" in " ".join(refused.stderr.split())


def test_the_vcpkg_port_without_vcpkg(host_runtime: Path, gains_model: Path, tmp_path: Path) -> None:
    prefix, root = tmp_path / "packages", f"-DONNXRUNTIME_ROOT={host_runtime}"
    run("cmake", f"-DPACKAGES={prefix}", root, "-P", CONSUMER / "vcpkg_stand_in.cmake")
    assert (prefix / "share/demucs-ort/LICENSE").exists()
    folder = build(CONSUMER, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", root)
    without = "not 48000 Hz, and this build has no resampler (soxr); resample the mix first"
    expect_consumers_run(folder, gains_model, rates=without)


def test_headers_stand_alone(shared_prefix: Path, tmp_path: Path) -> None:
    headers = sorted((shared_prefix / "include/demucs_ort").iterdir())
    assert len(headers) >= 8
    include = f"-I{shared_prefix / 'include'}"
    for header in headers:
        source = tmp_path / "alone.c"
        source.write_text(2 * f"#include <demucs_ort/{header.name}>\n" + "extern int nothing;\n")
        run("c++", *CPP_STRICT.split(), include, "-fsyntax-only", "-x", "c++", source)
        if header.suffix == ".h":
            run("cc", *C_STRICT.split(), include, "-fsyntax-only", source)


def test_the_shared_library_exports_what_is_pinned_and_nothing_else(shared_prefix: Path) -> None:
    expect_exports(shared_prefix / "lib/libdemucs_ort.so", CONSUMER / "exported_symbols.txt")


def test_examples(static_prefix: Path, small_export: Report, tmp_path: Path) -> None:
    flags = f"-DCMAKE_CXX_FLAGS={CPP_STRICT} -ffast-math", f"-DCMAKE_C_FLAGS={C_STRICT} -ffast-math"
    folder = build(ROOT / "examples", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={static_prefix}", *flags)
    for program in ("separate", "separate_c"):
        said = run(folder / program, small_export.onnx)
        assert [line.split()[0] for line in said.splitlines()] == ["drums", "bass", "other", "vocals"]
    said = run(folder / "deck", small_export.onnx)
    # How many come within its two seconds of real time is a matter of the machine.
    assert re.search(r"after loading: +\d\.\d\d s without stems, then 0 blocks provisional, \d+ final", said), said
    assert "100 % of the track is final" in said
    said = run(folder / "stream", small_export.onnx)
    assert [line.split()[0] for line in said.splitlines()] == ["latency", "drums", "bass", "other", "vocals", "late"]
    assert re.search(r"other +0\.\d*[1-9]", said), said
    mix = music(100_000)
    (tmp_path / "mix.f32").write_bytes(mix.T.tobytes())
    said = run(folder / "separate_c", small_export.onnx, tmp_path / "mix.f32", tmp_path)
    levels = dict(re.findall(r"(\w+) +([\d.]+)", said))
    for stem in ("drums", "vocals"):
        samples = np.fromfile(tmp_path / f"{stem}.f32", np.float32).reshape(-1, 2)
        assert len(samples) == 100_000
        assert float(levels[stem]) == pytest.approx(np.sqrt((samples[:, 0] ** 2).mean()), abs=1e-4)
