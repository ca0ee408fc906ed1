"""Whole songs with known stems, from a seed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.random import Generator

from . import mixing, score
from .instruments import DRUM_BANK, RATE, Audio, play, synth_kit, synth_line
from .score import Harmony, Note
from .voice import flite_song, sing, speaking_singer, vowel_singer

STEMS = ("drums", "bass", "other", "vocals")
HELD_OUT = 1_000_000
"""Seeds from here on are for measuring only: `demucs_training` never trains on them."""

Palette = Literal["studio", "foreign"]
"""`studio`: FluidR3 samples, synthesisers, espeak-ng and formant singers: what the demo model is trained on.
`foreign`: TimGM6mb samples and flite singers only, so no sound source in common with `studio`."""

_SOUND_FONTS = Path("/usr/share/sounds/sf2")
_FONTS = {"studio": _SOUND_FONTS / "FluidR3_GM.sf2", "foreign": _SOUND_FONTS / "TimGM6mb.sf2"}
_KITS = (0, 0, 8, 16, 24, 25, 32, 40)
_BASSES = tuple(range(32, 40))
# Everything pitched that is neither a bass, a voice, nor a sound effect.
_PIANOS, _MALLETS, _ORGANS, _GUITARS = range(0, 8), range(8, 15), range(16, 24), range(24, 31)
_STRINGS, _BRASS, _REEDS, _PIPES = (40, 41, 42, 44, 45, 46, 48, 49, 50, 51), range(56, 64), range(64, 72), range(72, 80)
_LEADS, _PADS, _PLUCKED = range(80, 88), range(88, 96), range(104, 109)
_OTHERS = (_PIANOS, _PIANOS, _GUITARS, _GUITARS, _ORGANS, _STRINGS, _MALLETS, _BRASS, _REEDS, _PIPES, _LEADS, _PADS,
           _PLUCKED)  # fmt: skip
_CHOIRS = (52, 53)


@dataclass(frozen=True)
class Song:
    """A synthesised song: stems of float32 (2, frames) at 44.1 kHz that sum to the mix."""

    seed: int
    palette: Palette
    tempo: float
    stems: dict[str, Audio]

    @property
    def mix(self) -> Audio:
        """(2, frames), the stems added in their order in float32; its peak is below 1."""
        total = np.zeros_like(next(iter(self.stems.values())))
        for stem in self.stems.values():
            total += stem
        return total


def synthesise(seed: int, seconds: float = 24.0, palette: Palette = "studio") -> Song:
    """The song of this seed: the same on every call, whatever was synthesised before.

    Raises MissingInstrument when a sound font or speech program is not installed.
    """
    parts: dict[str, Callable[[Generator, Harmony, int, Palette], Audio]]
    parts = {"drums": _drums, "bass": _bass, "other": _other, "vocals": _vocals}
    # One generator a part, so that a change to one part leaves the others as they are.
    generators = np.random.default_rng([seed, list(_FONTS).index(palette)]).spawn(len(parts) + 1)
    song, frames = score.harmony(generators[-1], seconds), round(seconds * RATE)
    stems = {}
    for (stem, part), random in zip(parts.items(), generators, strict=False):
        loudness = {"drums": 0.0, "bass": -1.0, "other": 0.0, "vocals": 1.0}[stem] + random.normal(0, 2.0)
        stems[stem] = mixing.level(part(random, song, frames, palette), -20 + loudness)
    peak = np.abs(Song(seed, palette, song.tempo, stems).mix).max()
    master = np.float32(generators[-1].uniform(0.4, 0.9) / max(peak, 1e-9))
    return Song(seed, palette, song.tempo, {stem: sound * master for stem, sound in stems.items()})


def _drums(random: Generator, song: Harmony, frames: int, palette: Palette) -> Audio:
    notes = score.drums(random, song)
    if palette == "studio" and random.random() < 0.3:
        sound = synth_kit(random, notes, frames)
    else:
        sound = play(_FONTS[palette], DRUM_BANK, int(random.choice(_KITS)), notes, frames)
    return mixing.room(random, mixing.colour(random, sound), 0.25)


def _bass(random: Generator, song: Harmony, frames: int, palette: Palette) -> Audio:
    notes = score.bass(random, song)
    if palette == "studio" and random.random() < 0.35:
        sound = synth_line(random, notes, frames, low=True)
    else:
        sound = play(_FONTS[palette], 0, int(random.choice(_BASSES)), notes, frames)
    return mixing.colour(random, mixing.balance(sound, float(random.uniform(-0.1, 0.1))))


def _other(random: Generator, song: Harmony, frames: int, palette: Palette) -> Audio:
    track = np.zeros((2, frames), np.float32)
    for _ in range(int(random.choice([1, 2, 2, 3]))):
        notes: list[Note] = score.accompaniment(random, song)
        if palette == "studio" and random.random() < 0.25:
            sound = synth_line(random, notes, frames, low=False)
        else:
            family = _OTHERS[int(random.integers(len(_OTHERS)))]
            sound = play(_FONTS[palette], 0, int(random.choice(list(family))), notes, frames)
        sound = mixing.balance(mixing.colour(random, sound), float(random.uniform(-0.7, 0.7)))
        track += mixing.level(sound, -20 + random.normal(0, 3))
    return mixing.room(random, track, 0.35)


def _vocals(random: Generator, song: Harmony, frames: int, palette: Palette) -> Audio:
    if palette == "foreign":
        notes = score.melody(random, song, int(random.integers(48, 60)))
        return mixing.room(random, mixing.place(flite_song(random, notes, frames), 0.0), 0.4)
    singer = (speaking_singer if random.random() < 0.6 else vowel_singer)(random)
    notes = score.melody(random, song, singer.lowest)
    lead = mixing.place(sing(random, singer, notes, frames), float(random.uniform(-0.15, 0.15)))
    track = mixing.colour(random, lead)
    if random.random() < 0.3:  # a second voice, a third above
        third = [Note(note.start, note.duration, note.key + int(random.choice([3, 4])), 60) for note in notes]
        track += mixing.place(sing(random, singer, third, frames), float(random.uniform(-0.8, 0.8)))
    if random.random() < 0.15:
        choir = play(_FONTS[palette], 0, int(random.choice(_CHOIRS)), notes, frames)
        track += mixing.level(choir, -28)
    return mixing.room(random, track, 0.5)
