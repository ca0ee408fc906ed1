"""Group normalisation in plain operators, and the residual branches that it dominates.

The exporter turns GroupNorm into InstanceNormalization, for which ONNX Runtime adds up a whole
group in a few float32 chains: over the millions of values of one group here that costs 50 dB.
Means of short means keep float32's precision, and run in parallel.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_CHAIN = 512
_SHORT = 32 * _CHAIN
"""Values that are summed at once: a processor adds them up in so many chains or more."""


class PlainGroupNorm(nn.Module):
    """Twin of `nn.GroupNorm`, sharing its weights: [batch, channels, ...] to the same, in float32 inside."""

    def __init__(self, stock: nn.GroupNorm) -> None:
        super().__init__()
        self.groups, self.eps = stock.num_groups, stock.eps
        self.weight, self.bias = stock.weight, stock.bias

    def forward(self, x: Tensor) -> Tensor:
        grouped = x.float().reshape(x.shape[0], self.groups, x.shape[1] // self.groups, -1)
        channels = (-1,) + (1,) * (x.dim() - 2)
        normal = _normalised(grouped, self.eps).reshape(x.shape)
        return (normal * self.weight.reshape(channels) + self.bias.reshape(channels)).to(x.dtype)


class PlainTokenNorm(PlainGroupNorm):
    """Twin of demucs' `MyGroupNorm`: tokens [batch, tokens, width], groups of channels over all
    tokens."""

    def forward(self, x: Tensor) -> Tensor:
        if self.groups != 1:
            return super().forward(x.transpose(1, 2)).transpose(1, 2)
        return (_normalised(x.float(), self.eps) * self.weight + self.bias).to(x.dtype)


class PlainDConv(nn.Module):
    """Twin of demucs' `DConv`: [batch, channels, steps] to the same."""

    def __init__(self, stock: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ResidualBranch(list(layer)) for layer in stock.layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + layer(x)
        return x


class ResidualBranch(nn.Module):
    """One layer of DConv: convolution, norm, GELU, expansion to 2 x channels, norm, GLU, scale.

    The expansion is linear, z = W h + b, so the moments of its many channels follow from those of
    its few inputs, and the second norm, gamma (z - mean) / std + beta, is itself an expansion of
    the inputs h / std, 1 / std, mean / std and 1. So nothing is ever computed on the expanded signal
    but that one product; a bias would be one more pass on a GPU. The scale after the GLU goes into the
    rows of its linear half.
    """

    mean_map: Tensor
    mean_offset: Tensor
    within: Tensor
    between: Tensor
    between_offset: Tensor
    expansion: Tensor

    def __init__(self, stock: list[Any]) -> None:
        super().__init__()
        self.conv, norm, self.activation, expand, norm2, _, scale = stock
        self.norm, self.eps = PlainGroupNorm(norm), norm2.eps
        for name, table in _expansion_tables(expand, norm2, scale.scale).items():
            self.register_buffer(name, table.float(), persistent=False)

    def halve_products(self) -> None:
        """Let the convolutions compute in float16, and nothing between them."""
        self.conv.half()
        self.expansion = self.expansion.half()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.activation(self.norm(self.conv(x).float()))
        mean = mean_over(hidden, 1)
        within = mean_over(_squared(torch.matmul(self.within, hidden - mean)), 2)
        between = _squared(torch.matmul(self.between, mean) + self.between_offset)
        variance = within + between.sum(1, keepdim=True)
        inverse = torch.rsqrt(variance + self.eps)
        mean_z = torch.matmul(self.mean_map, mean) + self.mean_offset
        constants = F.pad(torch.cat([inverse, inverse * mean_z], dim=1), (0, 0, 0, 1), value=1.0)
        inputs = torch.cat([hidden * inverse, constants.expand(-1, -1, hidden.shape[-1])], dim=1)
        return F.glu(F.conv1d(inputs.to(x.dtype), self.expansion), dim=1)


def mean_over(x: Tensor, axes: int) -> Tensor:
    """Mean over the last `axes` axes, which are kept with size 1, as a mean of short means."""
    steps = x.shape[-1]
    if steps > _CHAIN:
        chunks = F.pad(x, (0, -steps % _CHAIN)).reshape(*x.shape[:-1], -1, _CHAIN)
        x = chunks.mean(-1) * (chunks.shape[-2] * _CHAIN / steps)
    if math.prod(x.shape[-axes:]) > _SHORT:
        x = x.mean(-1, keepdim=True)
    return x.mean(tuple(range(-axes, 0)), keepdim=True)


def _normalised(x: Tensor, eps: float) -> Tensor:
    """x less its mean over the last two axes, divided by its standard deviation there."""
    centred = x - mean_over(x, 2)
    return centred * torch.rsqrt(mean_over(_squared(centred), 2) + eps)


def _squared(x: Tensor) -> Tensor:
    """As a product: ONNX Runtime has no square, and its power is slower on a GPU."""
    return x * x


def _expansion_tables(expand: Any, norm: nn.GroupNorm, scale: Tensor) -> dict[str, Tensor]:
    """The constants of `ResidualBranch`, in float64; z = W h + b is what `expand` makes of h.

    mean_map, mean_offset: the mean of z is mean_map @ mean(h) + mean_offset. within: (within @ (h
    - mean(h)))^2, averaged over time and rows, is z's variance in time, averaged over channels. between,
    between_offset: |between @ mean(h) + between_offset|^2 is the variance over channels of z's
    means. expansion: the final product, with the norm's affine and the layer's scale in its rows.
    """
    weight, bias = expand.weight.detach().double()[..., 0], expand.bias.detach().double()[:, None]
    gamma, beta = norm.weight.detach().double()[:, None], norm.bias.detach().double()
    rows = torch.cat([scale.detach().double(), torch.ones(len(scale), dtype=torch.float64)])
    affine = torch.cat([weight, bias], dim=1)
    mean = affine.mean(dim=0, keepdim=True)
    between = torch.linalg.qr((affine - mean) / len(affine) ** 0.5).R
    within = torch.linalg.qr(weight / len(weight) ** 0.5).R
    expansion = torch.cat([affine * gamma, -gamma, beta[:, None]], dim=1) * rows[:, None]
    return {
        "mean_map": mean[:, :-1],
        "mean_offset": mean[:, -1:],
        "within": within * len(within) ** 0.5,
        "between": between[:, :-1],
        "between_offset": between[:, -1:],
        "expansion": expansion[..., None],
    }
