"""The benchmark of a GPU: it measures or says why not. Here the processor stands in for the GPU."""

import json
from pathlib import Path

import pytest
from demucs_bench import gpu
from demucs_bench.cli import main


def bench(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_without_a_gpu_it_says_so(tmp_path: Path, gains_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("gpu", "--model", gains_model, "--results", tmp_path / "results") == 1
    said = capsys.readouterr().err
    assert "no CUDA provider here" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_runtime_for_gpus_without_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu.onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(gpu.NoGpu, match="nvidia-smi finds no GPU"):
        gpu.require_gpu()


@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider':UserWarning")
def test_everything_is_measured_or_named(
    gains_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "require_gpu", lambda: None)
    monkeypatch.setattr(gpu, "_query", lambda what: "Some GPU, 1.2" if "," in what else "100")
    monkeypatch.setattr(gpu, "DEVICE", "cpu")
    monkeypatch.setattr(gpu.psutil.Process, "cpu_affinity", lambda _: [0, 1])
    arguments = ("--batches", "1,2", "--seconds", "1", "--results", tmp_path)
    assert bench("gpu", "--model", gains_model, *arguments) == 4  # the module has no provider cuda here
    (folder,) = tmp_path.iterdir()
    content = json.loads((folder / "gpu.json").read_text())
    assert content["system"]["gpu"] == "Some GPU"
    rows = {row["what"]: row for row in content["rows"]}
    name = gains_model.stem
    on_gpu = [f"{name}, {setting}, batch {batch}" for setting in ("float32", "TF32") for batch in (1, 2)]
    assert list(rows) == [*on_gpu, *(f"processor, {runs} at a time, {threads} threads"
                                     for runs, threads in ((1, 2), (1, 1), (2, 2)))]  # fmt: skip
    for what in on_gpu:
        assert rows[what]["ms_a_segment"] > 0
        assert rows[what]["snr_db"] is None  # equal: the same provider
        assert rows[what]["gpu_mb"] == 0
    assert all(row["peak_memory_bytes"] > 1e7 for what, row in rows.items() if "processor" in what)
    notes = content["notes"]
    assert [note.split(":")[0] for note in notes] == [
        "PyTorch",
        *(f"module, {name}, {s}, 1 s" for s in ("float32", "TF32")),
    ]
    assert "sees no GPU" in notes[0]
    assert all("failed" in note and "cuda" in note for note in notes[1:])
    said = capsys.readouterr().out
    assert all(note in said for note in notes)
    assert (folder / "gpu.md").read_text().count(f"| {name}") == 4


def test_nothing_begins_after_its_time() -> None:
    found = gpu.Measured(-1)
    found.add("a segment", dict)
    assert found.rows == []
    assert found.notes == ["a segment: not measured, since -1 s were over"]
