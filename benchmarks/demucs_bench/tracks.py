"""The music to measure on: stems with their mixture."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import demucs_songs
import numpy as np
import soundfile
from demucs_songs import HELD_OUT, STEMS, Palette
from demucs_songs.files import ensure

from .results import source_digest
from .sound import RATE, Audio


class DatasetError(Exception):
    """There is no music where it was looked for; the text says what was expected."""


@dataclass(frozen=True)
class Recording:
    """Samples (2, frames) at `RATE`: the mixture as it is separated, and its stems by name."""

    mixture: Audio
    stems: Mapping[str, Audio]


@dataclass(frozen=True)
class Track:
    """One song: a folder of wav files as in MUSDB18-HQ, or a `.stem.mp4` file as in MUSDB18."""

    name: str
    path: Path

    def read(self) -> Recording:
        """Raises OSError or soundfile.LibsndfileError when a file cannot be read, DatasetError when it does not fit."""
        if self.path.is_dir():
            names = ("mixture", *STEMS)
            sounds = [read_wav(self.path / f"{name}.wav") for name in names]
        else:
            sounds = [_read_stream(self.path, index) for index in range(1 + len(STEMS))]
        if len({sound.shape for sound in sounds}) != 1:
            raise DatasetError(f"the stems of {self.path} differ in length or channels")
        return Recording(sounds[0], dict(zip(STEMS, sounds[1:], strict=True)))


def musdb(root: Path) -> list[Track]:
    """The test set of a MUSDB18-HQ folder, or of a MUSDB18 one."""
    test = root / "test"
    folders = sorted(path.parent for path in test.glob("*/mixture.wav"))
    found = [Track(folder.name, folder) for folder in folders]
    found += [Track(file.name.removesuffix(".stem.mp4"), file) for file in sorted(test.glob("*.stem.mp4"))]
    if not found:
        raise DatasetError(
            f"{root} holds neither test/TRACK/mixture.wav (MUSDB18-HQ) nor test/TRACK.stem.mp4 (MUSDB18)"
        )
    return found


def synthesised(count: int, seconds: float, palette: Palette, cache: Path) -> list[Track]:
    """The first `count` held-out songs, written below `cache` unless today's synthesiser wrote them there already."""
    code = source_digest(Path(demucs_songs.__file__).parent.glob("*.py"))
    root = cache / code[:16] / f"{seconds:g}s"
    folders = [ensure(HELD_OUT + index, seconds, palette, root) for index in range(count)]
    return [Track(folder.name, folder) for folder in folders]


def read_wav(file: Path) -> Audio:
    """(2, frames); raises DatasetError for another rate or number of channels."""
    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    if rate != RATE or samples.shape[1] != 2:
        raise DatasetError(f"{file} is not stereo at {RATE} Hz")
    return np.ascontiguousarray(samples.T)


def _read_stream(file: Path, index: int) -> Audio:
    wanted = ["-map", f"0:a:{index}", "-ac", "2", "-ar", str(RATE), "-f", "f32le", "-"]
    command = ["ffmpeg", "-v", "error", "-i", str(file), *wanted]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        why = done.stderr.decode(errors="replace").strip()
        raise DatasetError(f"{file} has no readable audio stream {index}: {why}")
    return np.ascontiguousarray(np.frombuffer(done.stdout, np.float32).reshape(-1, 2).T)
