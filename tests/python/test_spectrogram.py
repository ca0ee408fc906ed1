"""The real-valued spectrogram against torch.stft, torch.istft and demucs, in float64 where they allow it."""

import math
from types import SimpleNamespace

import pytest
import torch
from demucs.htdemucs import HTDemucs
from demucs_export.spectrogram import RealSpectrogram
from torch import Tensor
from torch.nn import functional as F

TOLERANCE = 1e-6  # of the largest value
LENGTHS = [4000, 5120, 5121, 88200, 343980]


def signals(length: int) -> dict[str, Tensor]:
    time = torch.arange(length, dtype=torch.float64) / length
    impulses = torch.zeros(length, dtype=torch.float64)
    impulses[[0, 1, length // 2, length - 2, length - 1]] = torch.tensor([1.0, -0.5, 0.7, 0.3, -1.0]).double()
    noise = torch.randn(length, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    return {
        "impulses": impulses,
        "first": F.one_hot(torch.tensor(0), length).double(),
        "last": F.one_hot(torch.tensor(length - 1), length).double(),
        "sweep": torch.sin(math.pi * length / 2 * time**2),
        "noise": noise,
        "constant": torch.full((length,), 0.5, dtype=torch.float64),
        "nyquist": torch.cos(math.pi * torch.arange(length, dtype=torch.float64)),
    }


def reference_stft(signal: Tensor, n_fft: int) -> Tensor:
    """What demucs computes, [..., 2, bins, frames], straight from torch.stft."""
    hop = n_fft // 4
    frames = math.ceil(signal.shape[-1] / hop)
    edge = hop // 2 * 3
    padded = F.pad(signal[None], (edge, edge + frames * hop - signal.shape[-1]), mode="reflect")
    window = torch.hann_window(n_fft, dtype=signal.dtype)
    full = torch.stft(padded[0], n_fft, hop, window=window, normalized=True, center=True, return_complex=True)
    kept = torch.view_as_real(full[..., :-1, 2 : 2 + frames])
    return kept.movedim(-1, -3)


def reference_istft(spectrum: Tensor, n_fft: int, length: int) -> Tensor:
    hop = n_fft // 4
    edge = hop // 2 * 3
    full = F.pad(torch.complex(spectrum[..., 0, :, :], spectrum[..., 1, :, :]), (2, 2, 0, 1))
    total = hop * math.ceil(length / hop) + 2 * edge
    window = torch.hann_window(n_fft, dtype=spectrum.dtype)
    signal = torch.istft(full, n_fft, hop, window=window, normalized=True, length=total)
    return signal[..., edge : edge + length]


def assert_close(actual: Tensor, expected: Tensor) -> None:
    assert actual.shape == expected.shape
    assert torch.isfinite(actual).all()
    assert (actual.double() - expected).abs().max() <= TOLERANCE * expected.abs().max()


@pytest.mark.parametrize("length", LENGTHS)
def test_forward_equals_torch_stft_on_every_signal(length):
    stft = RealSpectrogram()
    for name, signal in signals(length).items():
        expected = reference_stft(signal[None], 4096)
        assert expected.shape[-1] == stft.frames(length), name
        assert_close(stft(signal.float()[None, None])[0], expected)


@pytest.mark.parametrize("length", LENGTHS)
def test_inverse_equals_torch_istft_on_arbitrary_spectra(length):
    stft = RealSpectrogram()
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 2, 2048, stft.frames(length), dtype=torch.float64, generator=generator)
    only_dc, only_edges = torch.zeros_like(noise), torch.zeros_like(noise)
    only_dc[:, :, 0] = noise[:, :, 0]
    only_edges[..., [0, -1]] = noise[..., [0, -1]]
    for spectrum in (noise, only_dc, only_edges):
        actual = stft.inverse(spectrum.float()[None], length)
        assert_close(actual[0], reference_istft(spectrum, 4096, length))


@pytest.mark.parametrize("n_fft", [256, 1024, 4096])
def test_every_supported_size_in_batches_of_channels(n_fft):
    stft = RealSpectrogram(n_fft, n_fft // 4)
    length = 3 * n_fft + 17
    signal = torch.randn(2, 3, length, generator=torch.Generator().manual_seed(1))
    spectrum = stft(signal)
    for item in range(2):
        assert_close(spectrum[item], reference_stft(signal[item].double(), n_fft))
        restored = stft.inverse(spectrum, length)[item]
        assert_close(restored, reference_istft(spectrum[item].double(), n_fft, length))


def test_equals_what_demucs_calls():
    sizes = SimpleNamespace(nfft=4096, hop_length=1024)
    signal = torch.randn(1, 2, 50000, generator=torch.Generator().manual_seed(2))
    stock = HTDemucs._spec(sizes, signal)
    spectrum = RealSpectrogram()(signal)
    assert_close(spectrum, torch.view_as_real(stock).movedim(-1, -3).double())
    expected = HTDemucs._ispec(sizes, stock, 50000)
    assert_close(RealSpectrogram().inverse(spectrum, 50000), expected.double())


def test_silence_stays_exactly_silent():
    stft = RealSpectrogram()
    spectrum = stft(torch.zeros(1, 1, 8192))
    assert not spectrum.any()
    assert not stft.inverse(spectrum, 8192).any()


@pytest.mark.parametrize(
    ("n_fft", "hop", "named"),
    [
        (2048, 512, "2048"),
        (4095, 1023, "4095"),
        (64, 16, "64"),
        (0, 0, "0"),
        (-4, -1, "-4"),
        (4096, 2048, "2048"),
    ],
)
def test_refuses_sizes_it_does_not_support(n_fft, hop, named):
    with pytest.raises(ValueError, match=named):
        RealSpectrogram(n_fft, hop)


def test_refuses_inputs_it_does_not_support():
    stft = RealSpectrogram()
    with pytest.raises(ValueError, match="float64"):
        stft(torch.zeros(1, 1, 8192, dtype=torch.float64))
    with pytest.raises(ValueError, match="float16"):
        stft.inverse(torch.zeros(1, 1, 2, 2048, 8, dtype=torch.float16), 8192)
    with pytest.raises(ValueError, match="too few"):
        stft(torch.zeros(1, 1, 1536))
    with pytest.raises(ValueError, match="frames"):
        stft.inverse(torch.zeros(1, 1, 2, 2048, 8), 8193)
