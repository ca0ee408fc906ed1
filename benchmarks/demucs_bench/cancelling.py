"""How long a separation computes on after it was told to stop: `python -m demucs_bench.cancelling MODEL.onnx`.

The moments are spread over a segment. A model of the official size tells what users meet.
"""

import _thread
import argparse
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import demucs_native
import soundfile

from .backends import find_program
from .sound import RATE, music

_SECONDS = 60.0  # of music: more than is separated until the last moment


def moments(times: int) -> list[float]:
    """Seconds after the start."""
    return [0.5 + 2.5 * number / times for number in range(times)]


def module(model: Path, times: int) -> Iterator[float]:
    """Seconds from Ctrl-C until `Model.separate` has raised."""
    loaded = demucs_native.Model(model)
    mix = music(_SECONDS)
    for moment in moments(times):
        pressed: list[float] = []

        def press(pressed: list[float] = pressed) -> None:
            pressed.append(time.monotonic())
            _thread.interrupt_main()

        timer = threading.Timer(moment, press)
        timer.start()
        try:
            loaded.separate(mix)
            raise RuntimeError(f"the separation ended within {moment} s: take a larger model")
        except KeyboardInterrupt:
            yield time.monotonic() - pressed[0]
        finally:
            timer.join()


def program(model: Path, times: int, folder: Path) -> Iterator[tuple[float, float]]:
    """Seconds from Ctrl-C until the program has said that it stopped, leaving nothing, and until it has ended."""
    song = folder / "song.wav"
    soundfile.write(song, music(_SECONDS).T, RATE, subtype="FLOAT")
    out = folder / "out"
    for moment in moments(times):
        command: list[str | Path] = [find_program(), "-q", "-m", model, song, out]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts) as process:
            assert process.stderr is not None
            while process.poll() is None and not any(out.glob(".demucs_ort-*")):
                time.sleep(0.01)
            time.sleep(moment)
            begin = time.monotonic()
            os.kill(process.pid, signal.SIGINT)
            line = process.stderr.readline()
            said = time.monotonic() - begin
            left = list(out.iterdir())
            process.wait()
            if process.returncode != 128 + signal.SIGINT or "cancelled" not in line or left:
                raise RuntimeError(f"the program was not cancelled: {line or process.returncode}, left {left}")
            yield said, time.monotonic() - begin


def _heed_interrupts() -> None:
    """What is started in the background ignores them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _row(door: str, seconds: Sequence[float]) -> str:
    return f"| {door} | {1e3 * statistics.median(seconds):.0f} | {1e3 * max(seconds):.0f} |"


def main() -> None:
    """Print the table of docs/performance.md."""
    parser = argparse.ArgumentParser(prog="python -m demucs_bench.cancelling", description=__doc__)
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--times", type=int, default=8, help="how often each door is told to stop (default 8)")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print("| door | median, ms | longest, ms |\n|---|---:|---:|")
    print(_row("`demucs_native`: Ctrl-C has raised KeyboardInterrupt", list(module(options.model, options.times))))
    with tempfile.TemporaryDirectory() as folder:
        said, ended = zip(*program(options.model, options.times, Path(folder)), strict=True)
    print(_row("`demucs_ort_cli`: has said so, nothing is left of the stems", said))
    print(_row("`demucs_ort_cli`: the process has ended", ended))


if __name__ == "__main__":
    main()
