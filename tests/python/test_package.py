"""What is shipped to Python: the wheel in an empty environment, its type stubs, the example."""

import filecmp
import importlib.metadata
import subprocess
import sys
import venv
from pathlib import Path

import demucs_native
import pytest
from demucs_export import Report
from support import ROOT

FRESH_RUN = """
import sys, numpy, demucs_native

assert "torch" not in sys.modules and "onnxruntime" not in sys.modules
model = demucs_native.Model(sys.argv[1])
stems = model.separate(numpy.ones((2, 1000), numpy.float32))
print(sorted(stems), stems["bass"].shape)
"""


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel() -> Path:
    (wheel,) = (ROOT / "dist").glob("*.whl")
    return wheel


def test_wheel_works_in_an_empty_environment(wheel: Path, small_export: Report, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel)
    said = run(python, "-c", FRESH_RUN, small_export.onnx, cwd=tmp_path)
    assert said.strip() == "['bass', 'drums', 'other', 'vocals'] (2, 1000)"
    exporter = subprocess.run(
        [tmp_path / "venv/bin/demucs-export", "--untrained", "0", "-o", "x"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert exporter.returncode != 0
    assert "demucs-ort[export]" in exporter.stderr
    assert "Traceback" not in exporter.stderr


def test_stubs_are_those_of_the_module(tmp_path: Path) -> None:
    run(sys.executable, ROOT / "scripts/make_stubs.py", tmp_path)
    stub = Path("demucs_native/_core.pyi")
    assert filecmp.cmp(tmp_path / stub, ROOT / "python" / stub, shallow=False), "run `make stubs`"


def test_versions_agree(cli_path: Path) -> None:
    version = importlib.metadata.version("demucs-ort")
    assert demucs_native.__version__ == version
    assert run(cli_path, "--version").split() == ["demucs_ort_cli", version]


def test_python_example(small_export: Report, tmp_path: Path) -> None:
    said = run(sys.executable, ROOT / "examples/separate.py", small_export.onnx, cwd=tmp_path)
    assert [line.split()[0] for line in said.splitlines()] == ["drums", "bass", "other", "vocals"]
