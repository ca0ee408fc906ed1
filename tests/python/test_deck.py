"""Decks from Python: the bits of Model.separate, tracks in memory and through functions, errors, the program's end."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from demucs_native import Deck, DeckPool, Model
from numpy.typing import NDArray
from support import music

FRAMES = 20_000


@pytest.fixture(scope="module")
def model(gains_model: Path) -> Model:
    return Model(gains_model.with_name("ramp.onnx"), max_concurrent_runs=2)


@pytest.fixture(scope="module")
def pool(model: Model) -> DeckPool:
    return DeckPool(model, workers=2)


def expect_equal(deck: Deck, expected: dict[str, NDArray[np.float32]]) -> None:
    stems, quality = deck.read(0, deck.frames)
    assert quality == "final"
    assert list(stems) == list(expected)
    for name, stem in expected.items():
        assert stems[name].tobytes() == stem.tobytes()


def test_a_deck_equals_separate(model: Model, pool: DeckPool) -> None:
    mix = music(FRAMES)
    for options in ({}, {"overlap": 0.6, "shifts": 2, "seed": 3}, {"two_stems": "bass", "other_method": "minus"}):
        with Deck(pool, mix, **options) as deck:
            deck.set_playhead(FRAMES // 2)
            deck.set_loop(500, 9000)
            deck.set_cues([100, FRAMES - 1])
            assert deck.wait()
            state = deck.state()
            assert (state.stage, state.fraction, state.error, state.message) == ("done", 1.0, None, "")
            assert state.ready_frames == state.final_frames == FRAMES // 2
            assert state.segments >= FRAMES // 1000
            expected = model.separate(mix, **options)
            assert deck.stems == list(expected)
            expect_equal(deck, expected)
            assert deck.read(FRAMES, 10)[1] == "none"
            assert deck.read(FRAMES - 3, 10)[0][deck.stems[0]].shape == (2, 3)


def test_a_function_reads_the_track(model: Model, pool: DeckPool) -> None:
    mix = music(FRAMES)
    threads = set()

    def read(first: int, frames: int) -> NDArray[np.float32]:
        threads.add(threading.get_ident())
        return mix[:, first : first + frames]

    with Deck(pool, read, frames=FRAMES) as deck:
        assert deck.wait()
        expect_equal(deck, model.separate(mix))
    assert threading.get_ident() not in threads


def test_compact_storage_and_spill_file(model: Model, pool: DeckPool, tmp_path: Path) -> None:
    mix = music(200_000)
    with Deck(pool, mix, cache_mb=1, storage="compact", spill_folder=tmp_path) as deck:
        assert deck.wait()
        state = deck.state()
        assert state.fraction == 1
        assert state.cached_bytes <= 2**20
        assert state.spilled_bytes > 0
        expected = model.separate(mix)
        stems, quality = deck.read(0, 1000)
        assert quality == "final"
        np.testing.assert_allclose(stems["drums"], expected["drums"][:, :1000], atol=1e-4)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_a_disk_that_is_full(gains_model: Path, tmp_path: Path) -> None:
    code = f"""
import demucs_native, numpy, resource
mix = numpy.ones((2, 200_000), numpy.float32)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
pool = demucs_native.DeckPool(demucs_native.Model({str(gains_model)!r}))
with demucs_native.Deck(pool, mix, cache_mb=1, spill_folder={str(tmp_path)!r}) as deck:
    assert deck.wait()
    deck.set_playhead(150_000)
    while deck.state().final_frames < 1000:
        pass
    print(deck.state().stage in ("done", "separating"), deck.state().error)
    print(deck.state().message)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    state, message = done.stdout.splitlines()
    assert state == "True None"
    assert message == (
        f"the spill file in '{tmp_path}' cannot be written; is the disk full?; "
        "stems that do not fit the cache are computed again"
    )
    assert list(tmp_path.iterdir()) == []


def test_provisional_stems(gains_model: Path) -> None:
    slow = Model(gains_model.with_name("glacial.onnx"))
    pool = DeckPool(slow, provisional=Model(gains_model.with_name("short.onnx")))
    with Deck(pool, music(100_000)) as deck:
        begin = time.monotonic()
        while deck.state().ready_frames == 0:
            assert time.monotonic() - begin < 30
            time.sleep(0.005)
        assert deck.read(0, 10)[1] == "provisional"
        assert deck.state().provisional > 0
        assert not deck.wait(timeout=0.01)
    pool.close()
    with pytest.raises(ValueError, match="closed"):
        Deck(pool, music(1000))


def test_failures_reach_the_caller(pool: DeckPool) -> None:
    def broken(first: int, frames: int) -> NDArray[np.float32]:
        raise OSError("the disk is gone")

    def short(first: int, frames: int) -> NDArray[np.float32]:
        return np.zeros((2, 1), np.float32)

    def wide(first: int, frames: int) -> NDArray[np.float32]:
        return np.zeros((3, frames), np.float32)

    for read, message in ((broken, "the disk is gone"), (short, "as long as was said"), (wide, "2 channels")):
        with Deck(pool, read, frames=5000) as deck:
            with pytest.raises(ValueError, match=message):
                deck.wait(timeout=30)
            assert (deck.state().stage, deck.state().error) == ("failed", "bad_audio")
    with pytest.raises(ValueError, match="closed"):
        deck.state()


def test_unusable_arguments(model: Model, pool: DeckPool, gains_model: Path) -> None:
    mix = music(FRAMES)
    with pytest.raises(ValueError, match="loaded for 2"):
        DeckPool(model, workers=3)
    with pytest.raises(ValueError, match="shorter window"):
        DeckPool(model, provisional=Model(gains_model.with_name("other.onnx")))
    for options, message in (
        ({"storage": "tape"}, "'exact' or 'compact'"),
        ({"cache_mb": 0}, "at least 1"),
        ({"spill_folder": "/nowhere/at/all"}, "/nowhere"),
        ({"stems": ["piano"]}, "piano"),
        ({"frames": 5}, "function"),
    ):
        with pytest.raises(ValueError, match=message):
            Deck(pool, mix, **options)
    with pytest.raises(ValueError, match="its length"):
        Deck(pool, lambda first, frames: mix)
    with pytest.raises(TypeError, match="float32"):
        Deck(pool, mix.astype(float))
    with pytest.raises(ValueError, match="shape"):
        Deck(pool, mix[:1])
    with Deck(pool, mix) as deck, pytest.raises(ValueError, match="beyond"):
        deck.set_cues([FRAMES])


def test_the_program_may_end_while_decks_are_working(gains_model: Path) -> None:
    code = f"""
import demucs_native, numpy, time
model = demucs_native.Model({str(gains_model.with_name("glacial.onnx"))!r})
pool = demucs_native.DeckPool(model)
mix = numpy.zeros((2, 100000), numpy.float32)
decks = [demucs_native.Deck(pool, lambda first, n: mix[:, first:first + n], frames=100000) for _ in range(3)]
time.sleep(0.2)
print(decks[0].state().stage)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() in ("measuring", "separating")
