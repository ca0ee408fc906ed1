"""`make official`, rehearsed against a stand-in for the download; and a release of what it exported."""

import argparse
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import official_stand_in
import pytest
import soundfile
from conftest import once
from demucs_bench import whole_song
from demucs_bench.official_weights import load
from mirror import pinned
from mirror import serving as serving_files
from official_stand_in import SIX, StandIn
from support import ROOT, music, write_wav
from test_release import script

sys.path.insert(0, str(ROOT / "scripts"))
import official
import official_report
from export_release_models import MODELS, PRECISIONS
from official import OfficialError

INSTALLED = """
import pathlib, runpy, sys
from demucs_native import _models
_models.INDEX_FILE = pathlib.Path(sys.argv[1])
sys.argv[:] = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
FOUR = ["drums", "bass", "other", "vocals"]
STEMS = {"htdemucs": FOUR, "htdemucs_ft": FOUR, "htdemucs_6s": SIX}
Table = list[dict[str, str]]


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run said and wrote."""

    code: int
    out: str
    err: str
    output: Path

    @property
    def report(self) -> str:
        return (self.output / "report.md").read_text(encoding="utf-8")


def run(stand_in: StandIn, output: Path, *arguments: object) -> Run:
    command = [sys.executable, ROOT / "scripts/official.py", "--output", output, "--rounds", "1", *arguments]
    done = subprocess.run(
        [str(word) for word in command], cwd=ROOT, env=stand_in.environment, capture_output=True, text=True, check=False
    )
    return Run(done.returncode, done.stdout, done.stderr, output)


def tables(report: str) -> list[Table]:
    """The rows of each table, by their heads."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n?)+", report, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in block.splitlines()]
        found.append([dict(zip(head, row, strict=False)) for row in rows])
    return found


def table_with(report: str, column: str) -> Table:
    (table,) = (table for table in tables(report) if table and column in table[0])
    return table


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All models, each program in a process of its own, from the download to the report."""

    def make(folder: Path) -> Run:
        song = write_wav(folder / "a song.wav", music(44_100))
        with official_stand_in.serving(folder / "stand_in") as stand_in:
            return run(stand_in, folder / "out", "--precisions", "fp32", "--song", song)

    return once(tmp_path_factory, "official", make)


def test_every_model_is_exported_compared_and_timed(rehearsal: Run) -> None:
    assert rehearsal.code == 0, rehearsal.err
    assert str(rehearsal.output / "report.md") in rehearsal.out
    assert official_report.ISSUES in rehearsal.out
    exports = table_with(rehearsal.report, "MB to load")
    assert [(row["model"], row["precision"], row["result"]) for row in exports] == [
        (model, "fp32", "verified") for model in MODELS
    ]
    for row in exports:
        assert 80 <= float(row["SNR, dB"]) < 200
        assert 0 < float(row["difference"]) < 1e-3
    stems = table_with(rehearsal.report, "allowed")
    assert {model: [row["stem"] for row in stems if row["model"] == model] for model in MODELS} == {
        model: sorted(names) for model, names in STEMS.items()
    }
    for row in stems:
        assert row["allowed"] == "yes"
        assert 80 <= float(row["SNR, dB"]) < 200
        assert 0 < float(row["largest difference"]) < float(row["peak"]) * 1e-4
    times = table_with(rehearsal.report, "demucs / this")
    assert [(row["model"], row["program"]) for row in times] == [
        (model, program) for model in MODELS for program in ("stock demucs", "fp32")
    ]
    for stock, ours in zip(times[::2], times[1::2], strict=True):
        assert float(ours["demucs / this"]) == pytest.approx(float(stock["s"]) / float(ours["s"]), rel=0.1)
        assert float(stock["peak memory, MB"]) > float(ours["peak memory, MB"]) > 10


def test_the_report_names_what_it_was_made_with(rehearsal: Run) -> None:
    machine = dict(row.values() for row in tables(rehearsal.report)[0])
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert machine["commit"].split(",")[0] == head.strip()
    assert re.search(r"demucs 4\.\d", machine["packages"])
    assert re.search(r"torch \d", machine["packages"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", machine["ONNX Runtime of demucs_ort_cli"])
    assert machine["processor"]
    assert re.search(r"\d+ logical; demucs_ort_cli used \d+ threads", machine["cores"])
    assert "`a song.wav`" in rehearsal.report
    assert "says nothing about how well they separate" not in rehearsal.report


def test_the_report_has_the_hash_of_every_file(rehearsal: Run) -> None:
    weights = table_with(rehearsal.report, "publisher's SHA-256")
    assert [row["model"] for row in weights] == ["htdemucs", *4 * ["htdemucs_ft"], "htdemucs_6s"]
    assert all("at 5ca1ab1e5ca1" in row["from"] for row in weights[:5])
    assert weights[5]["from"].endswith("/hybrid_transformer")
    assert [row["publisher's SHA-256"] for row in weights] == [*5 * ["same first 64 digits"], "same first 8 digits"]
    listed = dict(line.split("  ")[::-1] for line in re.findall(r"^[0-9a-f]{64}  \S+$", rehearsal.report, re.MULTILINE))
    models = [*(rehearsal.output / "models").glob("*.o*"), rehearsal.output / "models/htdemucs_ft.json"]
    assert len(models) == 2 * 6 + 1
    for file in models:
        assert listed[file.name] == pinned(file.read_bytes())["sha256"]
    for row in weights:
        assert listed[row["file"]] == row["SHA-256"].strip("`")
    for model in MODELS:
        record = json.loads((rehearsal.output / "models" / f"{model}.json").read_text())
        assert listed[model] == record["model"]["weights_sha256"]


def test_only_reports_exports_and_no_stems_are_left(rehearsal: Run) -> None:
    assert {file.name for file in rehearsal.output.iterdir()} == {"models", "kept.json", "report.md"}


def test_a_damaged_download_fails_its_row_and_the_others_are_kept(rehearsal: Run, tmp_path: Path) -> None:
    output = shutil.copytree(rehearsal.output, tmp_path / "out")
    before = (output / "models/htdemucs.onnx").stat().st_mtime_ns
    song = tmp_path / "musdb/test/song"
    song.mkdir(parents=True)
    parts = {name: music(44_100, seed) / 4 for seed, name in enumerate(FOUR)}
    for name, sound in {**parts, "mixture": np.sum(list(parts.values()), axis=0, dtype=np.float32)}.items():
        write_wav(song / f"{name}.wav", sound)
    with official_stand_in.serving(tmp_path / "stand_in") as stand_in:
        path = stand_in.path_of("5c90dfd2")
        content = bytearray(stand_in.files[path])
        content[-1] ^= 1
        stand_in.files[path] = bytes(content)
        models = ["--precisions", "fp32", "--models", "htdemucs", "htdemucs_6s"]
        done = run(stand_in, output, *models, "--song", song / "mixture.wav", "--musdb", tmp_path / "musdb")
    assert done.code == 1, done.err
    good, bad = table_with(done.report, "MB to load")
    assert (good["model"], good["result"]) == ("htdemucs", "verified before, kept")
    assert (output / "models/htdemucs.onnx").stat().st_mtime_ns == before
    assert bad["model"] == "htdemucs_6s"
    assert re.match(r"FAILED: the weights of 'htdemucs_6s' could not be loaded .*invalid hash value", bad["result"])
    assert "\n- htdemucs_6s fp32: the weights" in done.report
    assert "FAILED: htdemucs_6s fp32: the weights" in done.out
    assert {row["model"] for row in table_with(done.report, "allowed")} == {"htdemucs"}
    judged = table_with(done.report, "SI-SDR, dB")
    pytorch, program = (row for row in judged if row["SI-SDR, dB"] == "mean")
    assert [float(program[name]) for name in FOUR] == pytest.approx([float(pytorch[name]) for name in FOUR], abs=0.01)


@pytest.mark.parametrize("signature", ["955717e8", "5c90dfd2"])
def test_a_file_that_was_damaged_after_the_download_is_noticed(
    signature: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """demucs itself looks at the hash of one kind of file only, and only while it downloads it."""
    with official_stand_in.serving(tmp_path / "stand_in") as stand_in:
        model = "htdemucs" if signature == "955717e8" else "htdemucs_6s"
        command = [sys.executable, "-m", "demucs_bench.official_weights", model]
        assert subprocess.run(command, env=stand_in.environment, capture_output=True, check=False).returncode == 0
        (file,) = (file for file in stand_in.caches.rglob(f"{signature}*") if file.is_file())
        content = bytearray(file.read_bytes())
        weights = stand_in.models[signature].state_dict()["encoder.0.conv.weight"].half().numpy().tobytes()
        content[content.index(weights[:64])] ^= 1
        file.write_bytes(content)
        done = subprocess.run(command, env=stand_in.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "damaged: its SHA-256 starts with" in done.stderr.splitlines()[-1]


def test_its_exports_go_all_the_way_to_a_user(rehearsal: Run, tmp_path: Path) -> None:
    """A release of them: pinned, served, fetched, separated; goes on where it broke; a wrong file is refused."""
    models = shutil.copytree(rehearsal.output / "models", tmp_path / "models")
    with serving_files() as server:
        done = script("make_release_index.py", models, "--base-url", server.url)
        assert done.returncode == 0, done.stderr
        server.files = {file.name: file.read_bytes() for file in models.iterdir()}
        environment = os.environ | {"DEMUCS_ORT_CACHE": str(tmp_path / "cache")}

        def installed(file: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
            """A script as it runs where the package of the release is installed."""
            command = [sys.executable, "-c", INSTALLED, models / "released_models.json", file, *arguments]
            return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

        commands = ROOT / "python/demucs_native/_models_cli.py"
        broken = server.files["htdemucs_6s.onnx"]
        server.break_after = [len(broken) // 2]
        done = installed(commands, "fetch", "htdemucs_6s")
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.strip()).read_bytes() == broken
        assert server.requests[-1] == ("htdemucs_6s.onnx", f"bytes={len(broken) // 2}-")

        wrong = "htdemucs_ft_bass.onnx"
        server.files[wrong] = server.files["htdemucs_ft_drums.onnx"]
        done = installed(ROOT / "scripts/check_release.py")
        assert done.returncode != 0
        assert wrong in done.stderr.splitlines()[-1]
        assert not list((tmp_path / "cache").rglob(wrong))

        server.files[wrong] = (models / wrong).read_bytes()
        done = installed(ROOT / "scripts/check_release.py")
        assert done.returncode == 0, done.stderr
        stems = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
        everything = STEMS | {f"htdemucs_ft_{stem}": FOUR for stem in FOUR}
        assert stems == {model: ", ".join(names) for model, names in everything.items()}
        assert installed(commands, "verify").returncode == 0


# Below, what takes hours with real weights is taken from a table.

WEIGHTS = {"weights_sha256": "ab" * 32, "parameters": 42_000_000, "members": 1, "files": []}


def options(output: Path, **changes: object) -> argparse.Namespace:
    parsed = official.parsed(["--output", str(output)])
    return argparse.Namespace(**{**vars(parsed), **changes})


def write_export(output: Path, model: str, precision: str, weights: Mapping[str, Any]) -> None:
    """Stands in for `official.export`."""
    folder, name = output / "models", official.full_name(model, precision)
    folder.mkdir(exist_ok=True)
    suffixes = ["onnx"] if precision.endswith("-gpu") else ["onnx", "ort"]
    contents = {f"{name}.{suffix}": f"{name} {suffix}".encode() for suffix in suffixes}
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    record = {
        "model": {"weights_sha256": weights["weights_sha256"]},
        "files": {file: pinned(content) for file, content in contents.items()},
        "tolerance": {"relative_error": 1e-4, "snr_db": 80.0},
        "measured": {file: {"drums": {"max_abs": 2e-6, "snr_db": 101.5}} for file in contents},
    }
    (folder / f"{name}.json").write_text(json.dumps(record))
    kept = official.read_kept(output) | {name: official.made_by(weights, folder / f"{name}.json")}
    (output / "kept.json").write_text(json.dumps(kept))


@pytest.fixture
def taken_from_a_table(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the programs give: half of demucs' time, the same stems. Tests change it."""
    monkeypatch.chdir(ROOT)
    given: dict[str, Any] = {"failing export": (), "off": 0.0, "weights": dict.fromkeys(MODELS, WEIGHTS)}

    def export(output: Path, model: str, precision: str, weights: Mapping[str, Any]) -> None:
        if (model, precision) in given["failing export"]:
            raise OfficialError("PyTorch could not | export\nthe model")
        write_export(output, model, precision, weights)

    def separate(seconds: float, value: float, folder: Path) -> dict[str, Any]:
        folder.mkdir()
        write_wav(folder / "drums.wav", np.full((2, 100), value, np.float32))
        facts = {"onnxruntime_version": "1.2.3", "threads": 2, "demucs_ort_version": "0"}
        return {"status": "ok", "seconds": seconds, "peak_memory_bytes": 5_000_000, **facts}

    monkeypatch.setattr(official, "load_weights", lambda models: {name: given["weights"][name] for name in models})
    monkeypatch.setattr(official, "export", export)
    monkeypatch.setattr(whole_song, "separate_stock", lambda model, song, folder: separate(4, 0.5, folder))
    monkeypatch.setattr(
        whole_song, "separate_ours", lambda model, song, folder: separate(2, 0.5 + 1e-6 + given["off"], folder)
    )
    return given


def test_every_model_has_a_row_in_every_precision(taken_from_a_table: dict[str, Any], tmp_path: Path) -> None:
    assert official.main(["--output", str(tmp_path)]) == 0
    report = (tmp_path / "report.md").read_text()
    wanted = [(model, precision) for model in MODELS for precision in PRECISIONS]
    assert len(wanted) == 15
    exports = table_with(report, "MB to load")
    assert [(row["model"], row["precision"]) for row in exports] == wanted
    assert all((row["result"], row["SNR, dB"]) == ("verified", "101.5") for row in exports)
    assert [(row["model"], row["precision"]) for row in table_with(report, "allowed")] == wanted
    times = {(row["model"], row["program"]): row for row in table_with(report, "demucs / this")}
    assert all(times[pair]["demucs / this"] == "2.00" for pair in wanted)
    assert {row["runs"] for pair, row in times.items() if pair[1].endswith("-gpu")} == {"1"}
    assert {row["runs"] for pair, row in times.items() if not pair[1].endswith("-gpu")} == {"2"}
    assert "says nothing about how well they separate" in report
    assert len(report) < 65_536  # what an issue holds


def test_one_failure_stands_in_its_row_and_in_the_exit_code(taken_from_a_table: dict[str, Any], tmp_path: Path) -> None:
    taken_from_a_table["failing export"] = [("htdemucs_ft", "int8")]
    assert official.main(["--output", str(tmp_path)]) == 1
    report = (tmp_path / "report.md").read_text()
    failed = [row for row in table_with(report, "MB to load") if row["result"] != "verified"]
    assert [(row["model"], row["precision"]) for row in failed] == [("htdemucs_ft", "int8")]
    assert failed[0]["result"] == "FAILED: PyTorch could not \\| export the model"
    assert "14 of 15 exports were verified. **1 failed:**" in report
    taken_from_a_table["failing export"] = [(model, "fp32") for model in MODELS]
    assert official.main(["--output", str(tmp_path)]) == 0
    results = [row["result"] for row in table_with((tmp_path / "report.md").read_text(), "MB to load")]
    assert sorted(results) == ["verified", *14 * ["verified before, kept"]]


def test_a_stem_that_differs_is_a_failure(taken_from_a_table: dict[str, Any], tmp_path: Path) -> None:
    taken_from_a_table["off"] = 1e-3
    assert official.main(["--output", str(tmp_path), "--models", "htdemucs", "--precisions", "fp32", "fp16"]) == 1
    report = (tmp_path / "report.md").read_text()
    exact, half = table_with(report, "allowed")
    assert (exact["precision"], exact["allowed"], half["allowed"]) == ("fp32", "**no**", "yes")
    assert "- htdemucs fp32 on the song: drums differs from stock demucs by more than is allowed" in report


def test_a_program_that_fails_on_the_song_is_a_failure(
    taken_from_a_table: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_song, "separate_ours", lambda *_: {"status": "failed", "error": "it fell over"})
    assert official.main(["--output", str(tmp_path), "--models", "htdemucs", "--precisions", "fp32"]) == 1
    report = (tmp_path / "report.md").read_text()
    assert table_with(report, "demucs / this")[1]["s"] == "FAILED: it fell over"
    assert "- htdemucs, fp32 on the song: it fell over" in report


@pytest.mark.parametrize("change", ["file", "missing", "record", "weights", "exporter"])
def test_an_export_that_is_not_as_it_was_is_made_again(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_export(tmp_path, "htdemucs", "fp32", WEIGHTS)
    weights = dict(WEIGHTS)
    assert official.is_kept(tmp_path, "htdemucs", weights)
    if change == "file":
        (tmp_path / "models/htdemucs.ort").write_bytes(b"htdemucs orT")
    elif change == "missing":
        (tmp_path / "models/htdemucs.onnx").unlink()
    elif change == "record":
        record = tmp_path / "models/htdemucs.json"
        record.write_text(record.read_text().replace("101.5", "121.5"))
    elif change == "weights":
        weights["weights_sha256"] = "cd" * 32
    else:
        monkeypatch.setattr(official, "exporter", lambda: "another")
    assert not official.is_kept(tmp_path, "htdemucs", weights)


def refusal(capsys: pytest.CaptureFixture[str], output: Path, *arguments: object) -> str:
    """The one sentence of a run without a report."""
    assert official.main(["--output", str(output), *map(str, arguments)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("official: ")
    assert said.count("\n") == 1
    assert not (output / "report.md").exists()
    return said


def test_what_cannot_begin_is_one_sentence(
    taken_from_a_table: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "out"
    assert "there is no song" in refusal(capsys, output, "--song", tmp_path / "missing.flac")
    assert "cannot be read as music" in refusal(capsys, output, "--song", ROOT / "README.md")
    assert "MUSDB18-HQ" in refusal(capsys, output, "--musdb", tmp_path)
    (tmp_path / "file").write_bytes(b"")
    assert "cannot be written into" in refusal(capsys, tmp_path / "file", "--models", "htdemucs")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: argparse.Namespace(free=1e9))
        said = refusal(capsys, output)
    assert "1.0 GB left, and the exports take 2.5 GB" in said
    monkeypatch.undo()
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(official.isolated, "run", lambda *_: {"status": "failed", "error": "no route to host"})
    assert "no route to host: the network is needed, once" in refusal(capsys, output)
    assert not list(output.glob("*"))


def test_an_interrupt_leaves_the_last_report(
    taken_from_a_table: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "report.md").write_text("the last one")
    monkeypatch.setattr(official, "separate_all", interrupted)
    assert official.main(["--output", str(tmp_path), "--models", "htdemucs"]) == 130
    assert "goes on where it was" in capsys.readouterr().err
    assert {file.name for file in tmp_path.iterdir()} == {"models", "kept.json", "report.md"}
    assert (tmp_path / "report.md").read_text() == "the last one"


@pytest.mark.parametrize(("code", "said", "told"), [
    (4, "loading\ndemucs-export: 3 of 80 comparisons failed\ntable", "3 of 80 comparisons failed"),
    (-9, "", "demucs-export ended with code -9"),
])  # fmt: skip
def test_what_the_exporter_says_is_told(
    code: int, said: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], code, "", said))
    with pytest.raises(OfficialError, match=f"^{told}$"):
        official.export(tmp_path, "htdemucs", "fp32", WEIGHTS)
    assert not (tmp_path / "kept.json").exists()


def test_programs_that_fail_say_why(tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(1000))
    said = whole_song.separate_ours(tmp_path / "missing.onnx", song, tmp_path / "out")
    assert said["status"] == "failed"
    assert "missing.onnx" in said["error"]


def test_the_song_is_decoded_for_both(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.flac", np.zeros(48_000), 48_000)
    assert whole_song.decode(tmp_path / "song.flac", tmp_path / "song.wav") == pytest.approx(1, abs=1e-3)
    facts = soundfile.info(tmp_path / "song.wav")
    assert (facts.samplerate, facts.channels, facts.subtype) == (44_100, 2, "FLOAT")


def test_the_issue_template_is_the_one_that_is_named() -> None:
    template = (ROOT / ".github/ISSUE_TEMPLATE/official_weights.md").read_text()
    assert "name: Official weights\n" in template
    assert 'template "Official weights"' in (ROOT / "scripts/official.py").read_text().replace("\\", "")


def test_an_unknown_model_has_no_weights() -> None:
    with pytest.raises(whole_song.BackendError, match="no model named 'nothing'"):
        load("nothing")
