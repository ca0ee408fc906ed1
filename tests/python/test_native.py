"""The Python module: arguments, threads, progress, cancelling, errors."""

import _thread
import os
import subprocess
import sys
import threading
from pathlib import Path

import demucs_native
import numpy as np
import pytest
from conftest import CommandLineExport
from demucs_export import Report
from support import music


@pytest.fixture(scope="module")
def model(small_export: Report) -> demucs_native.Model:
    return demucs_native.Model(small_export.onnx)


def test_describes_the_model(model: demucs_native.Model) -> None:
    assert model.sources == ["drums", "bass", "other", "vocals"]
    assert (model.sample_rate, model.channels, model.provider) == (44_100, 2, "cpu")
    assert model.segment_frames == 88_200
    assert model.trained is False
    assert len(model.weights_sha256) == 64
    assert model.demucs_version == "4.1.0"
    assert model.onnxruntime_version


def test_loads_from_path_text_and_bytes(small_export: Report) -> None:
    mix = music(50_000)
    expected = demucs_native.Model(small_export.onnx).separate(mix)
    for source in (
        str(small_export.onnx),
        small_export.onnx.read_bytes(),
        small_export.ort.read_bytes(),
    ):
        stems = demucs_native.Model(source).separate(mix)
        np.testing.assert_allclose(stems["bass"], expected["bass"], atol=1e-5)


def test_takes_any_memory_layout(model: demucs_native.Model) -> None:
    mix = music(60_000)
    expected = model.separate(mix)["vocals"]
    interleaved = np.ascontiguousarray(mix.T).T
    padded = np.zeros((2, 70_000), np.float32)
    padded[:, 5000:65_000] = mix
    backwards = np.ascontiguousarray(mix[:, ::-1])[:, ::-1]
    unaligned = np.frombuffer(b"?" + mix.tobytes(), np.float32, mix.size, offset=1).reshape(mix.shape)
    for layout in (interleaved, padded[:, 5000:65_000], backwards, unaligned):
        np.testing.assert_array_equal(model.separate(layout)["vocals"], expected)
    read_only = mix.copy()
    read_only.flags.writeable = False
    before = mix.copy()
    np.testing.assert_array_equal(model.separate(read_only)["vocals"], expected)
    np.testing.assert_array_equal(mix, before)


def test_runs_one_batch(model: demucs_native.Model) -> None:
    mix = np.stack([music(88_200, seed=seed) for seed in (1, 2)])
    both = model.run(mix)
    assert both.shape == (2, 4, 2, 88_200)
    np.testing.assert_allclose(model.run(mix[1:])[0], both[1], atol=1e-5)
    with pytest.raises(ValueError, match=r"\(batch, 2, 88200\)"):
        model.run(mix[:, :, 1:])
    with pytest.raises(ValueError, match="batch of 0"):
        model.run(mix[:0])


def test_a_file_of_a_literal_batch_of_one_runs_batches_too(tiny_export: CommandLineExport) -> None:
    model = demucs_native.Model(tiny_export.onnx)
    mix = np.stack([music(22_050, seed=seed) for seed in (1, 2, 3)])
    found = model.run(mix)
    for index in range(3):
        np.testing.assert_array_equal(found[index], model.run(mix[index : index + 1])[0])
    assert not np.array_equal(found[0], found[1])


def test_returns_stems_in_the_order_asked_for(model: demucs_native.Model) -> None:
    assert list(model.separate(music(1000), stems=["vocals", "drums"])) == ["vocals", "drums"]
    assert list(model.separate(music(1000), two_stems="bass")) == ["bass", "no_bass"]


@pytest.mark.parametrize(
    ("mix", "options", "error", "sentence"),
    [
        ([[0.0], [0.0]], {}, TypeError, "numpy array"),
        (np.zeros((2, 100)), {}, TypeError, "float64"),
        (np.zeros((2, 100), np.int16), {}, TypeError, "int16"),
        (np.zeros(100, np.float32), {}, ValueError, r"\(2, frames\)"),
        (np.zeros((1, 100), np.float32), {}, ValueError, r"\(1, 100\)"),
        (np.zeros((100, 2), np.float32), {}, ValueError, r"\(100, 2\)"),
        (np.zeros((2, 0), np.float32), {}, ValueError, "empty"),
        (np.full((2, 9), np.nan, np.float32), {}, ValueError, "channel 0, frame 0"),
        (np.full((2, 9), np.inf, np.float32), {}, ValueError, "finite"),
        (
            np.zeros((2, 100), np.float32),
            {"sample_rate": 4_000},
            ValueError,
            "4000 Hz is out of range; choose 8000 to 192000",
        ),
        (np.zeros((2, 100), np.float32), {"overlap": 1.0}, ValueError, "overlap"),
        (np.zeros((2, 100), np.float32), {"stems": ["piano"]}, ValueError, "piano"),
        (np.zeros((2, 100), np.float32), {"stems": []}, ValueError, "empty"),
        (np.zeros((2, 100), np.float32), {"two_stems": "piano"}, ValueError, "piano"),
        (np.zeros((2, 100), np.float32), {"residual_to": "piano"}, ValueError, "piano"),
        (np.zeros((2, 100), np.float32), {"two_stems": "bass", "other_method": "sub"}, ValueError, "minus"),
        (np.zeros((2, 100), np.float32), {"shift_offsets": [99_999]}, ValueError, "99999"),
        (np.zeros((2, 100), np.float32), {"shifts": -1}, TypeError, "separate"),
        (np.zeros((2, 100), np.float32), {"progress": 3}, TypeError, "separate"),
    ],
)
def test_refuses_unusable_arguments(
    model: demucs_native.Model,
    mix: object,
    options: dict[str, object],
    error: type[Exception],
    sentence: str,
) -> None:
    with pytest.raises(error, match=sentence):
        model.separate(mix, **options)


def test_errors_tell_their_kind(tmp_path: Path, gains_model: Path) -> None:
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"not a model")
    for source in (
        tmp_path / "missing.onnx",
        garbage,
        b"not a model",
        b"",
        gains_model.with_name("no_sources.onnx"),
    ):
        with pytest.raises(demucs_native.Error) as caught:
            demucs_native.Model(source)
        assert caught.value.status == "bad_model"
    assert issubclass(demucs_native.Error, RuntimeError)
    with pytest.raises(ValueError, match="abacus"):
        demucs_native.Model(gains_model, provider="abacus")


def test_text_that_is_not_utf_8_raises_no_other_error(gains_model: Path, tmp_path: Path) -> None:
    """Of metadata, of what ONNX Runtime quotes from a file, and of a file's name."""
    good = gains_model.read_bytes()
    for old, new in ((b"drums,bass", b"drums,b\x80ss"), (b"4.1.0", b"4.1.\xff"), (b"Unsqueeze", b"Unsquee\xfee")):
        assert old in good
        with pytest.raises(demucs_native.Error) as caught:
            demucs_native.Model(good.replace(old, new))
        assert caught.value.status == "bad_model"
        str(caught.value).encode()
    with pytest.raises(demucs_native.Error, match=r"b\\xe9ss\.onnx"):
        demucs_native.Model(os.fsdecode(os.fsencode(tmp_path / "b") + b"\xe9ss.onnx"))


def test_bytes_are_content_and_never_a_path(gains_model: Path) -> None:
    with pytest.raises(demucs_native.Error, match="in memory"):
        demucs_native.Model(os.fsencode(gains_model))


def test_progress_rises_to_one_on_the_calling_thread(model: demucs_native.Model) -> None:
    fractions: list[float] = []
    threads = set()

    def progress(fraction: float) -> None:
        fractions.append(fraction)
        threads.add(threading.get_ident())

    model.separate(music(300_000), progress=progress)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) >= 3
    assert threads == {threading.get_ident()}


def test_an_exception_from_progress_stops_the_separation(model: demucs_native.Model) -> None:
    calls = []

    def progress(fraction: float) -> None:
        calls.append(fraction)
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        model.separate(music(3_000_000), progress=progress)
    assert len(calls) == 1
    assert np.isfinite(model.separate(music(1000))["bass"]).all()


def test_other_threads_run_during_a_segment_and_ctrl_c_stops_it(gains_model: Path) -> None:
    endless = demucs_native.Model(gains_model.with_name("endless.onnx"))
    mix = np.full((1, 2, 1000), 2, np.float32)  # so loud that the run has no end
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        endless.run(mix)
    timer.join()
    assert endless.run(0.1 * mix).shape == (1, 2, 2, 1000)


def test_concurrent_separations_give_the_bits_of_one(model: demucs_native.Model) -> None:
    mix = music(200_000)
    alone = model.separate(mix)
    results: list[dict[str, np.ndarray] | None] = [None, None]

    def work(place: int) -> None:
        results[place] = model.separate(mix)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        assert result is not None
        for name, stem in alone.items():
            np.testing.assert_array_equal(result[name], stem)


def test_environment_variable_names_the_library(small_export: Report) -> None:
    code = f"import demucs_native; demucs_native.Model({str(small_export.onnx)!r})"
    environment = os.environ | {"DEMUCS_ORT_ONNXRUNTIME": "/nowhere/libonnxruntime.so"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "no ONNX Runtime library could be loaded" in done.stderr
    assert "DEMUCS_ORT_ONNXRUNTIME" in done.stderr
