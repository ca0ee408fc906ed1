"""Measures of how close an estimate is to its reference."""

import math

import numpy as np
import torch
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio, signal_noise_ratio

from .sound import Audio

_SILENCE = 1e-8  # mean square: -80 dB


def si_sdr(estimate: Audio, reference: Audio) -> float | None:
    """Scale-invariant signal-to-distortion ratio in dB, the channels taken as one signal.

    None where the reference is silent and the ratio says nothing. (Le Roux et al. 2019, through
    torchmetrics.)
    """
    if float(np.mean(np.square(reference, dtype=np.float64))) < _SILENCE:
        return None
    return float(scale_invariant_signal_distortion_ratio(_flat(estimate), _flat(reference)))


def snr(estimate: Audio, reference: Audio) -> float:
    """Signal-to-noise ratio in dB, the channels taken as one signal; infinite when they are equal."""
    if np.array_equal(estimate, reference):
        return math.inf
    return float(signal_noise_ratio(_flat(estimate), _flat(reference)))


def _flat(audio: Audio) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(audio, np.float64).reshape(-1))
