"""Notes into sound: sampled General MIDI instruments through FluidSynth, and plain synthesisers."""

import contextlib
import ctypes
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import signal

from .score import CLAP, CLOSED_HAT, CRASH, KICK, OPEN_HAT, RIDE, SHAKER, SNARE, Note

with contextlib.redirect_stdout(sys.stderr):  # where CI is set it prints what it found
    import fluidsynth

RATE = 44_100
DRUM_BANK = 128
Audio = NDArray[np.float32]


class MissingInstrument(RuntimeError):
    """A sound font or speech program is not installed; the text says which package has it."""


def play(font: Path, bank: int, program: int, notes: Sequence[Note], frames: int) -> Audio:
    """(2, frames) of one General MIDI instrument of a sound font; notes it lacks are silent.

    Raises MissingInstrument without the font.
    """
    if not font.exists():
        raise MissingInstrument(f"the sound font {font} is missing: `make setup` installs it")
    # FluidSynth's first player in a process draws its dither from the C library's generator, which others use, too.
    ctypes.CDLL(None).srand(1)
    # A new one each time: envelopes, dither and block phase of what was played before would be heard in the last bits.
    player = fluidsynth.Synth(gain=0.35, samplerate=float(RATE))
    try:
        player.setting("synth.dynamic-sample-loading", 1)  # only the samples of this program, not 150 MB
        player.setting("synth.reverb.active", 0)  # the room is added later
        player.setting("synth.chorus.active", 0)
        channel = 9 if bank == DRUM_BANK else 0
        player.program_select(channel, player.sfload(str(font)), bank, program)
        return _render(player, channel, notes, frames)
    finally:
        player.delete()


def _render(player: fluidsynth.Synth, channel: int, notes: Sequence[Note], frames: int) -> Audio:
    events = [(note.start, True, note) for note in notes]
    events += [(note.start + note.duration, False, note) for note in notes]
    blocks, now = [], 0
    for time, on, note in sorted(events, key=lambda event: event[:2]):
        frame = min(frames, round(time * RATE))
        if frame > now:
            blocks.append(player.get_samples(frame - now))
            now = frame
        if frame == frames:
            break
        if on:
            player.noteon(channel, note.key, note.velocity)
        else:
            player.noteoff(channel, note.key)
    if now < frames:
        blocks.append(player.get_samples(frames - now))
    samples = np.concatenate(blocks).reshape(-1, 2).T
    return np.ascontiguousarray(samples, dtype=np.float32) / 32768.0


def _place(track: Audio, start: float, sound: NDArray[np.floating]) -> None:
    first = round(start * RATE)
    count = min(sound.shape[-1], track.shape[-1] - first)
    if count > 0:
        track[..., first : first + count] += sound[..., :count]


@lru_cache(maxsize=256)
def _cycle(shape: str, harmonics: int) -> NDArray[np.float64]:
    """One period of a wave by its Fourier series up to a number of harmonics, and its first value again."""
    phase = np.linspace(0, 2 * np.pi, 4097)
    numbers = np.arange(1, harmonics + 1)
    odd = numbers % 2
    strengths = {
        "sine": (numbers == 1).astype(float),
        "saw": 1 / numbers,
        "square": odd / numbers,
        "triangle": odd * (-1.0) ** (numbers // 2) / numbers**2,
    }[shape]
    wave = np.zeros_like(phase)
    for number, strength in zip(numbers, strengths, strict=True):
        wave += strength * np.sin(number * phase)
    return wave


def _oscillator(shape: str, hertz: float, count: int) -> NDArray[np.float64]:
    """`count` frames of a wave without aliases: its harmonics end at 16 kHz."""
    cycle = _cycle(shape, max(1, min(60, int(16_000 / hertz))))
    return np.asarray(np.interp(np.arange(count) * (hertz / RATE) % 1.0 * 4096, np.arange(4097), cycle))


def synth_line(random: Generator, notes: Sequence[Note], frames: int, *, low: bool) -> Audio:
    """(2, frames) of an analogue-style synthesiser with its own wave, filter and envelope.

    `low` keeps the voices of a bass in the middle; otherwise two detuned ones spread to the sides.
    """
    shapes = ("sine", "saw", "square", "triangle") if low else ("saw", "square", "triangle")
    shape = str(random.choice(shapes))
    attack, decay = float(random.choice([0.003, 0.01, 0.08])), float(random.uniform(0.15, 1.5))
    sustain, release = float(random.uniform(0.2, 0.9)), float(random.uniform(0.03, 0.3))
    detune = 0.0 if low else float(random.uniform(0.0005, 0.006))
    track = np.zeros((2, frames), np.float32)
    for note in notes:
        time = np.arange(int((note.duration + release) * RATE)) / RATE
        held = np.minimum(time / attack, 1) * (sustain + (1 - sustain) * np.exp(-time / decay))
        envelope = held * np.clip((note.duration + release - time) / release, 0, 1)
        hertz = 440 * 2 ** ((note.key - 69) / 12)
        level = note.velocity / 127 * envelope
        left = _oscillator(shape, hertz * (1 - detune), time.size) * level
        right = _oscillator(shape, hertz * (1 + detune), time.size) * level
        _place(track, note.start, np.stack([left, right]))
    cutoff = float(random.uniform(250, 2500) if low else random.uniform(800, 9000))
    lowpass = signal.butter(2, cutoff, fs=RATE, output="sos")
    return np.asarray(signal.sosfilt(lowpass, track, axis=-1), np.float32)


def synth_kit(random: Generator, notes: Sequence[Note], frames: int) -> Audio:
    """(2, frames) of an electronic drum kit: swept sines and filtered noise, drawn once per song."""
    sounds = {
        KICK: _swept(random.uniform(42, 62), random.uniform(80, 320), random.uniform(0.08, 0.35)),
        SNARE: _noisy(random, (150, 9000), random.uniform(0.06, 0.2), body=random.uniform(160, 240)),
        CLAP: _noisy(random, (700, 7000), random.uniform(0.06, 0.16)),
        CLOSED_HAT: _noisy(random, (6000, 19000), random.uniform(0.015, 0.06)),
        OPEN_HAT: _noisy(random, (5000, 19000), random.uniform(0.12, 0.35)),
        RIDE: _noisy(random, (4000, 16000), random.uniform(0.2, 0.5)) * 0.6,
        CRASH: _noisy(random, (2500, 18000), random.uniform(0.5, 1.0)),
        SHAKER: _noisy(random, (5000, 12000), random.uniform(0.03, 0.06)) * 0.7,
    }
    other = _swept(random.uniform(90, 180), random.uniform(20, 120), random.uniform(0.08, 0.25))
    pans = {key: float(random.uniform(-0.4, 0.4)) for key in sounds}
    pans[KICK] = 0.0
    track = np.zeros((2, frames), np.float32)
    for note in notes:
        sound, pan = sounds.get(note.key, other), pans.get(note.key, 0.2)
        _place(track, note.start, np.stack([(1 - pan) * sound, (1 + pan) * sound]) * (note.velocity / 127) ** 1.5)
    return track


def _swept(base: float, sweep: float, decay: float) -> NDArray[np.float64]:
    time = np.arange(int(decay * 6 * RATE)) / RATE
    frequency = base + sweep * np.exp(-time / 0.02)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(frequency) / RATE) * np.exp(-time / decay))


def _noisy(random: Generator, band: tuple[float, float], decay: float, body: float = 0.0) -> NDArray[np.float64]:
    time = np.arange(int(decay * 6 * RATE)) / RATE
    bandpass = signal.butter(2, band, "bandpass", fs=RATE, output="sos")
    noise = signal.sosfilt(bandpass, random.standard_normal(time.size)) * np.exp(-time / decay)
    tone = np.sin(2 * np.pi * body * time) * np.exp(-time / 0.07) if body else 0.0
    return np.asarray(0.5 * noise + 0.6 * tone)
