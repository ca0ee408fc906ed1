"""Compares exported files with unpatched PyTorch, stem by stem, on signals that show each kind of
fault."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import torch
from demucs.htdemucs import HTDemucs
from numpy.typing import NDArray

from . import calibration
from .errors import ExportError
from .runtime import session

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Tolerance:
    """What a stem may differ by: its largest error relative to its peak in the reference, and its SNR."""

    relative_error: float
    snr_db: float


TOLERANCES = {
    "fp32": Tolerance(1e-4, 80.0),
    "fp16": Tolerance(3e-2, 45.0),
    "fp32-gpu": Tolerance(1e-4, 80.0),
    "fp16-gpu": Tolerance(3e-2, 35.0),
    "int8": Tolerance(3e-2, 30.0),
}
"""By precision. The least SNR seen: 96 dB, 51 dB and 36 dB (a constant, which no music is), and 35 dB on music."""

NO_MUSIC = {"int8": Tolerance(0.5, 15.0)}
"""Where music decided what is rounded: for signals that are none."""

SILENCE = 1e-3
"""Peak below which a stem counts as silent; its error is then judged against this instead."""

_BATCH: tuple[str, ...] = ("sweep", "impulses")


@dataclass(frozen=True)
class Row:
    """How one stem of one signal in one file compares with the reference."""

    file: str
    signal: str
    stem: str
    peak: float
    max_abs: float
    mse: float
    snr_db: float
    passed: bool


def verify(model: HTDemucs, files: Sequence[Path], metadata: Mapping[str, str]) -> list[Row]:
    """Compare each file with `model`, an unpatched HTDemucs in evaluation mode.

    One row per file, signal and stem, judged by the precision that `metadata` names. Where the file
    allows batches, two of the signals go through it as one. Raises ExportError when a file cannot be
    run or lacks the metadata, not when a row failed.
    """
    frames = int(metadata["demucs_ort.segment_frames"])
    sources = metadata["demucs_ort.sources"].split(",")
    precision = metadata["demucs_ort.precision"]
    signals = test_signals(frames, model.audio_channels)
    tolerances = dict.fromkeys(signals, NO_MUSIC.get(precision, TOLERANCES[precision]))
    if precision in NO_MUSIC:
        signals["music"], tolerances["music"] = calibration.shipped(model)[2], TOLERANCES[precision]
    references = {name: _reference(model, signal) for name, signal in signals.items()}
    rows = []
    for path in files:
        loaded = session(path)
        if loaded.get_modelmeta().custom_metadata_map != dict(metadata):
            raise ExportError(f"{path.name} lost its metadata")
        batched = () if loaded.get_inputs()[0].shape[0] == 1 else _BATCH
        groups = [batched] if batched else []
        groups += [(name,) for name in signals if name not in batched]
        for names in groups:
            output = _run(loaded, np.stack([signals[name] for name in names]))
            for index, name in enumerate(names):
                rows += _compare(
                    path.name, name, sources, references[name], output[index : index + 1], tolerances[name]
                )
    return rows


def metadata_of(path: Path) -> dict[str, str]:
    """What the file says of itself; raises ExportError when ONNX Runtime cannot load it."""
    return dict(session(path).get_modelmeta().custom_metadata_map)


def test_signals(frames: int, channels: int) -> dict[str, Array]:
    """Signals [channels, frames] named for what they are; every channel differs."""
    noise = np.random.default_rng(0).standard_normal((channels, frames)) * 0.2
    time = np.arange(frames) / frames
    rates = 20000 + 500 * np.arange(channels)[:, None]
    sweep = 0.5 * np.sin(400 * time + rates * time**2)
    # Not on bare silence: there the norms magnify even PyTorch's own rounding.
    impulses = noise[:, ::-1] * 0.25
    for channel in range(channels):
        impulses[channel, [channel, frames // 2 + channel, frames - 1 - channel]] = 0.9
    constant = np.full((channels, frames), 0.5) * (1 - 0.25 * np.arange(channels))[:, None]
    signals = {"noise": noise, "sweep": sweep, "impulses": impulses, "constant": constant}
    signals["silence"] = np.zeros((channels, frames))
    return {name: signal.astype(np.float32) for name, signal in signals.items()}


def table(rows: Sequence[Row]) -> str:
    """The worst figures of every file and stem over all signals, as aligned text."""
    lines = [f"{'file':28} {'stem':12} {'max-abs':>9} {'MSE':>9} {'SNR dB':>7}"]
    for file, stem in dict.fromkeys((row.file, row.stem) for row in rows):
        group = [row for row in rows if (row.file, row.stem) == (file, stem)]
        snr = min(row.snr_db for row in group)
        max_abs, mse = max(row.max_abs for row in group), max(row.mse for row in group)
        lines.append(f"{file:28} {stem:12} {max_abs:9.2e} {mse:9.2e} {snr:7.1f}")
    return "\n".join(lines)


def require_passed(rows: Sequence[Row]) -> None:
    """Raise ExportError, with the whole table, if a row failed."""
    failed = [row for row in rows if not row.passed]
    if failed:
        worst = min(failed, key=lambda row: row.snr_db)
        raise ExportError(
            f"{len(failed)} of {len(rows)} comparisons with PyTorch failed, the file must not be used; "
            f"worst: stem {worst.stem} of {worst.signal} in {worst.file}, "
            f"max-abs {worst.max_abs:.1e} at a peak of {worst.peak:.1e}, SNR {worst.snr_db:.1f} dB\n"
            f"{table(rows)}"
        )


def compare(
    reference: Array, output: Array, tolerance: Tolerance = TOLERANCES["fp32"]
) -> tuple[float, float, float, float, bool]:
    """Peak of the reference, max-abs error, MSE, SNR in dB, and whether that is good enough."""
    reference64, error = reference.astype(np.float64), output.astype(np.float64) - reference
    peak, max_abs = float(np.abs(reference64).max()), float(np.abs(error).max())
    mse = float(np.mean(error**2))
    power = float(np.mean(reference64**2))
    silent = peak < SILENCE
    snr = math.inf if mse == 0 or silent else 10 * math.log10(power / mse)
    passed = bool(np.isfinite(output).all()) and max_abs <= tolerance.relative_error * max(peak, SILENCE)
    return peak, max_abs, mse, snr, passed and snr >= tolerance.snr_db


def _compare(
    file: str, signal: str, sources: Sequence[str], reference: Array, output: Array, tolerance: Tolerance
) -> list[Row]:
    if reference.shape != output.shape:
        raise ExportError(f"{file} gives shape {output.shape} where PyTorch gives {reference.shape}")
    return [
        Row(file, signal, source, *compare(reference[:, index], output[:, index], tolerance))
        for index, source in enumerate(sources)
    ]


@torch.no_grad()
def _reference(model: HTDemucs, signal: Array) -> Array:
    output: Array = model(torch.from_numpy(signal)[None]).numpy()
    if not np.isfinite(output).all():
        raise ExportError("the model itself gives values that are not finite: its weights are unusable")
    return output


def _run(loaded: onnxruntime.InferenceSession, mix: Array) -> Any:
    return loaded.run(["stems"], {"mix": mix})[0]
