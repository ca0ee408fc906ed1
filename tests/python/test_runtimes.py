"""Files run on ONNX Runtime alone, and alike on the oldest version that the documents claim and the present one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import demucs_native
import numpy as np
import pytest
from demucs_export import Report
from demucs_native._runtime import onnxruntime_library
from support import ROOT, Cli, music, read_stems, write_wav

OLDEST = ROOT / "build/oldest_onnxruntime"  # `make test` installs it


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [*map(str, command)], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def levels(said: str) -> dict[str, float]:
    return {line.split()[0]: float(line.split()[1]) for line in said.splitlines()}


@pytest.fixture(scope="module")
def expected(small_export: Report) -> dict[str, float]:
    """What demucs_native makes of the segment of two tones in the examples."""
    model = demucs_native.Model(small_export.onnx)
    time = np.arange(model.segment_frames) / model.sample_rate
    mix = (0.3 * np.sin(2 * np.pi * np.outer([70, 560], time))).astype(np.float32)
    mean, deviation = mix.mean(), mix.mean(0).std(ddof=1)
    stems = model.run(((mix - mean) / deviation)[np.newaxis])[0] * deviation + mean
    return {name: float(np.sqrt((stem[0] ** 2).mean())) for name, stem in zip(model.sources, stems, strict=True)}


@pytest.mark.parametrize("runtime", ["oldest", "present"])
def test_python_without_our_code(runtime: str, small_export: Report, expected: dict[str, float]) -> None:
    path = {"PYTHONPATH": str(OLDEST)} if runtime == "oldest" else {}
    version = run(sys.executable, "-c", "import onnxruntime; print(onnxruntime.__version__)", **path)
    assert (version.strip() == "1.21.0") == (runtime == "oldest")
    said = run(sys.executable, ROOT / "examples/plain_onnxruntime.py", small_export.onnx, **path)
    assert levels(said) == pytest.approx(expected, abs=1e-4)


def test_the_module_uses_the_installed_package(small_export: Report) -> None:
    code = "import sys, demucs_native; print(demucs_native.Model(sys.argv[1]).onnxruntime_version)"
    present = run(sys.executable, "-c", "import onnxruntime; print(onnxruntime.__version__)")
    assert run(sys.executable, "-c", code, small_export.onnx) == present
    assert run(sys.executable, "-c", code, small_export.onnx, PYTHONPATH=str(OLDEST)).strip() == "1.21.0"


def test_cpp_without_our_code(small_export: Report, expected: dict[str, float], tmp_path: Path) -> None:
    library = onnxruntime_library()
    assert library is not None
    (tmp_path / "libonnxruntime.so.1").symlink_to(library)  # the name programs look for, which the package lacks
    cache = (ROOT / "build/release/CMakeCache.txt").read_text()
    (headers,) = re.findall(r"^onnxruntime_INCLUDE_DIR:\w+=(.+)$", cache, re.MULTILINE)
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-isystem", headers]
    program = tmp_path / "plain"
    run("c++", *flags, ROOT / "examples/plain_onnxruntime.cpp", tmp_path / "libonnxruntime.so.1", "-o", program)
    said = run(program, small_export.onnx, LD_LIBRARY_PATH=str(tmp_path))
    assert levels(said) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", ["onnx", "ort"])
def test_program_on_the_oldest_runtime(kind: str, small_export: Report, cli: Cli, tmp_path: Path) -> None:
    (library,) = (OLDEST / "onnxruntime/capi").glob("libonnxruntime.so.*")
    environment = {**os.environ, "DEMUCS_ORT_ONNXRUNTIME": str(library)}
    model, song = getattr(small_export, kind), write_wav(tmp_path / "song.wav", music(200_000))
    assert "1.21.0" in cli("--info", model, env=environment).stdout
    assert cli("-m", model, song, tmp_path / "oldest", env=environment).returncode == 0
    assert cli("-m", model, song, tmp_path / "present").returncode == 0
    present = read_stems(tmp_path / "present")
    for name, stem in read_stems(tmp_path / "oldest").items():
        error = np.square(stem - present[name]).mean() / np.square(present[name]).mean()
        assert error < 1e-10, name  # 100 dB


def test_the_interface_that_is_asked_for_does_not_depend_on_the_headers(gains_model: Path, cli: Cli) -> None:
    fake = ROOT / "build/release/tests/cpp/libfake_onnxruntime.so"
    done = cli("--info", gains_model, env={**os.environ, "DEMUCS_ORT_ONNXRUNTIME": str(fake)})
    assert done.returncode == 6
    assert f"'{fake}' is ONNX Runtime asked for 21, which is too old" in done.stderr


def test_a_library_under_another_name_is_the_same(gains_model: Path, tmp_path: Path) -> None:
    library = onnxruntime_library()
    assert library is not None
    symlink = tmp_path / "runtime.so"
    symlink.symlink_to(library)
    relative = os.path.relpath(library, tmp_path)
    other = ROOT / "build/release/tests/cpp/libfake_onnxruntime.so"
    code = """
import os, sys, demucs_native
for name in sys.argv[2:]:
    os.environ["DEMUCS_ORT_ONNXRUNTIME"] = name
    try:
        print(demucs_native.Model(sys.argv[1]).name)
    except demucs_native.Error as error:
        print(error.status, error)
"""
    command = [sys.executable, "-c", code, gains_model, library, symlink, relative, "libonnxruntime.so.1", other]
    done = subprocess.run([*map(str, command)], cwd=tmp_path, capture_output=True, text=True, check=True)
    *same, refused = done.stdout.splitlines()
    assert same == ["gains"] * 4
    assert refused == (
        f"runtime_missing this process already uses the ONNX Runtime library '{library}', "
        f"so '{other}' cannot be used as well"
    )
