"""Threads of the program and of the module: those the system refuses, those a process may use, those a fork loses."""

import os
import sys
from pathlib import Path

import pytest
from support import ROOT, Cli, music, write_wav

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what it does is done on Linux only")


def refusing(after: int) -> dict[str, str]:
    """The environment of a program whose system starts only so many threads."""
    library = ROOT / "build/release/tests/cpp/librefuse_threads.so"
    return {**os.environ, "LD_PRELOAD": str(library), "DEMUCS_ORT_TEST_THREADS_LEFT": str(after)}


def test_a_job_whose_thread_does_not_start_leaves_its_tracks_to_the_others(
    cli: Cli, gains_model: Path, tmp_path: Path
) -> None:
    songs = [write_wav(tmp_path / f"{name}.wav", music(3000)) for name in "ab"]
    command = ["-m", gains_model, "--jobs", "2", "--threads", "2", *songs, tmp_path / "out"]
    done = cli(*command, env=refusing(after=1))  # that thread is the one that watches for Ctrl-C
    assert done.returncode == 0, done.stderr
    assert "a job could not start: the system starts no more threads" in done.stderr
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 4


def test_a_program_without_any_thread_says_so(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "a.wav", music(3000))
    done = cli("-m", gains_model, song, tmp_path / "out", env=refusing(after=0))
    assert done.returncode == 6
    assert done.stderr.startswith("demucs_ort_cli: the system starts no more threads (")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
