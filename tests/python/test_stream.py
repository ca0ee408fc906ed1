"""Streams from Python: the same stems in any blocks, errors, threads, the program's end."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from demucs_native import Error, Model, Stream
from numpy.typing import NDArray
from support import music

SHORT = {"hop": 0.008, "lookahead": 0.004, "crossfade": 0.002, "compute_time": 0.02}
"""For models of 1000 frames at 44.1 kHz."""


@pytest.fixture(scope="module")
def model(gains_model: Path) -> Model:
    return Model(gains_model)


def rendered(stream: Stream, mix: NDArray[np.float32], block: int) -> dict[str, NDArray[np.float32]]:
    blocks = [stream.render(mix[:, at : at + block]) for at in range(0, mix.shape[1], block)]
    return {name: np.concatenate([each[name] for each in blocks], axis=1) for name in stream.stems}


def test_stems_come_after_the_latency_and_add_up_to_the_mix(model: Model) -> None:
    mix = music(20_000)
    with Stream(model, residual_to="bass", **SHORT) as stream:
        latency = stream.latency_frames
        assert latency == 353 + 176 + 88 + 882
        assert stream.load == 0
        assert stream.stems == ["drums", "bass"]
        first = rendered(stream, mix, 20_000)
        assert not first["drums"][:, :latency].any()
        np.testing.assert_allclose(sum(first.values())[:, latency:], mix[:, :-latency], atol=1e-6)
        for block in (1000, 4097):
            stream.reset()
            again = rendered(stream, mix, block)
            assert {name: stem.tobytes() for name, stem in again.items()} == {
                name: stem.tobytes() for name, stem in first.items()
            }
        assert (stream.underruns, stream.failure) == (0, "")
        assert stream.load > 0


def test_process_never_waits(gains_model: Path) -> None:
    """A second of audio at once is far more than there is time for: replaced, and counted."""
    mix = music(44_100)
    slow = Model(gains_model.with_name("slow.onnx"))
    with Stream(slow, underrun="mix", **SHORT) as stream:
        stems = stream.process(mix)
        assert stream.underruns > 100
        late = stream.latency_frames
        np.testing.assert_allclose(stems["drums"][:, late:4096], mix[:, : 4096 - late] / 2, atol=1e-6)
        assert stems["drums"].shape == mix.shape


def test_recommends_what_a_stream_takes(model: Model) -> None:
    options = Stream.recommend(model, lookahead=0.004, crossfade=0.002)
    assert set(options) == {*SHORT, "sample_rate"}
    assert 0.002 <= options["hop"] < 0.0168
    with Stream(model, **options) as stream:
        assert stream.latency_frames > 0
    with pytest.raises(Error, match="a run takes"):
        Stream.recommend(model, load=1e-9, lookahead=0.004, crossfade=0.002)
    with pytest.raises(ValueError, match="load"):
        Stream.recommend(model, load=2)


def test_latency_is_known_before_there_is_a_model(model: Model) -> None:
    assert Stream.latency_of() == 22_050 + 11_025 + 2_205 + 22_050
    assert Stream.latency_of(**SHORT, model_sample_rate=8_000) == 64 + 32 + 16 + 160
    options = Stream.recommend(model, lookahead=0.004, crossfade=0.002)
    with Stream(model, **options) as stream:
        assert Stream.latency_of(**options) == stream.latency_frames
    with pytest.raises(ValueError, match="hop must be"):
        Stream.latency_of(hop=-1)
    with pytest.raises(ValueError, match="no model has a sample rate of 0 Hz"):
        Stream.latency_of(model_sample_rate=0)


def test_unusable_arguments(model: Model) -> None:
    with pytest.raises(ValueError, match="model hears only 1000"):
        Stream(model)
    with pytest.raises(ValueError, match="underrun is 'noise'"):
        Stream(model, underrun="noise", **SHORT)
    with pytest.raises(ValueError, match="no stem 'piano'"):
        Stream(model, stems=["piano"], **SHORT)
    with pytest.raises(ValueError, match="hop must be"):
        Stream(model, **(SHORT | {"hop": float("nan")}))
    with Stream(model, **SHORT) as stream:
        with pytest.raises(TypeError, match="float32"):
            stream.process(np.zeros((2, 10)))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="shape"):
            stream.render(np.zeros((1, 10), np.float32))
        assert stream.render(np.zeros((2, 0), np.float32))["bass"].shape == (2, 0)
    with pytest.raises(ValueError, match="has been closed"):
        stream.render(np.zeros((2, 10), np.float32))


def test_threads_take_turns(model: Model) -> None:
    mix = music(2_000)
    with Stream(model, **SHORT) as stream:
        threads = [threading.Thread(target=stream.render, args=(mix,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert stream.underruns == 0


def test_a_program_may_end_while_a_stream_computes(gains_model: Path) -> None:
    program = (
        "import sys, numpy as np; from demucs_native import Model, Stream\n"
        f"stream = Stream(Model(sys.argv[1]), **{SHORT})\n"
        "stream.process(np.ones((2, 3000), np.float32))\n"
    )
    slow = gains_model.with_name("slow.onnx")
    done = subprocess.run([sys.executable, "-c", program, str(slow)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
