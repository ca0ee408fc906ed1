"""The scripts of a release, with stand-in weights: exports, the index that pins them, fetching what it pins."""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from demucs.htdemucs import HTDemucs
from demucs_export import Report, api
from demucs_export.cli import main as export_main
from mirror import pinned, serving
from support import ROOT
from test_weights import package, save_th

CHECK = """
import pathlib, runpy, sys
from demucs_native import _models
_models.INDEX_FILE = pathlib.Path(sys.argv[1])
runpy.run_path(sys.argv[2], run_name="__main__")
"""

ExportModels = Callable[..., tuple[int, list[list[str]]]]


def script(name: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, ROOT / "scripts" / name, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def record(folder: Path, name: str, files: dict[str, bytes], **more: object) -> None:
    """Files, and about them what demucs-export writes."""
    for file, content in files.items():
        (folder / file).write_bytes(content)
    facts = {file: pinned(content) for file, content in files.items()}
    (folder / f"{name}.json").write_text(json.dumps({"files": facts, **more}))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A plain model, and a bag of two members, of which one has a record of its own."""
    folder = tmp_path / "release"
    folder.mkdir()
    record(folder, "solo", {"solo.onnx": b"solo", "solo.ort": b"solo as ort"})
    record(folder, "choir_a", {"choir_a.onnx": b"a", "choir_a.ort": b"a as ort"})
    members = [{"onnx": f"choir_{name}.onnx", "ort": f"choir_{name}.ort"} for name in "ab"]
    files = {member[kind]: kind.encode() for member in members for kind in member}
    record(folder, "choir", files | {"choir_a.onnx": b"a", "choir_a.ort": b"a as ort"}, members=members)
    return folder


def test_the_index_pins_what_programs_load(release: Path) -> None:
    done = script("make_release_index.py", release, "--base-url", "https://example.com/v1")
    assert done.returncode == 0, done.stderr
    index = json.loads((release / "released_models.json").read_text())
    assert index["base_url"] == "https://example.com/v1"
    assert {name: (model["load"], sorted(model["files"])) for name, model in index["models"].items()} == {
        "choir": ("choir.json", ["choir.json", "choir_a.onnx", "choir_b.onnx"]),
        "choir_a": ("choir_a.onnx", ["choir_a.onnx"]),
        "solo": ("solo.onnx", ["solo.onnx"]),
    }
    for model in index["models"].values():
        for name, facts in model["files"].items():
            assert facts == pinned((release / name).read_bytes())
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=release, check=True)
    listed = {line.split()[1] for line in (release / "SHA256SUMS").read_text().splitlines()}
    assert listed == {file.name for file in release.iterdir()} - {"SHA256SUMS"}
    again = script("make_release_index.py", release, "--base-url", "https://example.com/v1")
    assert again.returncode == 0
    assert json.loads((release / "released_models.json").read_text()) == index


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("solo.ort", b"solo as orf", "solo.ort is missing, or not what solo.json records"),
        ("choir_b.onnx", None, "choir_b.onnx is missing"),
        ("solo.json", b"{", "line 1"),
        ("solo.json", b"{}", "files"),
        ("a b.onnx", b"", "a b.onnx"),
    ],
    ids=str,
)
def test_a_release_that_is_not_whole_is_refused(name: str, content: bytes | None, fault: str, release: Path) -> None:
    (release / name).unlink(missing_ok=True)
    if content is not None:
        (release / name).write_bytes(content)
    done = script("make_release_index.py", release, "--base-url", "https://example.com")
    assert done.returncode == 1
    assert fault in done.stderr
    assert "Traceback" not in done.stderr
    assert not (release / "released_models.json").exists()


def test_an_empty_release_is_refused(tmp_path: Path) -> None:
    assert script("make_release_index.py", tmp_path, "--base-url", "https://example.com").returncode == 1


@pytest.fixture
def export_models(
    small_export: Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ExportModels:
    """Runs export_release_models.py, demucs-export copying one export for all: the code, and the rows of the table."""

    def export(model: HTDemucs, folder: Path, *, name: str, **options: object) -> Report:
        folder.mkdir(exist_ok=True)
        files = {file.name: (folder / name).with_suffix(file.suffix) for file in (small_export.onnx, small_export.ort)}
        for file, copy in files.items():
            shutil.copy(small_export.onnx.with_name(file), copy)
        onnx, ort = files.values()
        record(folder, name, {copy.name: copy.read_bytes() for copy in (onnx, ort)})
        return dataclasses.replace(small_export, onnx=onnx, ort=ort)

    def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        assert command[:3] == [sys.executable, "-m", "demucs_export"]
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = export_main(command[3:])
        return subprocess.CompletedProcess(command, code, stderr=said.getvalue())

    def call(*arguments: object) -> tuple[int, list[list[str]]]:
        import export_release_models

        with monkeypatch.context() as patch:
            patch.setattr(api, "export", export)
            patch.setattr(subprocess, "run", run)
            patch.setattr(sys, "argv", ["export_release_models.py", *map(str, arguments)])
            code = export_release_models.main()
        lines = capsys.readouterr().out.splitlines()
        rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in lines if line.startswith("|")]
        return code, rows[2:]

    monkeypatch.syspath_prepend(ROOT / "scripts")
    return call


def test_stand_ins_go_all_the_way_to_a_user(export_models: ExportModels, tiny_model: HTDemucs, tmp_path: Path) -> None:
    checkpoint = save_th(package(tiny_model), tmp_path / "tiny.th")
    models = ["--output", tmp_path / "models", "--precisions", "fp32", "int8", "--models"]
    stand_ins = ["--checkpoint", f"tiny={checkpoint}", "--checkpoint", f"broken={tmp_path / 'missing.th'}"]
    code, table = export_models(*models, "broken", "tiny", *stand_ins)
    assert code == 1
    failed = f"FAILED: cannot read the checkpoint {tmp_path / 'missing.th'}: No such file or directory"
    assert table[:2] == [["broken", "fp32", failed], ["broken", "int8", failed]]
    assert [row[:2] for row in table[2:]] == [["tiny", "fp32"], ["tiny", "int8"]]
    assert all(row[2].endswith(" MB") for row in table[2:])
    assert export_models(*models, "tiny", *stand_ins)[0] == 0

    with serving() as mirror:
        assert script("make_release_index.py", tmp_path / "models", "--base-url", mirror.url).returncode == 0
        mirror.files = {file.name: file.read_bytes() for file in (tmp_path / "models").iterdir()}
        command = [sys.executable, "-c", CHECK, tmp_path / "models/released_models.json"]
        environment = os.environ | {"DEMUCS_ORT_CACHE": str(tmp_path / "cache")}
        check = [*command, ROOT / "scripts/check_release.py"]
        done = subprocess.run(check, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["tiny", "tiny_int8"]
    assert sorted(file.name for file in (tmp_path / "cache").rglob("*.onnx")) == ["tiny.onnx", "tiny_int8.onnx"]


def test_a_stand_in_has_a_name_and_a_file() -> None:
    done = script("export_release_models.py", "--output", "x", "--checkpoint", "x")
    assert done.returncode == 2
    assert "NAME=FILE" in done.stderr


def test_a_release_without_models_fails_its_check(tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    index.write_text('{"base_url": "", "models": {}}')
    command = [sys.executable, "-c", CHECK, index, ROOT / "scripts/check_release.py"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_the_package_is_checked_as_on_other_platforms() -> None:
    done = script("check_package.py")
    assert done.returncode == 0, done.stderr
    assert "separates" in done.stdout
