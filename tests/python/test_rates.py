"""Hosts at another sample rate than the model's, against audio that was converted before and after."""

from pathlib import Path

import demucs_native
import numpy as np
import pytest
from numpy.typing import NDArray
from support import music

MODEL_RATE = 44_100
DEMO_MODEL = Path(demucs_native.__file__).with_name("htdemucs_demo.onnx")

Audio = NDArray[np.float64]


def convert(audio: Audio, frames: int) -> Audio:
    """To another number of frames, by its spectrum: a perfect resampler, of audio that ends in silence."""
    spectrum = np.fft.rfft(audio)
    size = frames // 2 + 1
    kept = min(size, spectrum.shape[-1])
    wanted = np.zeros((*audio.shape[:-1], size), complex)
    wanted[..., :kept] = spectrum[..., :kept]
    return np.fft.irfft(wanted, frames) * frames / audio.shape[-1]


def below(audio: Audio, rate: int, hertz: float) -> Audio:
    spectrum = np.fft.rfft(audio)
    spectrum[..., np.fft.rfftfreq(audio.shape[-1], 1 / rate) > hertz] = 0
    return np.fft.irfft(spectrum, audio.shape[-1])


@pytest.fixture(scope="module")
def demo() -> demucs_native.Model:
    return demucs_native.Model(DEMO_MODEL)


@pytest.mark.parametrize("rate", [22_050, 32_000, 48_000, 96_000])
def test_stems_are_those_of_audio_converted_before_and_after(demo: demucs_native.Model, rate: int) -> None:
    seconds = 9
    frames = seconds * rate
    heard = 0.43 * min(rate, MODEL_RATE)  # what both rates have room for
    fade = np.clip(np.arange(frames) / (0.05 * rate), 0, 1)
    mix = below(music(frames, rate=rate) * fade * fade[::-1], rate, heard)
    stems = demo.separate(mix.astype(np.float32), rate)

    at_model = convert(mix, seconds * MODEL_RATE)
    reference = demo.separate(at_model.astype(np.float32), MODEL_RATE)
    for name, stem in stems.items():
        assert stem.shape == mix.shape
        expected = below(convert(reference[name].astype(np.float64), frames), rate, heard)
        error = below(stem.astype(np.float64) - expected, rate, heard)

        def snr(part: slice, expected: Audio = expected, error: Audio = error) -> float:
            return float(10 * np.log10(np.sum(expected[:, part] ** 2) / np.sum(error[:, part] ** 2)))

        # Where stems begin and end at once, the two resamplers ring in ways of their own.
        edge = rate // 50
        print(f"{rate} Hz, {name}: SNR {snr(slice(None)):.1f} dB, {snr(slice(edge, -edge)):.1f} without the edges")
        assert snr(slice(None)) > 50
        assert snr(slice(edge, -edge)) > 70


def test_a_residual_takes_what_the_model_cannot_hear(demo: demucs_native.Model) -> None:
    rate = 96_000
    time = np.arange(2 * rate) / rate
    mix = (music(2 * rate, rate=rate) + 0.1 * np.sin(2 * np.pi * 30_000 * time)).astype(np.float32)
    stems = demo.separate(mix, rate, residual_to="other")
    np.testing.assert_allclose(sum(stems.values()), mix, atol=2e-6)
    for name, stem in stems.items():
        there = np.abs(np.fft.rfft(stem[0] * np.hanning(len(time)))[60_000]) / len(time) * 4
        assert there > 0.099 if name == "other" else there < 1e-6, name


def test_decks_and_streams_take_the_rate_as_well(demo: demucs_native.Model) -> None:
    rate = 48_000
    mix = music(2 * rate, rate=rate)
    stems = demo.separate(mix, rate)
    with demucs_native.Deck(demucs_native.DeckPool(demo), mix, sample_rate=rate) as deck:
        assert deck.wait(120)
        got, quality = deck.read(0, mix.shape[1])
    assert quality == "final"
    for name, stem in stems.items():
        np.testing.assert_array_equal(got[name], stem)
    times = {"hop": 0.5, "lookahead": 0.1, "crossfade": 0.05, "compute_time": 0.25}
    with demucs_native.Stream(demo, **times, sample_rate=rate) as stream:
        blurred = 2 * 96 * rate // MODEL_RATE
        assert stream.latency_frames == round(sum(times.values()) * rate) + blurred
        assert demucs_native.Stream.latency_of(**times, sample_rate=rate) == stream.latency_frames
        assert stream.render(mix)["vocals"].shape == mix.shape


@pytest.mark.parametrize("rate", [-44_100, 7_999, 192_001])
def test_rates_that_nobody_plays_at_are_refused(demo: demucs_native.Model, rate: int) -> None:
    with pytest.raises(ValueError, match="choose 8000 to 192000, or 0 for the model's"):
        demo.separate(music(1000), rate)
