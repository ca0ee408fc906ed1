"""Real-valued STFT and inverse STFT, equal to `HTDemucs._spec` and `HTDemucs._ispec` of stock
demucs.

The transform is `torch.stft(n_fft, hop=n_fft/4, hann_window, normalized=True, center=True)` of
the signal reflect-padded by 3/8 n_fft, without the Nyquist bin and without the two frames at each
end. Kept frame t therefore starts at sample t*hop of the padded signal and reads n_fft samples.

With N = R*R, sample n = R*a + b and bin k = c + R*e, the factor exp(-2i pi n k / N) splits into

    exp(-2i pi (a c / R + b c / N))  *  exp(-2i pi b e / R)
    `-- depends on (b, c, a) ---'       `-- (e, b) ------'

so one transform is two matrix products (one Cooley-Tukey step) over tensors whose last axis is
time; the result is already in bin order, e being the slow and c the fast half of k. Only e < R/2
is computed: the bins below Nyquist. The inverse is the transposed pair. There is no complex
number, no convolution and no large transpose.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_OVERLAP = 4  # frames that cover a sample: n_fft / hop


class RealSpectrogram(nn.Module):
    """STFT and inverse STFT of one size in real arithmetic; see the module's text for the
    definition.

    Raises ValueError unless n_fft is the square of a power of two, at least 256, and hop is n_fft
    / 4.
    """

    inner: Tensor
    outer: Tensor
    bin_weight: Tensor
    nothing: Tensor

    def __init__(self, n_fft: int = 4096, hop: int = 1024) -> None:
        super().__init__()
        root = math.isqrt(max(n_fft, 0))
        if n_fft < 256 or root * root != n_fft or root & (root - 1):
            raise ValueError(f"n_fft must be the square of a power of two, 256 or more, not {n_fft}")
        if hop * _OVERLAP != n_fft:
            raise ValueError(f"hop must be n_fft / 4 = {n_fft // _OVERLAP}, not {hop}")
        self.n_fft, self.hop, self.root = n_fft, hop, root
        self.padding = hop // 2 * 3
        for name, table in _tables(n_fft, root).items():
            self.register_buffer(name, table.to(torch.float32), persistent=False)

    def frames(self, length: int) -> int:
        """Number of frames kept for a signal of `length` samples."""
        return math.ceil(length / self.hop)

    def forward(self, signal: Tensor) -> Tensor:
        """Signal [batch, channels, length] to spectrum [batch, channels, 2 (re, im), n_fft / 2,
        frames].

        Raises ValueError for a signal too short to be reflected at its edges or not float32.
        """
        _require_float32(signal)
        batch, channels, length = signal.shape
        root, hop, count = self.root, self.hop, self.frames(signal.shape[-1])
        right = self.padding + count * hop - length
        if length <= right:
            raise ValueError(f"{length} samples are too few to be padded by {right} at the edge")
        padded = F.pad(signal, (self.padding, right), mode="reflect")
        quarter = root // _OVERLAP
        hops = padded.reshape(batch, channels, (count + _OVERLAP - 1) * quarter, root).transpose(-1, -2)
        hops = hops.reshape(batch, channels, root, -1, quarter)  # [.., b, hop, a within a hop]
        frames = torch.cat([hops[..., q : q + count, :] for q in range(_OVERLAP)], dim=-1)  # [.., b, t, a]
        partial = torch.matmul(self.inner, frames.transpose(-1, -2))  # [.., b, (re, im) c, t]
        partial = partial.reshape(batch, channels, 2 * root, root * count)
        return torch.matmul(self.outer, partial).reshape(batch, channels, 2, self.n_fft // 2, count)

    def inverse(self, spectrum: Tensor, length: int) -> Tensor:
        """Spectrum [batch, channels, 2 (re, im), n_fft / 2, frames] to signal [batch, channels,
        length].

        As in `torch.istft` the imaginary part of bin 0 is ignored. Raises ValueError when the
        number of frames is not that of `length` samples or the spectrum is not float32.
        """
        _require_float32(spectrum)
        batch, channels, _, _, count = spectrum.shape
        if count != self.frames(length):
            raise ValueError(f"{length} samples need {self.frames(length)} frames, not {count}")
        root, quarter = self.root, self.root // _OVERLAP
        weighted = (spectrum * self.bin_weight).reshape(batch, channels, root, root * count)
        partial = torch.matmul(self.outer.transpose(0, 1), weighted)
        partial = partial.reshape(batch, channels, root, 2 * root, count)  # [.., b, (re, im) c, t]
        frames = torch.matmul(partial.transpose(-1, -2), self.inner)  # [.., b, t, a]
        nothing = self.nothing.expand(batch, channels, root, -1, -1)  # joined, since a GPU pads far more slowly
        parts = enumerate(torch.split(frames, quarter, dim=-1))
        shifted = [torch.cat([nothing[..., :q, :], part, nothing[..., q:, :]], dim=-2) for q, part in parts]
        hops = shifted[0] + shifted[1] + shifted[2] + shifted[3]  # [.., b, hop, a within a hop]
        signal = hops.reshape(batch, channels, root, -1).transpose(-1, -2).reshape(batch, channels, -1)
        return signal[..., self.padding : self.padding + length]


def _require_float32(tensor: Tensor) -> None:
    if tensor.dtype != torch.float32:
        raise ValueError(f"the spectrogram works in float32, not {tensor.dtype}")


def _tables(n_fft: int, root: int) -> dict[str, Tensor]:
    """The constant factors, in float64.

    inner [b, (re, im) c, a]: first factor of the split, times the periodic Hann window at n = R a
    + b
        and the normalisation 1 / sqrt(N).
    outer [(re, im) e, b (re, im)]: second factor, as the real form of a complex product.
    bin_weight [k, 1]: what the inverse multiplies bin k by before the transposed products: 2
    because a
        bin above Nyquist repeats each one (not for bin 0), and 1 / 1.5 because the squares of
        four Hann windows a quarter apart add up to 1.5 where four frames meet, which is the whole
        kept signal.
    """
    full = torch.arange(root, dtype=torch.float64)
    a, b, c = full[None, None, :], full[:, None, None], full[None, :, None]
    angle = 2 * math.pi * (a * c / root + b * c / n_fft)
    window = 0.5 - 0.5 * torch.cos(2 * math.pi * (root * a + b) / n_fft)
    inner = torch.cat([torch.cos(angle), -torch.sin(angle)], dim=1) * window / math.sqrt(n_fft)

    angle = 2 * math.pi * full[: root // 2, None] * full[None, :] / root  # [e, b]
    cos, sin = torch.cos(angle), torch.sin(angle)
    real, imaginary = torch.stack([cos, sin], dim=-1), torch.stack([-sin, cos], dim=-1)
    outer = torch.cat([real, imaginary]).reshape(root, 2 * root)

    bin_weight = torch.full((n_fft // 2, 1), 2 / 1.5, dtype=torch.float64)
    bin_weight[0] = 1 / 1.5
    nothing = torch.zeros(_OVERLAP - 1, root // _OVERLAP)
    return {"inner": inner, "outer": outer, "bin_weight": bin_weight, "nothing": nothing}
