"""The training loop: log-error loss, Muon with warm-up and cosine decay, averaged weights, checkpoints."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from demucs.htdemucs import HTDemucs
from demucs_songs import STEMS
from torch import Tensor

from .dataset import Examples
from .muon import Muon

CONFIG: dict[str, Any] = {
    "sources": list(STEMS),
    "channels": 16,
    "depth": 4,
    "dconv_mode": 3,
    "bottom_channels": 128,
    "t_layers": 3,
    "segment": Fraction(39, 10),
}
"""Hyper-parameters of the demo model; everything else is demucs' default."""

CHECKPOINT = "training.pt"
_WARM_UP = 100
_LONG_SHARE = 1 / 3  # of the steps; short crops show more places, but the model is used on long ones
_FLOOR = 0.05  # of the mix; without it silent stems would get most of the attention
_WEIGHTS = torch.tensor([0.4, 0.8, 3.2, 1.0]) / 5.4  # more for the harder: drums are learned first, `other` last


@dataclass(frozen=True)
class Settings:
    """What a run does.

    `crop` is the length of an example in seconds, `batch` the number of examples in a step; the
    last third of the steps takes half as many of twice that length. `rate`: the highest learning rate.
    """

    steps: int = 8000
    batch: int = 4
    crop: float = 1.95
    rate: float = 3e-3
    seed: int = 0
    bfloat16: bool = False


def log_error(estimate: Tensor, stems: Tensor) -> Tensor:
    """Weighted mean over stems of the log of the root mean square error relative to the mix.

    The log makes a decibel worth the same in every stem, as in SI-SDR; without it the loud stems
    would get all the attention.
    """
    error = (estimate - stems).square().mean(dim=(-2, -1))
    scale = stems.sum(1).square().mean(dim=(-2, -1))[:, None] + 1e-9
    return torch.log((error / scale + 1e-9).sqrt() + _FLOOR).mean(0) @ _WEIGHTS


def _load(model: HTDemucs, state: Mapping[str, Tensor], whose: str) -> None:
    shapes, theirs = ({name: value.shape for name, value in each.items()} for each in (model.state_dict(), state))
    if shapes != theirs:
        raise ValueError(f"{whose} is of another architecture than the demo model's: {CONFIG}")
    model.load_state_dict(state)


class Trainer:
    """A model under training, with everything that a resumed run needs."""

    def __init__(self, songs: Sequence[Path], settings: Settings, start: HTDemucs | None = None) -> None:
        """A run from `start`, or from new weights.

        Raises ValueError for songs that `Examples` does not take, and for a `start` of another architecture.
        """
        torch.manual_seed(settings.seed)
        self._settings = settings
        self.model: HTDemucs = HTDemucs(**CONFIG)
        frames = int(settings.crop * self.model.samplerate)
        self._examples, self._long_examples = Examples(songs, frames), Examples(songs, 2 * frames)
        if start is not None:
            _load(self.model, start.state_dict(), "the checkpoint to start from")
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self._optimizer = Muon(self.model.parameters(), settings.rate)
        self.step = 0

    def train_step(self) -> float:
        """One update; returns its loss. The examples of a step depend on the seed and its number alone."""
        random = np.random.default_rng([self._settings.seed, self.step])
        if self.step < self._settings.steps * (1 - _LONG_SHARE):
            stems = self._examples.draw(random, self._settings.batch)
        else:
            stems = self._long_examples.draw(random, max(1, self._settings.batch // 2))
        self.model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=self._settings.bfloat16):
            estimate = self.model(stems.sum(1))
        loss = log_error(estimate.float(), stems)
        self._optimizer.rate = self._rate()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self._optimizer.step()
        self.step += 1
        self._update_average()
        return float(loss.detach())

    def averaged(self) -> HTDemucs:
        """The model with averaged weights, in half precision's values, for use."""
        model: HTDemucs = HTDemucs(**CONFIG)
        model.load_state_dict({name: value.half() for name, value in self.average.items()})
        return model.eval()

    def save(self, path: Path) -> None:
        state = {
            "settings": vars(self._settings),
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self._optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        aside = path.with_suffix(".part")
        torch.save(state, aside)
        aside.replace(path)

    def resume(self, path: Path) -> None:
        """Goes on where `save` was called; raises ValueError when that run had another seed or architecture.

        Steps, crop, batch and rate may have changed: a run can be made longer.
        """
        state = torch.load(path, weights_only=True)
        if state["settings"]["seed"] != self._settings.seed:
            raise ValueError(f"{path} is of a run with other settings: {state['settings']}")
        _load(self.model, state["model"], str(path))
        self._optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.average, self.step = state["average"], state["step"]

    def run(self, checkpoint: Path, every: int, report: Callable[[int, float], None]) -> None:
        """Trains to the last step, saving to `checkpoint` every `every` steps, from there if it exists."""
        if checkpoint.exists():
            self.resume(checkpoint)
        while self.step < self._settings.steps:
            report(self.step, self.train_step())
            if self.step % every == 0 or self.step == self._settings.steps:
                self.save(checkpoint)

    def _rate(self) -> float:
        warm = min(1.0, (self.step + 1) / _WARM_UP)
        done = self.step / self._settings.steps
        return self._settings.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(0.998, self.step / (self.step + 10))
        for name, value in self.model.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)
