"""The command demucs-export: what it accepts, says and returns."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import demucs.pretrained
import pytest
from conftest import TINY
from demucs_export import ExportError, OutputError, api, cli
from test_weights import package, save_th

PLAIN = {"static_batch": False, "precision": "fp32", "segment": None, "plain_weights": False, "music": None}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(TINY))
    return str(path)


@pytest.fixture
def calls(monkeypatch):
    """Record what the command line asks of `export` instead of doing it."""
    seen = []

    def export(model, directory, **options):
        seen.append((model, directory, options))
        raise ExportError("recorded")

    monkeypatch.setattr(api, "export", export)
    return seen


def one_sentence(capsys) -> str:
    captured = capsys.readouterr()
    *_, last = captured.err.strip().split("\n")
    assert last.startswith("demucs-export: ")
    assert "Traceback" not in captured.err
    return last


def test_untrained_export_end_to_end(tiny_export):
    assert tiny_export.code == 0
    assert sorted(p.name for p in tiny_export.onnx.parent.iterdir()) == [
        "tiny model.json",
        "tiny model.onnx",
        "tiny model.ort",
    ]
    assert "UNTRAINED" in tiny_export.err
    for word in ("max-abs", "MSE", "SNR", "left", "right", "tiny model.onnx", "tiny model.ort"):
        assert word in tiny_export.out


def test_checkpoint_is_exported_as_trained_under_its_name(tiny_model, calls, tmp_path, capsys):
    path = save_th(package(tiny_model), tmp_path / "my model.th")
    assert cli.main(["--checkpoint", str(path), "-o", str(tmp_path)]) == 4
    ((model, directory, options),) = calls
    assert directory == tmp_path
    assert options == {**PLAIN, "name": "my model", "trained": True}
    assert model.sources == ["left", "right"]
    assert "UNTRAINED" not in capsys.readouterr().err


def test_official_name(tiny_model, calls, monkeypatch):
    monkeypatch.setattr(demucs.pretrained, "get_model", lambda name: tiny_model)
    assert cli.main(["htdemucs", "--name", "other", "--static-batch"]) == 4
    assert calls[0][0] is tiny_model
    assert calls[0][2] == {**PLAIN, "name": "other", "trained": True, "static_batch": True}


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["--precision", "int8"], {"name": "htdemucs_int8", "precision": "int8"}),
        (
            ["--precision", "int8", "--calibrate", "songs"],
            {"name": "htdemucs_int8", "precision": "int8", "music": Path("songs")},
        ),
        (["--precision", "fp32-gpu"], {"name": "htdemucs_fp32-gpu", "precision": "fp32-gpu"}),
        (["--precision", "fp16-gpu"], {"name": "htdemucs_fp16-gpu", "precision": "fp16-gpu"}),
        (["--segment", "3.9"], {"name": "htdemucs_3.9s", "segment": Fraction(39, 10)}),
        (
            ["--segment", "4", "--precision", "fp16"],
            {"name": "htdemucs_4s_fp16", "segment": Fraction(4), "precision": "fp16"},
        ),
        (["--plain-weights"], {"name": "htdemucs_plain", "plain_weights": True}),
        (["--precision", "fp16", "--name", "x"], {"name": "x", "precision": "fp16"}),
    ],
    ids=str,
)
def test_precision_and_segment_are_in_the_default_name(arguments, asked, tiny_model, calls, monkeypatch):
    monkeypatch.setattr(demucs.pretrained, "get_model", lambda name: tiny_model)
    assert cli.main(["htdemucs", *arguments]) == 4
    assert calls[0][2] == {**PLAIN, "trained": True, **asked}


def test_list_says_what_can_be_exported(capsys):
    assert cli.main(["--list"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert "first use" in lines["htdemucs"]
    assert "first use" in lines["htdemucs_6s"]
    assert "a bag of 4" in lines["htdemucs_ft"]
    assert "not supported" in lines["hdemucs_mmi"]
    assert "htdemucs_demo" not in lines


def test_verify_writes_nothing_and_fails_for_a_file_of_other_weights(tiny_export, config, tmp_path, capsys):
    arguments = ["--config", config, "--verify", str(tiny_export.onnx), "-o", str(tmp_path / "no")]
    assert cli.main(["--untrained", "2", *arguments]) == 0
    assert "left" in capsys.readouterr().out
    assert cli.main(["--untrained", "3", *arguments]) == 4
    assert "not made of these weights" in one_sentence(capsys)
    assert cli.main(["--untrained", "2", *arguments, "--precision", "int8"]) == 2
    assert "from the file" in one_sentence(capsys)
    assert not (tmp_path / "no").exists()


def test_music_is_for_8_bits_only(capsys):
    assert cli.main(["htdemucs", "--calibrate", "songs"]) == 2
    assert "--calibrate goes with --precision int8" in one_sentence(capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["htdemucs", "--untrained", "0"],
        ["--untrained", "x"],
        ["htdemucs", "--nonsense"],
        ["a", "b"],
        ["htdemucs", "--precision", "int4"],
        ["htdemucs", "--segment", "long"],
        ["htdemucs", "--segment", "1e999"],
    ],
    ids=str,
)
def test_usage_errors_of_the_parser(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2


def test_config_needs_untrained(config, capsys):
    assert cli.main(["htdemucs", "--config", config]) == 2
    assert "--untrained" in one_sentence(capsys)


@pytest.mark.parametrize("content", ["{", "[1]", '{"chanels": 3}', None, b"\xff"], ids=str)
def test_bad_config_files(content, tmp_path, capsys):
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert cli.main(["--untrained", "0", "--config", str(path)]) == 2
    one_sentence(capsys)


def test_weights_errors(monkeypatch, tmp_path, capsys):
    def fail(name):
        raise OSError("no network")

    monkeypatch.setattr(demucs.pretrained, "get_model", fail)
    assert cli.main(["htdemucs", "-o", str(tmp_path)]) == 3
    said = one_sentence(capsys)
    assert "--checkpoint FILE" in said
    assert "--untrained SEED" in said
    assert cli.main(["--checkpoint", str(tmp_path / "missing.th"), "-o", str(tmp_path)]) == 3
    assert "missing.th" in one_sentence(capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("fault", "code"), [(ExportError("x"), 4), (OutputError("x"), 5), (KeyboardInterrupt(), 130)])
def test_exit_codes(fault, code, config, monkeypatch, capsys):
    def export(model, directory, **options):
        raise fault

    monkeypatch.setattr(api, "export", export)
    assert cli.main(["--untrained", "0", "--config", config]) == code
    one_sentence(capsys)


def test_unwritable_folder(config, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    arguments = ["--untrained", "0", "--config", config, "-o", str(tmp_path / "file")]
    assert cli.main(arguments) == 5
    assert "cannot write into" in one_sentence(capsys)


def test_missing_pytorch_is_one_sentence():
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from demucs_export.cli import main\n"
        "sys.exit(main(['--untrained', '0']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == ("demucs-export: the package 'torch' is missing: pip install 'demucs-ort-export[cpu]'\n")


def test_unsupported_model_is_named(tmp_path, capsys):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**TINY, "cac": False}))
    folder = tmp_path / "out"
    assert cli.main(["--untrained", "0", "--config", str(config), "-o", str(folder)]) == 4
    assert "cac" in one_sentence(capsys)
    assert not folder.exists()


def test_module_can_be_run():
    command = [sys.executable, "-m", "demucs_export", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "exit codes" in done.stdout
