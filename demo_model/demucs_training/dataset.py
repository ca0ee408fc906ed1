"""Random training examples from folders of songs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from demucs_songs import RATE, STEMS
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

_TRIES = 3


class Examples:
    """Crops of `frames` frames of stems, augmented.

    Half of the examples are one place of one song; in the others every stem is from a song of its
    own, so that the model cannot rely on stems that fit together. Every stem gets a gain, now and
    then a change of sign and swapped sides. Song folders are laid out like MUSDB18-HQ.
    """

    def __init__(self, songs: Sequence[Path], frames: int) -> None:
        lengths = {song: soundfile.info(song / f"{STEMS[0]}.wav") for song in songs}
        wrong = [song for song, info in lengths.items() if info.frames < frames or info.samplerate != RATE]
        if wrong or not songs:
            found = f"{wrong[0]} is not" if wrong else "there are no songs that are"
            raise ValueError(f"{found} at least {frames} frames long at {RATE} Hz")
        self._lengths = {song: info.frames for song, info in lengths.items()}
        self._songs, self._frames = list(songs), frames

    def draw(self, random: Generator, count: int) -> Tensor:
        """Stems [count, stem, channel, frame]; their sum is the mix."""
        return torch.from_numpy(np.stack([self._example(random) for _ in range(count)]))

    def _example(self, random: Generator) -> NDArray[np.float32]:
        if random.random() < 0.5:
            song = self._song(random)
            start = int(random.integers(self._lengths[song] - self._frames + 1))
            stems = [self._read(song, stem, start) for stem in STEMS]
        else:
            stems = [self._sounding(random, stem) for stem in STEMS]
        return np.stack([_augmented(random, stem) for stem in stems])

    def _sounding(self, random: Generator, stem: str) -> NDArray[np.float32]:
        """A crop of any song, preferably one that is not silent."""
        for _ in range(_TRIES):
            song = self._song(random)
            crop = self._read(song, stem, int(random.integers(self._lengths[song] - self._frames + 1)))
            if np.abs(crop).max() > 1e-3:
                break
        return crop

    def _song(self, random: Generator) -> Path:
        return self._songs[int(random.integers(len(self._songs)))]

    def _read(self, song: Path, stem: str, start: int) -> NDArray[np.float32]:
        samples, _ = soundfile.read(song / f"{stem}.wav", self._frames, start, dtype="float32")
        return np.ascontiguousarray(samples.T)


def _augmented(random: Generator, stem: NDArray[np.float32]) -> NDArray[np.float32]:
    gain = 10 ** (random.uniform(-5, 4) / 20) * random.choice([-1, 1])
    sides = stem[::-1] if random.random() < 0.5 else stem
    return np.asarray(sides * np.float32(gain))
