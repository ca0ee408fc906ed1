"""The exported model with its Fourier transforms done as most other exports do them, to compare with.

A transform is then one product with the whole matrix of n_fft columns, written as a convolution; ours is two with
matrices of sqrt(n_fft) columns (`demucs_export.spectrogram`). All else is the same.
"""

import math
import tempfile
from pathlib import Path

import torch
from demucs.htdemucs import HTDemucs
from demucs_export import metadata, verify, writer
from demucs_export.patch import evaluation_view, exportable, segment_frames
from demucs_export.spectrogram import RealSpectrogram
from torch import Tensor, nn
from torch.nn import functional as F


class DenseSpectrogram(nn.Module):
    """Stands in for a RealSpectrogram: same input, same output up to rounding."""

    bin_weight: Tensor
    kernels: Tensor

    def __init__(self, stock: RealSpectrogram) -> None:
        super().__init__()
        self.n_fft, self.hop, self.padding = stock.n_fft, stock.hop, stock.padding
        bins, time = torch.arange(self.n_fft // 2)[:, None], torch.arange(self.n_fft)[None]
        angle = (2 * math.pi / self.n_fft) * (bins * time % self.n_fft).double()
        window = torch.hann_window(self.n_fft, dtype=torch.float64) / math.sqrt(self.n_fft)
        kernels = torch.cat([torch.cos(angle), -torch.sin(angle)]) * window
        self.register_buffer("kernels", kernels[:, None].float(), persistent=False)  # [re and im bins, 1, n_fft]
        self.register_buffer("bin_weight", stock.bin_weight, persistent=False)

    def forward(self, signal: Tensor) -> Tensor:
        batch, channels, length = signal.shape
        count = math.ceil(length / self.hop)
        padded = F.pad(signal, (self.padding, self.padding + count * self.hop - length), mode="reflect")
        spectrum = F.conv1d(padded.reshape(batch * channels, 1, -1), self.kernels, stride=self.hop)
        return spectrum.reshape(batch, channels, 2, self.n_fft // 2, count)

    def inverse(self, spectrum: Tensor, length: int) -> Tensor:
        batch, channels, _, _, count = spectrum.shape
        bins = (spectrum * self.bin_weight).reshape(batch * channels, self.n_fft, count)
        signal = F.conv_transpose1d(bins, self.kernels, stride=self.hop)
        return signal.reshape(batch, channels, -1)[..., self.padding : self.padding + length]


def export(model: HTDemucs, file: Path) -> None:
    """Writes the model for comparison as `file`; raises ExportError unless it equals `model`."""
    twin = exportable(model)
    twin.spectrogram = DenseSpectrogram(RealSpectrogram(twin.nfft, twin.hop_length))
    facts = metadata.describe(model, file.stem, trained=False, description="")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        aside = Path(folder) / file.name
        writer.write_onnx(twin, segment_frames(model), facts, aside, static_batch=False)
        verify.require_passed(verify.verify(evaluation_view(model), [aside], facts))
        aside.replace(file)
