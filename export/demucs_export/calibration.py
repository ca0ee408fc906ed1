"""Music to calibrate a model in 8 bits on: what comes with this package, or a folder of the user's."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sphn  # type: ignore[import-untyped]
from demucs.htdemucs import HTDemucs
from numpy.typing import NDArray

from .errors import UsageError
from .patch import segment_frames

Array = NDArray[np.float32]

SHIPPED = Path(__file__).parent / "calibration.ogg"
"""Eight seconds each of six synthesised songs (`demo_model/remake.py` makes it)."""

SEGMENTS = 6

_log = logging.getLogger(__name__)


def shipped(model: HTDemucs) -> list[Array]:
    """Segments [channels, frames] of `SHIPPED`, one of each song."""
    length = _seconds(SHIPPED) / SEGMENTS
    return [_segment(model, SHIPPED, index * length) for index in range(SEGMENTS)]


def folder(model: HTDemucs, path: str | os.PathLike[str]) -> list[Array]:
    """Segments from the middle of songs below `path`, evenly chosen by name, at most `SEGMENTS` of them.

    Files that hold no sound, or too little, are counted in a warning. Raises UsageError if all are such.
    """
    files = sorted(file for file in Path(path).rglob("*") if file.is_file())
    lengths = [(file, seconds) for file in files if (seconds := _seconds(file)) >= float(model.segment)]
    if not lengths:
        raise UsageError(
            f"{path} holds no song of {float(model.segment):g} s or more to calibrate on, in wav, flac, mp3, ogg or m4a"
        )
    if len(lengths) < len(files):
        _log.warning("%d of %d files of %s hold no sound, or too little", len(files) - len(lengths), len(files), path)
    chosen = np.linspace(0, len(lengths) - 1, min(SEGMENTS, len(lengths))).round().astype(int)
    return [
        _segment(model, file, (seconds - float(model.segment)) / 2) for file, seconds in (lengths[i] for i in chosen)
    ]


def _seconds(file: Path) -> float:
    """0 for what is no audio file."""
    found: Sequence[Any] = sphn.durations([str(file)])
    return found[0] or 0.0


def _segment(model: HTDemucs, file: Path, start: float) -> Array:
    """A segment of the model from `start` seconds on, filled with zeros behind the end."""
    frames, channels = segment_frames(model), model.audio_channels
    seconds = float(model.segment)
    try:
        sound, _ = sphn.read(str(file), start_sec=start, duration_sec=seconds, sample_rate=model.samplerate)
    except ValueError as error:
        raise UsageError(f"{file} cannot be read to calibrate on: {error}") from error
    if not np.isfinite(sound).all():
        raise UsageError(f"{file} holds samples that are NaN or infinite, which no model can be calibrated on")
    left = _seconds(file) - start
    if sound.shape[1] < 0.9 * min(frames, left * model.samplerate):
        raise UsageError(f"{file} is damaged: it ends before the time that it promises")
    sound = np.asarray(sound, np.float32)[np.arange(channels) % len(sound), :frames]
    return np.pad(sound, ((0, 0), (0, frames - sound.shape[1])))
