"""Singing: syllables as frames of a vocoder, laid along a melody.

A syllable is a run of frames of WORLD's speech parameters (Morise et al. 2016), either analysed
from a spoken word or built from the formants of a vowel. Singing it means: keep its consonants,
stretch its vowel to the note, and replace its pitch by the tune's, with glides and vibrato.
"""

import io
import re
import shutil
import subprocess
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import soundfile
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import signal

from .instruments import RATE, Audio, MissingInstrument
from .score import Note

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for its own version through a deprecated module
    import pyworld

FRAME = 0.005  # seconds
_SPEECH_RATE = RATE // 2
_BINS, _SPEECH_BINS = 1025, 513  # the same spacing at both rates
_SILENT = 1e-16
WORDS = (
    *("love", "night", "you", "me", "day", "way", "light", "fly", "sky", "rain", "fire", "time", "free", "dream"),
    *("soul", "heart", "go", "stay", "run", "home", "sun", "moon", "dance", "blue", "true", "star", "road", "never"),
    *("ever", "baby", "oh", "yeah", "la", "na", "feel", "real", "hold", "cold", "gold", "world", "hand", "stand"),
    *("now", "how", "why", "cry", "sea", "see", "be", "sing", "ring", "bring", "shine", "mine", "line", "baby"),
    *("babe", "make", "take", "break", "wake", "high", "low", "slow", "show", "know", "tonight"),
)
# Centre frequencies (Hz) of the first five formants; textbook averages for a, e, i, o, u.
_VOWELS = {
    "a": (730, 1150, 2550, 3500, 4500),
    "e": (500, 1850, 2500, 3500, 4500),
    "i": (300, 2250, 2950, 3600, 4500),
    "o": (520, 900, 2450, 3400, 4500),
    "u": (320, 820, 2300, 3300, 4500),
}
_WIDTHS = (80, 100, 140, 200, 280)


@dataclass(frozen=True)
class Syllable:
    """Frames of WORLD parameters at 44.1 kHz: spectral envelope and aperiodicity (n, 1025), voiced (n,)."""

    envelope: NDArray[np.float64]
    aperiodicity: NDArray[np.float64]
    voiced: NDArray[np.bool_]


@dataclass(frozen=True)
class Singer:
    """A range to sing in and something to sing."""

    lowest: int
    syllables: Sequence[Syllable]
    vibrato_cents: float
    vibrato_hertz: float
    glide: float  # seconds
    breath: float  # 0 to 1


def _speak(program: Sequence[str]) -> NDArray[np.float64]:
    """What a speech program writes as WAV to its standard output, mono at the speech rate."""
    if not shutil.which(program[0]):
        raise MissingInstrument(f"{program[0]} is not installed: `make setup` installs it")
    spoken = subprocess.run(program, capture_output=True, check=True).stdout
    samples, rate = soundfile.read(io.BytesIO(spoken), dtype="float64")
    if rate != _SPEECH_RATE:
        samples = signal.resample_poly(samples, _SPEECH_RATE, rate)
    return np.ascontiguousarray(samples)


@cache
def _espeak() -> Sequence[str]:
    """The command; from version 1.52 on it has to be asked for the same sound in every process."""
    told = subprocess.run(["espeak-ng", "--help"], capture_output=True, text=True, check=False)
    return ("espeak-ng", "-D") if re.search(r"^-D\s", told.stdout, re.MULTILINE) else ("espeak-ng",)


def _spoken_syllable(samples: NDArray[np.float64], warp: float) -> Syllable | None:
    """The word as vocoder frames with its formants moved by the factor `warp`; None when hardly voiced."""
    rough_pitch, times = pyworld.dio(samples, _SPEECH_RATE, frame_period=FRAME * 1000)
    pitch = pyworld.stonemask(samples, rough_pitch, times, _SPEECH_RATE)
    envelope = pyworld.cheaptrick(samples, pitch, times, _SPEECH_RATE)
    aperiodicity = pyworld.d4c(samples, pitch, times, _SPEECH_RATE)
    loud = np.flatnonzero(envelope.sum(1) > envelope.sum(1).max() * 1e-5)
    part = slice(int(loud[0]), int(loud[-1]) + 1)
    voiced = pitch[part] > 0
    if voiced.sum() < 8:
        return None
    bins = np.arange(_BINS)
    # Speech ends at 11 kHz: its slope is continued above, as breath.
    top = _SPEECH_BINS - 40
    slope = np.exp(-np.maximum(0, bins - top) / 180.0)
    source = np.minimum(bins / warp, top)
    wide = np.stack([np.interp(source, np.arange(_SPEECH_BINS), frame) for frame in envelope[part]]) * slope
    rough = np.stack([np.interp(source, np.arange(_SPEECH_BINS), frame) for frame in aperiodicity[part]])
    return Syllable(np.maximum(wide, _SILENT), np.clip(rough + (bins > top) * 0.5, 0.001, 0.999), voiced)


def _formant_envelope(formants: NDArray[np.float64], tilt: float) -> NDArray[np.float64]:
    frequency = np.arange(_BINS) * RATE / 2 / (_BINS - 1)
    peaks = sum(
        (0.6**index) / (1 + ((frequency - centre) / width) ** 2)
        for index, (centre, width) in enumerate(zip(formants, _WIDTHS, strict=True))
    )
    return np.asarray((peaks + 0.003) ** 2 / (1 + (frequency / 500) ** 2) ** tilt)


def _vowel_syllable(random: Generator, size: float, tilt: float) -> Syllable:
    """A consonant made of noise and a vowel that may turn into another, from formants alone."""
    first, second = (np.array(_VOWELS[str(vowel)]) * size for vowel in random.choice(list(_VOWELS), 2))
    count = 40
    blend = np.linspace(0, 1, count)[:, None] ** 2 * float(random.choice([0.0, 0.0, 1.0]))
    vowel = np.stack([_formant_envelope(f, tilt) for f in (1 - blend) * first + blend * second])
    bins = np.arange(_BINS)
    onset = int(random.choice([0, 4, 10, 16]))
    hiss = np.exp(-(((bins - random.uniform(120, 420)) / random.uniform(60, 160)) ** 2))
    loudness = vowel.max() * float(random.choice([0.0005, 0.003, 0.01]))
    consonant = np.tile(hiss * loudness + _SILENT, (onset, 1))
    roughness = np.clip(0.02 + (bins / _BINS) ** 1.5 * random.uniform(0.5, 2), 0.001, 0.999)
    aperiodicity = np.concatenate([np.full((onset, _BINS), 0.999), np.tile(roughness, (count, 1))])
    return Syllable(np.concatenate([consonant, vowel]), aperiodicity, np.arange(onset + count) >= onset)


def _manner(random: Generator, lowest: int, syllables: Sequence[Syllable]) -> Singer:
    return Singer(
        lowest,
        syllables,
        vibrato_cents=float(random.uniform(0, 60)),
        vibrato_hertz=float(random.uniform(4.5, 6.5)),
        glide=float(random.uniform(0.02, 0.09)),
        breath=float(random.choice([0.0, 0.0, 0.15, 0.4])),
    )


def speaking_singer(random: Generator) -> Singer:
    """A singer with the mouth of one of espeak-ng's speakers."""
    variant = str(random.choice(["m1", "m2", "m3", "m4", "m7", "f1", "f2", "f3", "f4", "f5", "max", "steph", "linda"]))
    high = variant[0] == "f" or variant in ("steph", "linda")
    accent = str(random.choice(["en-us", "en-gb", "it", "es", "fr"]))
    warp, speed = float(random.uniform(0.9, 1.15)), str(int(random.integers(110, 170)))
    syllables: list[Syllable] = []
    for word in random.choice(WORDS, 10, replace=False):
        samples = _speak([*_espeak(), "-v", f"{accent}+{variant}", "-s", speed, "--stdout", str(word)])
        syllable = _spoken_syllable(samples, warp)
        if syllable is not None:
            syllables.append(syllable)
    if not syllables:
        raise MissingInstrument(f"espeak-ng's voice {accent}+{variant} does not speak: is it fully installed?")
    return _manner(random, int(random.integers(57, 64)) if high else int(random.integers(45, 55)), syllables)


def vowel_singer(random: Generator) -> Singer:
    """A singer made of formants."""
    size, tilt = float(random.uniform(0.88, 1.25)), float(random.uniform(0.3, 1.0))
    syllables = [_vowel_syllable(random, size, tilt) for _ in range(10)]
    return _manner(random, int(random.integers(56, 64)) if size > 1.05 else int(random.integers(44, 55)), syllables)


def _contour(random: Generator, singer: Singer, note: Note, before: float, count: int) -> NDArray[np.float64]:
    """The sung pitch of a note in Hz, one value a frame: a glide from the last key, then vibrato."""
    time = np.arange(count) * FRAME
    key = note.key + (before - note.key) * np.exp(-time / singer.glide)
    depth = singer.vibrato_cents / 100 * np.clip((time - 0.2) / 0.3, 0, 1)
    key = key + depth * np.sin(2 * np.pi * singer.vibrato_hertz * time + random.uniform(0, 6))
    drift = np.cumsum(random.normal(0, 0.004, count))
    return np.asarray(440 * 2 ** ((key + drift - drift.mean() - 69) / 12))


def _stretch(syllable: Syllable, count: int) -> NDArray[np.intp]:
    """Which frame of the syllable sounds in each of `count` frames: all but the vowel keeps its speed."""
    total = syllable.voiced.size
    first = int(np.argmax(syllable.voiced))
    last = total - int(np.argmax(syllable.voiced[::-1]))
    head, tail = min(first + 4, count // 3), min(total - last + 4, count // 4)
    middle = np.linspace(head, max(head, total - tail - 1), count - head - tail)
    return np.concatenate([np.arange(head), middle.round(), np.arange(total - tail, total)]).astype(np.intp)


def sing(random: Generator, singer: Singer, notes: Sequence[Note], frames: int) -> Audio:
    """(frames,) of a singer on a melody, one note at a time."""
    count = int(frames / RATE / FRAME) + 2
    pitch, envelope = np.zeros(count), np.full((count, _BINS), _SILENT)
    aperiodicity = np.full((count, _BINS), 0.999)
    before = float(notes[0].key) if notes else 0.0
    for note in notes:
        start = int(note.start / FRAME)
        length = min(max(12, int(note.duration / FRAME)), count - start)
        if length < 12:
            continue
        syllable = singer.syllables[int(random.integers(len(singer.syllables)))]
        chosen, here = _stretch(syllable, length), slice(start, start + length)
        fade = np.minimum(1, np.minimum(np.arange(length) / 3, (length - np.arange(length)) / 8)) ** 2
        voiced = syllable.voiced[chosen]
        pitch[here] = np.where(voiced, _contour(random, singer, note, before, length), 0.0)
        gain = (note.velocity / 100) ** 2 * fade
        envelope[here] = np.maximum(syllable.envelope[chosen] * gain[:, None], _SILENT)
        aperiodicity[here] = np.clip(syllable.aperiodicity[chosen] + singer.breath * 0.3, 0.001, 0.999)
        before = note.key
    # WORLD draws its noise from a generator of its own, which starts the same at every call.
    sung = pyworld.synthesize(pitch, envelope, aperiodicity, RATE, frame_period=FRAME * 1000)[:frames]
    return np.asarray(np.pad(sung, (0, frames - sung.size)), np.float32)


def flite_song(random: Generator, notes: Sequence[Note], frames: int) -> Audio:
    """(frames,) of one of flite's recorded speakers who says a word on the pitch of every note, no vocoder of ours."""
    speaker = str(random.choice(["slt", "rms", "awb", "kal16"]))
    track = np.zeros(frames, np.float32)
    for note in notes:
        hertz = 440 * 2 ** ((note.key - 69) / 12)
        stretch = float(np.clip(note.duration / 0.35, 0.8, 3))
        word = str(random.choice(WORDS))
        options = {"int_f0_target_mean": hertz, "int_f0_target_stddev": 1.0, "duration_stretch": stretch}
        settings = [part for name, value in options.items() for part in ("--setf", f"{name}={value:.3f}")]
        samples = _speak(["flite", "-voice", speaker, *settings, "-t", word, "-o", "/dev/stdout"])
        sound = signal.resample_poly(samples, 2, 1)[: int(note.duration * RATE)]
        fade = np.minimum(1, (sound.size - np.arange(sound.size)) / (0.02 * RATE))
        first = round(note.start * RATE)
        room = min(sound.size, frames - first)
        if room > 0:
            track[first : first + room] += (sound * fade)[:room].astype(np.float32)
    return track
