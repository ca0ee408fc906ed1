"""A signal, and some samples of what PyTorch makes of it, by which programs test what computes a model.

`cpp/src/known_answer.cpp` is the twin of this module.
"""

import numpy as np
import torch
from demucs.htdemucs import HTDemucs
from numpy.typing import NDArray

from .patch import evaluation_view, segment_frames

SAMPLES_A_STEM = 16


def signal(channels: int, frames: int) -> NDArray[np.float32]:
    """[channels, frames]: white noise within 0.2, of the generator x = 1664525 x + 1013904223 modulo 2^32 from 1 on
    (Numerical Recipes), of which the upper 24 bits count."""
    factor, count = 1664525, channels * frames
    powers = np.cumprod(np.full(count, factor, np.uint32), dtype=np.uint32)
    sums = np.cumsum(np.concatenate([[1], powers[:-1]]).astype(np.uint32), dtype=np.uint32)
    states = powers + sums * np.uint32(1013904223)
    return (((states >> 8).astype(np.float32) / np.float32(2**24) - np.float32(0.5)) * np.float32(0.4)).reshape(
        channels, frames
    )


@torch.no_grad()
def of(model: HTDemucs) -> str:
    """Evenly spaced samples of every stem, the channels in turn, in whole millionths, separated by commas."""
    frames, channels = segment_frames(model), model.audio_channels
    (stems,) = evaluation_view(model)(torch.from_numpy(signal(channels, frames))[None]).numpy()
    places = [(k % channels, (2 * k + 1) * frames // (2 * SAMPLES_A_STEM)) for k in range(SAMPLES_A_STEM)]
    return ",".join(str(round(float(stem[place]) * 1e6)) for stem in stems for place in places)
