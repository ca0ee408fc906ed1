"""Sound in memory: its type, its rate, and noise to separate. Measured processes import this and little else."""

import numpy as np
from numpy.typing import NDArray

RATE = 44_100
"""Frames a second of all that is measured here; HTDemucs knows no other."""

Audio = NDArray[np.float32]


def music(seconds: float, seed: int = 0) -> Audio:
    """Noise at a musical level; the time of a separation does not depend on the sound."""
    random = np.random.default_rng(seed)
    return (0.1 * random.standard_normal((2, round(seconds * RATE)))).astype(np.float32)
