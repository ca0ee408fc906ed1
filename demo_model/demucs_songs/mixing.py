"""What a mixing desk does to a stem: equaliser, saturation, place, room, level."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft, signal

from .instruments import RATE, Audio


def place(sound: NDArray[np.floating], pan: float) -> Audio:
    """A mono sound at `pan` between -1 (left) and 1, at constant power."""
    angle = (pan + 1) * np.pi / 4
    return np.stack([np.cos(angle) * sound, np.sin(angle) * sound]).astype(np.float32) * np.float32(np.sqrt(2))


def balance(sound: Audio, pan: float) -> Audio:
    """A stereo sound with the far side turned down."""
    sides = np.array([[min(1.0, 1 - pan)], [min(1.0, 1 + pan)]], np.float32)
    return np.asarray(sound * sides)


def colour(random: Generator, sound: Audio) -> Audio:
    """A random smooth equaliser of a few dB, and now and then saturation."""
    if random.random() < 0.25:
        peak = float(np.abs(sound).max()) or 1.0
        drive = float(random.uniform(1, 5))
        sound = np.tanh(sound / peak * drive) * peak / drive
    knots = np.log10([20, 120, 500, 2000, 6000, 20_000])
    decibels = random.normal(0, 2.5, knots.size)
    # The zeros behind the end keep it from sounding at the start.
    size = fft.next_fast_len(sound.shape[-1] + RATE // 4, real=True)
    frequency = np.log10(np.maximum(1, fft.rfftfreq(size, 1 / RATE)))
    gains = 10 ** (np.interp(frequency, knots, decibels) / 20)
    spectrum = fft.rfft(sound, size, axis=-1) * gains.astype(np.float32)
    return np.asarray(fft.irfft(spectrum, size, axis=-1)[:, : sound.shape[-1]], np.float32)


def room(random: Generator, sound: Audio, wettest: float) -> Audio:
    """Adds a reverberation of decaying noise, different on both sides, mixed in up to `wettest`."""
    decay, delay = float(random.uniform(0.15, 1.2)), int(random.uniform(0.005, 0.04) * RATE)
    time = np.arange(int(decay * 2 * RATE)) / RATE
    tail = random.standard_normal((2, time.size)) * np.exp(-time * 3 / decay)
    lowpass = signal.butter(1, float(random.uniform(2500, 9000)), fs=RATE, output="sos")
    tail = np.pad(signal.sosfilt(lowpass, tail, axis=-1), ((0, 0), (delay, 0)))
    tail /= np.sqrt((tail**2).sum(1, keepdims=True))
    wet = signal.oaconvolve(sound, tail.astype(np.float32), axes=-1)[:, : sound.shape[-1]]
    return np.asarray(sound + wet.astype(np.float32) * np.float32(random.uniform(0, wettest)), np.float32)


def level(sound: Audio, decibels: float) -> Audio:
    """Scales to a loudness: the RMS over the half seconds in which something sounds. Silence stays silence."""
    half = RATE // 2
    blocks = sound[:, : sound.shape[-1] // half * half].reshape(2, -1, half)
    power = (blocks**2).mean(axis=(0, 2))
    if power.size == 0 or power.max() < 1e-12:
        return sound
    loudness = np.sqrt(power[power > power.max() * 1e-3].mean())
    return np.asarray(sound * np.float32(10 ** (decibels / 20) / loudness))
