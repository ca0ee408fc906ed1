"""Transposed convolutions as convolutions, for processors that compute the former badly."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class InterleavedConvolution(nn.Module):
    """Twin of an `nn.ConvTranspose1d` or of an `nn.ConvTranspose2d` along its third axis, as demucs has them.

    With a stride of s, s neighbouring outputs hear the same few inputs: output s q + r = sum over m of x[q - m] w[r +
    s m]. So they are channels of one short convolution, which are then interleaved.
    """

    weight: Tensor
    biases: Tensor

    def __init__(self, stock: nn.ConvTranspose1d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.stride, size = stock.stride[0], stock.kernel_size[0]
        self.taps = -(-size // self.stride)
        self.surplus = self.taps * self.stride - size
        self.register_buffer("weight", _by_phase(stock.weight.detach(), self.taps, self.stride), persistent=False)
        assert stock.bias is not None
        self.bias = stock.bias  # demucs takes it off where the bands of MultiWrap overlap
        self.register_buffer("biases", stock.bias.detach().repeat_interleave(self.stride), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, steps, ...] to the same with `stride` times the steps, and the rest of the last kernel."""
        if x.dim() == 3:
            y = F.conv1d(x, self.weight, self.biases, padding=self.taps - 1)
        else:
            y = F.conv2d(x, self.weight, self.biases, padding=(self.taps - 1, 0))
        batch, _, steps, *rest = y.shape
        y = y.reshape(batch, -1, self.stride, steps, *rest).transpose(2, 3)
        y = y.reshape(batch, -1, steps * self.stride, *rest)
        return y[:, :, : y.shape[2] - self.surplus] if self.surplus else y


def _by_phase(weight: Any, taps: int, stride: int) -> Tensor:
    """[in, out, size, ...] of a transposed convolution to [out x stride, in, taps, ...] of a convolution."""
    padding = (0, 0) * (weight.dim() - 3) + (0, taps * stride - weight.shape[2])
    phases = F.pad(weight, padding).reshape(*weight.shape[:2], taps, stride, *weight.shape[3:])
    return phases.flip(2).transpose(2, 3).transpose(0, 1).transpose(1, 2).flatten(0, 1).contiguous()
