"""Muon for weight matrices, AdamW for the rest.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") replaces the
averaged gradient of a matrix by the nearest orthogonal one, through five Newton-Schulz steps. The
scale is that of Liu et al. 2025 ("Muon is scalable for LLM training"), with which one learning rate
serves both optimizers. `torch.optim.Muon` takes plain matrices only; here a convolution's kernel
counts as the matrix of its outputs.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_MOMENTUM = 0.95
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_LEAST_SIDE = 4  # of a matrix worth it


class Muon:
    """An optimizer with the methods a training loop needs: zero_grad, step, state_dict, load_state_dict."""

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float) -> None:
        self.rate = rate
        everything = list(parameters)
        self._matrices = [p for p in everything if p.ndim >= 2 and min(p.flatten(1).shape) >= _LEAST_SIDE]
        chosen = {id(p) for p in self._matrices}
        self._averages = [torch.zeros_like(p) for p in self._matrices]
        self._rest = torch.optim.AdamW([p for p in everything if id(p) not in chosen], lr=rate, weight_decay=0.0)

    def zero_grad(self) -> None:
        self._rest.zero_grad()
        for parameter in self._matrices:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        for group in self._rest.param_groups:
            group["lr"] = self.rate
        self._rest.step()
        for parameter, average in zip(self._matrices, self._averages, strict=True):
            if parameter.grad is None:
                continue
            average.lerp_(parameter.grad, 1 - _MOMENTUM)
            direction = parameter.grad.lerp(average, _MOMENTUM).flatten(1)
            scale = 0.2 * max(direction.shape) ** 0.5
            parameter.add_(_orthogonal(direction).view_as(parameter), alpha=-self.rate * scale)

    def state_dict(self) -> dict[str, Any]:
        return {"averages": self._averages, "rest": self._rest.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for average, saved in zip(self._averages, state["averages"], strict=True):
            average.copy_(saved)
        self._rest.load_state_dict(state["rest"])


def _orthogonal(matrix: Tensor) -> Tensor:
    """About the orthogonal matrix nearest to `matrix`: its singular values become 0.7 to 1.2."""
    a, b, c = _NEWTON_SCHULZ
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    orthogonal: Tensor = x if wide else x.T
    return orthogonal
