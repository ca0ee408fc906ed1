"""Seeded models of any HTDemucs architecture, for work on everything but the sound.

A freshly initialised HTDemucs is a poor test object: its LayerScales of 1e-3 and 1e-4 hide whole
branches from any comparison, and its norms are identities. So scales, norms and biases are drawn
with sizes that make every weight count, yet small enough that rounding is not magnified from
layer to layer.
"""

import inspect
import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from demucs.htdemucs import HTDemucs
from demucs.transformer import LayerScale
from torch import nn

from .errors import UsageError

OFFICIAL: Mapping[str, Any] = {
    "sources": ["drums", "bass", "other", "vocals"],
    "channels": 48,
    "depth": 4,
    "dconv_mode": 3,
    "bottom_channels": 512,
    "t_layers": 5,
    "segment": Fraction(39, 5),
}
"""What the official `htdemucs` sets; everything else is demucs' default."""


def untrained(seed: int, config: Mapping[str, Any] | None = None) -> HTDemucs:
    """An HTDemucs of the official hyper-parameters, overridden by `config`, with weights from
    `seed`.

    The same seed gives the same weights whatever the state of the global generator, which is left
    untouched. Raises UsageError when `config` names an unknown parameter or one that HTDemucs
    does not accept.
    """
    overrides = dict(config or {})
    unknown = sorted(overrides.keys() - inspect.signature(HTDemucs).parameters.keys())
    if unknown:
        raise UsageError(f"HTDemucs has no parameter named {', '.join(unknown)}")
    if "segment" in overrides:
        overrides["segment"] = _seconds(overrides["segment"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model: HTDemucs = HTDemucs(**{**OFFICIAL, **overrides})
        except Exception as error:
            raise UsageError(f"HTDemucs does not accept this configuration: {error!r}") from error
        _make_every_weight_count(model)
    _round_to_half(model)
    model.eval()
    return model


def read_config(path: Path) -> dict[str, Any]:
    """Hyper-parameters from a JSON object; raises UsageError."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the configuration {path}: {error}") from error
    if not isinstance(config, dict):
        raise UsageError(f"the configuration {path} must be a JSON object of HTDemucs parameters")
    return config


def _seconds(value: object) -> Fraction:
    """A positive number of seconds, given as a number or as text like "39/5"."""
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str, Fraction)):
            raise ValueError
        seconds = Fraction(value).limit_denominator(10**6)
    except (ValueError, ZeroDivisionError, OverflowError):
        seconds = Fraction(0)
    if seconds <= 0:
        raise UsageError(f'segment must be a positive number or a fraction like "39/5", not {value!r}')
    return seconds


@torch.no_grad()
def _round_to_half(model: HTDemucs) -> None:
    """Leave only weights that half precision holds, in which the official checkpoints are stored."""
    for parameter in model.parameters():
        parameter.copy_(parameter.half())


@torch.no_grad()
def _make_every_weight_count(model: HTDemucs) -> None:
    for module in model.modules():
        if isinstance(module, LayerScale):
            low, high = (0.3, 1.0) if module.channel_last else (0.05, 0.2)  # transformer, DConv
            nn.init.uniform_(module.scale, low, high)
        elif isinstance(module, (nn.GroupNorm, nn.LayerNorm)):
            nn.init.normal_(module.weight, 1.0, 0.2)
            nn.init.normal_(module.bias, 0.0, 0.2)
        elif isinstance(module, nn.MultiheadAttention):
            # Stock starts these at zero, and attention so flat that it averages.
            nn.init.normal_(module.in_proj_bias, 0.0, 0.2)
            nn.init.normal_(module.out_proj.bias, 0.0, 0.2)
            module.in_proj_weight.mul_(2)
