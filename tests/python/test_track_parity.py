"""Whole tracks: the command line program and the Python module against unpatched demucs.

The oracle is `demucs.api.Separator` as it stands on PyPI, given the same weights.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path

import demucs.apply
import demucs_native
import numpy as np
import pytest
import torch
from demucs.htdemucs import HTDemucs
from demucs_export import Report
from support import Cli, assert_parity, music, read_stems, reference, write_wav


def edge_lengths(segment: int, stride: int) -> list[int]:
    return [2, segment - 1, segment, segment + 1, stride, stride + 1, 3 * stride]


def test_every_edge_length_and_a_longer_track(small_model: HTDemucs, small_export: Report) -> None:
    model = demucs_native.Model(small_export.onnx)
    segment = model.segment_frames
    for frames in (*edge_lengths(segment, int(0.75 * segment)), 5 * segment + 12_345):
        mix = music(frames)
        assert_parity(reference(small_model, mix), model.separate(mix))


def test_one_frame(small_model: HTDemucs, small_export: Report) -> None:
    """demucs divides by the deviation of one sample, which is NaN; we take it as 0, the rest is the same."""
    mix = np.array([[0.5], [-0.25]], np.float32)
    mean, scale = np.float32(0.125), np.float32(1e-8)
    with torch.no_grad():
        normalised = torch.from_numpy((mix - mean) / scale)[None]
        stems = demucs.apply.apply_model(small_model, normalised, shifts=0)[0].numpy() * scale + mean
    expected = dict(zip(small_model.sources, stems, strict=True))
    assert_parity(expected, demucs_native.Model(small_export.onnx).separate(mix))


@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.5, 0.75])
def test_overlaps(small_model: HTDemucs, small_export: Report, overlap: float) -> None:
    mix = music(200_001)
    expected = reference(small_model, mix, overlap=overlap)
    assert_parity(expected, demucs_native.Model(small_export.onnx).separate(mix, overlap=overlap))


def test_structured_signals(small_model: HTDemucs, small_export: Report) -> None:
    frames = 120_000
    time = np.arange(frames) / 44_100
    impulse = np.zeros(frames)
    impulse[[0, 40_000, frames - 1]] = 1
    signals = {
        "impulses": impulse,
        "sweep": 0.5 * np.sin(2 * np.pi * (20 * time + 2000 * time**2)),
        "dc": np.full(frames, 0.5) + 1e-3 * np.sin(time * 400),
        "quiet noise": 1e-4 * np.random.default_rng(1).standard_normal(frames),
    }
    model = demucs_native.Model(small_export.onnx)
    for name, signal in signals.items():
        print(name)
        mix = np.stack([signal, 0.5 * np.roll(signal, 100)]).astype(np.float32)
        assert_parity(reference(small_model, mix), model.separate(mix))


def test_silence_and_constants_match_exactly_enough(small_model: HTDemucs, small_export: Report) -> None:
    """With no deviation everything is divided by 1e-8, so only the absolute error means anything."""
    model = demucs_native.Model(small_export.onnx)
    for level in (0.0, 0.5):
        mix = np.full((2, 100_000), level, np.float32)
        expected = reference(small_model, mix)
        for name, stem in model.separate(mix).items():
            np.testing.assert_allclose(stem, expected[name], atol=1e-7)


def test_shifts_with_the_same_offsets(
    small_model: HTDemucs,
    small_export: Report,
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The seed's offsets are numpy's, and demucs given them answers the same."""
    mix = music(150_000)
    offsets = np.random.RandomState(7).randint(0, 22_051, 3)
    draws = iter(int(offset) for offset in offsets)
    draw: Callable[[int, int], int] = lambda low, high: next(draws)  # noqa: E731
    monkeypatch.setattr(random, "randint", draw)
    expected = reference(small_model, mix, shifts=3)
    model = demucs_native.Model(small_export.onnx)
    assert_parity(expected, model.separate(mix, shifts=3, seed=7))
    assert_parity(expected, model.separate(mix, shift_offsets=[int(offset) for offset in offsets]))
    song = write_wav(tmp_path / "song.wav", mix)
    arguments = ("-m", small_export.onnx, "--shifts", "3", "--seed", "7")
    assert cli(*arguments, song, tmp_path / "out").returncode == 0
    assert_parity(expected, read_stems(tmp_path / "out"))


def test_two_stems(small_model: HTDemucs, small_export: Report) -> None:
    mix = music(120_000)
    stems = reference(small_model, mix)
    others = [stem for name, stem in stems.items() if name != "vocals"]
    expected = {"vocals": stems["vocals"], "no_vocals": sum(others[1:], start=others[0])}
    assert_parity(expected, demucs_native.Model(small_export.onnx).separate(mix, two_stems="vocals"))


def test_what_stems_leave_of_the_mix(small_model: HTDemucs, small_export: Report, cli: Cli, tmp_path: Path) -> None:
    """As `demucs --two-stems vocals --other-method minus` computes it, and the same for a residual.

    demucs gives the mix's mean to every stem. Beside a residual only the residual has it, else it would have it thrice
    with the wrong sign.
    """
    mix = music(120_000) + np.float32(0.05)
    stems = reference(small_model, mix)
    song = write_wav(tmp_path / "song.wav", mix)
    model = demucs_native.Model(small_export.onnx)

    expected = {"vocals": stems["vocals"], "no_vocals": mix - stems["vocals"]}
    assert_parity(expected, model.separate(mix, two_stems="vocals", other_method="minus"))
    options = ("-m", small_export.onnx, "--two-stems", "vocals", "--other-method", "minus")
    assert cli(*options, song, tmp_path / "two").returncode == 0
    assert_parity(expected, read_stems(tmp_path / "two"))

    expected = {name: stem - mix.mean() for name, stem in stems.items() if name != "other"}
    expected["other"] = mix - sum(expected.values())
    found = model.separate(mix, residual_to="other")
    assert_parity(expected, found)
    np.testing.assert_allclose(sum(found.values()), mix, atol=1e-6)
    assert cli("-m", small_export.onnx, "--residual-to", "other", song, tmp_path / "all").returncode == 0
    assert_parity(expected, read_stems(tmp_path / "all"))


def test_program_and_module_and_both_files_agree(
    small_export: Report, small_model: HTDemucs, cli: Cli, tmp_path: Path
) -> None:
    mix = music(250_000)
    song = write_wav(tmp_path / "song.wav", mix)
    expected = reference(small_model, mix)
    for file in (small_export.onnx, small_export.ort):
        stems = demucs_native.Model(file).separate(mix)
        assert_parity(expected, stems)
        out = tmp_path / f"out{file.suffix}"
        assert cli("-m", file, song, out).returncode == 0
        for name, stem in read_stems(out).items():
            np.testing.assert_array_equal(stem, stems[name])


def test_official_size(full_model: HTDemucs, full_export: Report, cli: Cli, tmp_path: Path) -> None:
    """42 M parameters, several segments, through the program; and the lengths around a stride through the module.

    The bound on memory guards the export against ONNX Runtime's planner, which can hold gigabytes of dead activations.
    """
    mix = music(700_000)
    song = write_wav(tmp_path / "song.wav", mix)
    report = tmp_path / "report.json"
    assert cli("-m", full_export.onnx, "--json", report, song, tmp_path / "out").returncode == 0
    assert_parity(reference(full_model, mix), read_stems(tmp_path / "out"))
    assert json.loads(report.read_text())["peak_memory_bytes"] < 0.65e9

    model = demucs_native.Model(full_export.onnx)
    for frames in (257_985, 257_986):
        mix = music(frames)
        assert_parity(reference(full_model, mix), model.separate(mix))
