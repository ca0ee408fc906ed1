"""Signals, files, the command line program and stock demucs, for all tests."""

import ctypes
import os
import pty
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import demucs.api
import numpy as np
import soundfile
import torch
from demucs.apply import BagOfModels
from demucs.htdemucs import HTDemucs
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]
Stems = dict[str, NDArray[np.float32]]


def music(frames: int, seed: int = 0, rate: int = 44_100) -> NDArray[np.float32]:
    """Stereo float32 (2, frames) with the traits of music: tones, beats, noise, width; peak 0.5."""
    random = np.random.default_rng(seed)
    time = np.arange(frames) / rate
    left = np.zeros(frames)
    right = np.zeros(frames)
    for _ in range(6):
        tone = np.sin(2 * np.pi * random.uniform(60, 4000) * time + random.uniform(0, 6))
        tone *= np.exp(-((time * random.uniform(0.5, 4)) % 1) * random.uniform(0, 6))
        pan = random.uniform(0, 1)
        left += tone * pan
        right += tone * (1 - pan)
    beat = random.standard_normal(frames) * np.exp(-((time * 2.1) % 1) * 20)
    mix = np.stack([left + beat, right + beat + 0.05 * random.standard_normal(frames)])
    return (0.5 * mix / max(1e-9, np.abs(mix).max())).astype(np.float32)


def write_wav(path: Path, mix: NDArray[np.float32], rate: int = 44_100) -> Path:
    """Writes (channels, frames) as a float WAV and returns its path."""
    soundfile.write(path, mix.T, rate, subtype="FLOAT")
    return path


def decode(path: Path, *options: str) -> NDArray[np.float32]:
    """The file's samples (2, frames) at its own rate, as `ffmpeg` decodes them."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a:0", *options, "-f", "f32le", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.float32).reshape(-1, 2).T


def read_stems(folder: Path) -> dict[str, NDArray[np.float32]]:
    """All stems the program wrote into the folder, (2, frames) by name."""
    sounds = {file.stem: soundfile.read(file, dtype="float32")[0] for file in folder.glob("*.wav")}
    return {name: np.ascontiguousarray(sound.T) for name, sound in sounds.items()}


class Oracle(demucs.api.Separator):
    """Stock demucs with a model object in place of a download."""

    def __init__(self, model: HTDemucs | BagOfModels, **options: object) -> None:
        self._given = model
        super().__init__(device="cpu", **options)

    def _load_model(self) -> None:
        self._model = self._given
        self._audio_channels = self._given.audio_channels
        self._samplerate = self._given.samplerate


def reference(model: HTDemucs | BagOfModels, mix: NDArray[np.float32], **options: object) -> Stems:
    _, stems = Oracle(model, **{"shifts": 0, **options}).separate_tensor(torch.from_numpy(mix))
    return {name: stem.numpy() for name, stem in stems.items()}


def assert_parity(expected: Stems, stems: Stems) -> None:
    """The bar of every whole-track rung: SNR >= 80 dB, max-abs <= 1e-4 of the peak, per stem, edges included."""
    assert stems.keys() == expected.keys()
    for name, stem in expected.items():
        assert stems[name].shape == stem.shape
        peak, error = np.abs(stem).max(), stems[name].astype(float) - stem
        power = max((error**2).sum(), 1e-30)  # equal to the last bit: as good as 1e-30
        snr = 10 * np.log10((stem.astype(float) ** 2).sum() / power)
        worst = np.abs(error).max()
        print(f"{name:8} {stem.shape[1]} frames: max-abs {worst:.1e} of {peak:.2f}, SNR {snr:.1f} dB")
        assert worst <= 1e-4 * peak, name
        assert snr >= 80, name


def shown_on_a_terminal(*command: object) -> bytes:
    """What a program that succeeds within a minute writes to standard error if that is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([str(argument) for argument in command], stderr=theirs)
    os.close(theirs)
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([ours], [], [], 1)[0]:
            continue
        try:
            shown += os.read(ours, 4096)
        except OSError:  # the program has closed its end
            break
    os.close(ours)
    assert process.wait(timeout=10) == 0
    return shown


def preloading(library: Path, **more: str) -> dict[str, str]:
    """An environment whose programs load that library first. LD_PRELOAD takes no path with spaces, this one does."""
    return {**os.environ, "LD_PRELOAD": library.name, "LD_LIBRARY_PATH": str(library.parent), **more}


def obey_permissions() -> None:
    """In a child before it starts a program: root then reads only what the modes of files let their owner read."""
    pr_capbset_drop, dac_override, dac_read_search = 24, 1, 2
    if os.geteuid() == 0:
        for capability in (dac_override, dac_read_search):
            assert ctypes.CDLL(None).prctl(pr_capbset_drop, capability, 0, 0, 0) == 0
