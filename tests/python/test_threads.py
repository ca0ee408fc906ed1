"""Threads of the program and of the module: those the system refuses, those a process may use, those a fork loses."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from demucs_native import Deck, DeckPool, Model
from numpy.typing import NDArray
from support import ROOT, Cli, music, preloading, write_wav

Mix = NDArray[np.float32]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what it does is done on Linux only")


def refusing(**numbers: int) -> dict[str, str]:
    """The environment of a program whose system starts only `THREADS_LEFT` threads, or all but the `REFUSED_THREAD`."""
    library = ROOT / "build/release/tests/cpp/librefuse_threads.so"
    return preloading(library, **{f"DEMUCS_ORT_TEST_{name}": str(number) for name, number in numbers.items()})


def test_a_job_whose_thread_does_not_start_leaves_its_tracks_to_the_others(
    cli: Cli, gains_model: Path, tmp_path: Path
) -> None:
    songs = [write_wav(tmp_path / f"{name}.wav", music(3000)) for name in "ab"]
    for number in range(2, 8):  # the first is the one that watches for Ctrl-C; some of ONNX Runtime's may follow
        out = tmp_path / str(number)
        command = ["-m", gains_model, "--jobs", "2", "--threads", "1", *songs, out]
        done = cli(*command, env=refusing(REFUSED_THREAD=number))
        if "a job could not start: the system starts no more threads" in done.stderr:
            break
    assert done.returncode == 0, done.stderr
    assert len(list(out.rglob("*.wav"))) == 4


def test_a_track_whose_threads_do_not_start_fails_alone(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    """Those that decode ahead, wait for the model, write behind and encode, one after another."""
    songs = [write_wav(tmp_path / f"{name}.wav", music(3000)) for name in "ab"]
    failed = []
    for number in range(2, 12):
        out = tmp_path / str(number)
        done = cli("-m", gains_model, "--threads", "1", *songs, out, env=refusing(REFUSED_THREAD=number))
        stems = [file for file in out.rglob("*") if file.is_file() and not file.name.startswith(".")]
        if done.returncode == 0:  # one that ONNX Runtime can do without
            assert len(stems) == 4
            continue
        assert done.returncode == 7
        assert done.stderr.count("wav': the system starts no more threads") == 1, done.stderr
        assert len(stems) == 2
        assert not list(out.rglob(".demucs_ort-*"))
        failed.append(number)
    assert len(failed) >= 4


def test_a_program_without_any_thread_says_so(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "a.wav", music(3000))
    done = cli("-m", gains_model, song, tmp_path / "out", env=refusing(THREADS_LEFT=0))
    assert done.returncode == 6
    assert done.stderr.startswith("demucs_ort_cli: the system starts no more threads (")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def run_code(code: str, prepare: Callable[[], None] | None = None) -> "subprocess.CompletedProcess[str]":
    """A Python program of its own. It has a minute: what hangs has failed."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, preexec_fn=prepare)


def test_threads_stay_on_the_processors_of_the_mask(gains_model: Path) -> None:
    code = f"""
import os, demucs_native, numpy
model = demucs_native.Model({str(gains_model)!r})
model.run(numpy.zeros((1, 2, 1000), numpy.float32))
print(sorted({{cpu for task in os.listdir("/proc/self/task") for cpu in os.sched_getaffinity(int(task))}}))
"""
    first = min(os.sched_getaffinity(0))
    done = run_code(code, lambda: os.sched_setaffinity(0, {first}))
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, f"[{first}]", "")


def test_a_forked_child_ends_and_says_what_it_cannot_do(gains_model: Path) -> None:
    code = f"""
import os, sys, warnings, demucs_native, numpy
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 and later warn of every fork beside threads
name = {str(gains_model)!r}
mix = numpy.ones((2, 5000), numpy.float32)
model = demucs_native.Model(name, threads=2, max_concurrent_runs=2)
expected = model.separate(mix)["drums"]
pool = demucs_native.DeckPool(model)
deck = demucs_native.Deck(pool, lambda first, frames: mix[:, first:first + frames], frames=5000)
stream = demucs_native.Stream(model, hop=0.008, lookahead=0.004, crossfade=0.002)
deck.wait()
child = os.fork()
if child == 0:
    for use in (lambda: model.separate(mix), deck.state, lambda: stream.process(mix), lambda: pool.warm):
        try:
            use()
        except demucs_native.Error as error:
            assert "forked" in str(error), error
        else:
            raise AssertionError("it was used")
    again = demucs_native.Model(name).separate(mix)["drums"]
    assert again.tobytes() == expected.tobytes()
    del deck, stream
    print("the child ends")
    sys.exit(0)
print(os.waitpid(child, 0)[1])
"""
    done = run_code(code)
    assert (done.returncode, done.stdout.split("\n"), done.stderr) == (0, ["the child ends", "0", ""], "")


@pytest.mark.parametrize("progress", ["None", "lambda fraction: None"])
def test_a_daemon_thread_at_the_end_of_the_program_leaves_nothing(
    gains_model: Path, tmp_path: Path, progress: str
) -> None:
    song = write_wav(tmp_path / "song.wav", music(400_000))
    code = f"""
import os, threading, time, demucs_native
model = demucs_native.Model({str(gains_model.with_name("glacial.onnx"))!r})
out = {str(tmp_path / "out")!r}
call = lambda: demucs_native.separate_file({str(song)!r}, out, model, progress={progress})
threading.Thread(target=call, daemon=True).start()
while not os.path.exists(out) or not os.listdir(out):
    time.sleep(0.01)
"""
    done = run_code(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "call",
    [
        "demucs_native.Deck(demucs_native.DeckPool(model), mix).wait()",
        "demucs_native.Stream(model, hop=0.008, lookahead=0.004, crossfade=0.002, compute_time=0.01).render(mix)",
        "model.separate(mix, progress=lambda fraction: time.sleep(0.001))",
        "[demucs_native.Model(quick) for _ in range(100_000)]",
    ],
)
def test_daemon_threads_in_any_call_let_the_program_end(gains_model: Path, call: str) -> None:
    code = f"""
import threading, time, demucs_native, numpy
quick = {str(gains_model)!r}
model = demucs_native.Model({str(gains_model.with_name("glacial.onnx"))!r})
mix = numpy.ones((2, 400_000), numpy.float32)
def work():
    started.set()
    {call}
started = threading.Event()
threading.Thread(target=work, daemon=True).start()
started.wait()
time.sleep(0.1)
"""
    done = run_code(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_closing_a_deck_that_another_thread_waits_for(gains_model: Path) -> None:
    mix = music(5_000)
    pool = DeckPool(Model(gains_model))
    for _ in range(20):
        closed = threading.Event()
        reading = threading.Event()

        def read(first: int, frames: int, closed: threading.Event = closed, reading: threading.Event = reading) -> Mix:
            assert not closed.is_set(), "read after close() had returned"
            reading.set()
            time.sleep(0.01)  # others get the interpreter's lock, so that the last to leave is anybody
            return mix[:, first : first + frames]

        deck = Deck(pool, read, frames=5_000)
        waiting = [threading.Thread(target=ask_until_closed, args=(deck,)) for _ in range(3)]
        for thread in waiting:
            thread.start()
        assert reading.wait(timeout=60)
        closing = [threading.Thread(target=deck.close) for _ in range(2)]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join(timeout=60)
            assert not thread.is_alive()
            closed.set()
        for thread in waiting:
            thread.join(timeout=60)
            assert not thread.is_alive()
    pool.close()


def ask_until_closed(deck: Deck) -> None:
    with contextlib.suppress(ValueError):
        while True:
            deck.state()
