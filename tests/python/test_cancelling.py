"""How fast cancelling is with a model of the official size.

docs/performance.md has the figures of a quiet machine. Test machines are not quiet, so the bound here is looser.
"""

import os
import shlex
import signal
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from demucs_export import Report
from demucs_native._runtime import onnxruntime_library
from support import ROOT, music, write_wav
from test_install import run

LONGEST = 2.0  # seconds; a segment takes more


@pytest.fixture(scope="module")
def model(full_export: Report) -> Path:
    return full_export.onnx


def report(door: str, seconds: Sequence[float]) -> None:
    print(f"{door}: median {1e3 * statistics.median(seconds):.0f} ms, longest {1e3 * max(seconds):.0f} ms")
    assert max(seconds) < LONGEST


def test_library(model: Path, tmp_path: Path) -> None:
    run("cmake", "--install", ROOT / "build/release", "--prefix", tmp_path)
    query = ("pkg-config", "--static", "--cflags", "--libs", "demucs_ort")
    flags = shlex.split(run(*query, PKG_CONFIG_PATH=str(tmp_path / "lib/pkgconfig")))
    run("cc", "-O2", ROOT / "tests/consumer/cancel_latency.c", "-o", tmp_path / "cancel_latency", *flags)
    said = run(tmp_path / "cancel_latency", model, 12, DEMUCS_ORT_ONNXRUNTIME=str(onnxruntime_library()))
    report("C and C++", [float(line) / 1e3 for line in said.split()])


def test_program(cli_path: Path, model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(60 * 44_100))
    said, ended = [], []
    for number in range(6):
        with subprocess.Popen(
            [cli_path, "-q", "-m", model, song, tmp_path / "out"],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            assert process.stderr is not None
            while not any((tmp_path / "out").glob(".demucs_ort-*")) and process.poll() is None:
                time.sleep(0.01)
            time.sleep(0.5 + 0.4 * number)
            begin = time.monotonic()
            os.kill(process.pid, signal.SIGINT)
            while "cancelled" not in (line := process.stderr.readline()):
                assert line
            said.append(time.monotonic() - begin)
            assert list((tmp_path / "out").iterdir()) == []
            assert process.wait(timeout=30) == 128 + signal.SIGINT
            ended.append(time.monotonic() - begin)
    report("demucs_ort_cli, until it has said so", said)
    report("demucs_ort_cli, until the process has ended", ended)
