"""The C interface from a language that is neither C nor C++: examples/rust, built with rustc alone."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from demucs_export import Report
from demucs_native import Model, Stream
from demucs_native._runtime import onnxruntime_library
from numpy.typing import NDArray
from support import ROOT, Stems, music
from test_abi import LINE, RECORD
from test_install import run

RUST = ROOT / "examples/rust"
FRAMES = 130_000  # more than a segment


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built against the installed package."""
    if shutil.which("rustc") is None and "CI" not in os.environ:
        pytest.skip("rustc is not installed; `make setup` installs it on Debian and Ubuntu")
    folder = tmp_path_factory.mktemp("rust")
    run("cmake", "--install", ROOT / "build/release", "--prefix", folder)
    query = ["pkg-config", "--static", "--libs", "demucs_ort"]
    libraries = shlex.split(run(*query, PKG_CONFIG_PATH=str(folder / "lib/pkgconfig")))
    run("rustc", "--edition=2021", "-Dwarnings", RUST / "stems.rs", "-o", folder / "stems", *libraries)
    return folder / "stems"


def start(program: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [program, *map(str, arguments)]
    environment = {**os.environ, "DEMUCS_ORT_ONNXRUNTIME": str(onnxruntime_library())}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def read(folder: Path, what: str) -> Stems:
    files = folder.glob(f"{what}_*.f32")
    return {file.stem.removeprefix(f"{what}_"): np.fromfile(file, np.float32).reshape(2, -1) for file in files}


def expect_equal(stems: Stems, expected: Stems) -> None:
    assert stems.keys() == expected.keys()
    for name, stem in expected.items():
        assert np.abs(stem).max() > 0.001
        assert stems[name].tobytes() == stem.tobytes(), name


def streamed(model: Model, mix: NDArray[np.float32]) -> tuple[Stems, int]:
    with Stream(model) as stream:
        latency = stream.latency_frames
        stems = stream.render(np.pad(mix, ((0, 0), (0, latency))))
    return {name: np.ascontiguousarray(stem[:, latency:]) for name, stem in stems.items()}, latency


def test_a_track_a_deck_and_a_stream_are_those_of_python(program: Path, small_export: Report, tmp_path: Path) -> None:
    mix = music(FRAMES)
    mix.tofile(tmp_path / "mix.f32")
    done = start(program, small_export.onnx, tmp_path / "mix.f32", tmp_path)
    assert done.returncode == 0, done.stderr
    model = Model(small_export.onnx)
    separated = model.separate(mix)
    expect_equal(read(tmp_path, "separate"), separated)
    expect_equal(read(tmp_path, "deck"), separated)
    stems, latency = streamed(model, mix)
    expect_equal(read(tmp_path, "stream"), stems)
    assert done.stdout.splitlines() == [
        f"separated {FRAMES} frames",
        f"played {FRAMES} frames, 100 % final",
        f"streamed with a latency of {latency} frames",
    ]


def test_an_error_is_the_library_s_sentence(program: Path, small_export: Report, tmp_path: Path) -> None:
    done = start(program, tmp_path / "no.onnx", tmp_path / "mix.f32", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"there is no model file '{tmp_path / 'no.onnx'}'; give the path of an .onnx or .ort file made by "
        "demucs-export\n"
    )
    mix = np.full((2, FRAMES), np.nan, np.float32)
    mix.tofile(tmp_path / "mix.f32")
    done = start(program, small_export.onnx, tmp_path / "mix.f32", tmp_path)
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (1, "", [tmp_path / "mix.f32"])
    assert re.fullmatch(r".*(NaN|finite).*\n", done.stderr)


def test_its_declarations_are_those_of_the_headers() -> None:
    lines = dict(LINE.findall(RECORD.read_text()))
    source = (RUST / "demucs_ort.rs").read_text()
    functions = re.findall(r"pub fn (\w+)\((.*?)\)(?: -> [^;]+)?;", source, re.DOTALL)
    assert len(functions) > 20
    for name, parameters in functions:
        (c_parameters,) = re.findall(r"\((.*)\)$", lines[f"FUNCTION({name}"])
        count = 0 if c_parameters == "void" else c_parameters.count(",") + 1
        assert len(re.findall(r"\w+: ", parameters)) == count, name
    structs = re.findall(r"pub struct (\w+) \{\n(.*?)\n\}", source, re.DOTALL)
    assert [struct for struct, _ in structs] == ["ModelInfo", "DeckState", "StreamOptions"]
    for struct, fields in structs:
        c_struct = "demucs_ort_" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", struct).lower()
        c_fields = [key.partition(", ")[2] for key in lines if key.startswith(f"FIELD({c_struct},")]
        known = re.findall(r"pub (\w+):", fields)
        assert known == c_fields[: len(known)], struct
