"""A host that is not ours (examples/dj_host), built against the installed package as strictly as hosts compile."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import once
from demucs_export import Report
from support import ROOT
from test_install import CPP_STRICT, build
from test_install import runtime as runtime  # fixtures
from test_install import static_prefix as static_prefix
from test_stem_files import streams

RATES = [44_100, 48_000, 96_000, 44_100]
TRACK_SECONDS = 8


@pytest.fixture(scope="module")
def dj_host(static_prefix: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    flags = f"-DCMAKE_CXX_FLAGS={CPP_STRICT} -ffast-math"
    options = f"-DCMAKE_PREFIX_PATH={static_prefix}", flags
    folder = once(tmp_path_factory, "dj_host", lambda made: build(ROOT / "examples/dj_host", made / "build", *options))
    return folder / "dj_host"


def start(program: Path, runtime: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DEMUCS_ORT_ONNXRUNTIME": str(runtime)}
    return subprocess.run([program, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False)


def test_four_decks_an_analysis_and_a_stem_file(
    dj_host: Path, runtime: Path, small_export: Report, tmp_path: Path
) -> None:
    stem_file, figures = tmp_path / "deck.stem.mp4", tmp_path / "figures.json"
    options = ["--seconds", 3, "--track-seconds", TRACK_SECONDS, "--stem-file", stem_file, "--json", figures]
    done = start(dj_host, runtime, small_export.onnx, *options)
    assert (done.returncode, done.stderr) == (0, "")
    values = json.loads(figures.read_text())
    assert values["sample_rate_hz"] == RATES
    assert values["wrong_frames"] == [0, 0, 0, 0]
    parts = ["frames_before_first_stem", "provisional_frames", "final_frames", "gap_frames"]
    for deck, rate in enumerate(RATES):
        played = values["callbacks"] * 64 * rate // 44_100
        assert sum(values[part][deck] for part in parts) == played
        assert values["provisional_frames"][deck] == 0
    for figure in ("all_final_s", "peak_memory_mb", "cancel_beside_decks_ms", "cancel_alone_ms", "stem_file_s"):
        assert values[figure] > 0
    table = {line.split()[0]: len(line.split()) for line in done.stdout.splitlines() if not line.startswith(" ")}
    assert table == {name: 5 if isinstance(value, list) else 2 for name, value in values.items()}
    mix, *stems = streams(stem_file)
    assert 0 <= mix.shape[1] - TRACK_SECONDS * 44_100 < 1024
    assert ((mix - sum(stems)) ** 2).sum() < 0.05 * (mix**2).sum()  # as near as AAC is
    assert set(tmp_path.iterdir()) == {stem_file, figures}


def test_a_provisional_model_changes_nothing_in_the_end(
    dj_host: Path, runtime: Path, small_export: Report, tmp_path: Path
) -> None:
    figures = tmp_path / "figures.json"
    options = ["--provisional", small_export.onnx, "--seconds", 1, "--track-seconds", TRACK_SECONDS, "--json", figures]
    done = start(dj_host, runtime, small_export.onnx, *options)
    assert done.returncode == 0, done.stderr
    values = json.loads(figures.read_text())
    assert values["wrong_frames"] == [0, 0, 0, 0]
    assert values["stem_file_s"] is None


def test_errors_are_sentences(dj_host: Path, runtime: Path, small_export: Report, tmp_path: Path) -> None:
    for arguments in (
        [],
        [small_export.onnx, "--seconds"],
        [small_export.onnx, "--what", "1"],
        [small_export.onnx, "--seconds", 0],
    ):
        done = start(dj_host, runtime, *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("usage: dj_host")
    done = start(dj_host, runtime, tmp_path / "nothing.onnx")
    assert done.returncode == 1
    assert re.fullmatch(r"[^\n]+nothing.onnx[^\n]+\n", done.stderr)
