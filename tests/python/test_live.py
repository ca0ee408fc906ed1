"""demucs_ort_live through a pseudo-terminal, seen by a terminal emulator, on a device that plays to nobody."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
import pytest
from support import ROOT, music, write_wav

PROGRAM = Path(os.environ.get("DEMUCS_ORT_LIVE", ROOT / "build/release/demucs_ort_live"))


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("live") / "song.wav", music(20 * 44_100))


class Terminal:
    """A program in a terminal of 80 x 24, its keys and its screen."""

    def __init__(self, *arguments: object) -> None:
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        self._master, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        command = [str(argument) for argument in (PROGRAM, *arguments)]
        environment = os.environ | {"TERM": "linux"}
        self.process = subprocess.Popen(
            command, stdin=inner, stdout=inner, stderr=subprocess.PIPE, env=environment, start_new_session=True
        )
        os.close(inner)

    def _receive(self, seconds: float) -> None:
        if select.select([self._master], [], [], seconds)[0]:
            try:
                self._stream.feed(os.read(self._master, 65536))
            except OSError:  # the program has left
                time.sleep(seconds)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def wait_for(self, seen: Callable[[list[str]], object], what: str) -> list[str]:
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            self._receive(0.05)
            if seen(self.lines()):
                return self.lines()
        raise AssertionError(f"never: {what}; the screen:\n" + "\n".join(self.lines()))

    def end(self) -> tuple[int, str]:
        limit = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < limit:
            self._receive(0.05)
        assert self.process.stderr is not None
        return self.process.wait(1), self.process.stderr.read().decode()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        os.close(self._master)


@contextmanager
def playing(*arguments: object) -> Iterator[Terminal]:
    terminal = Terminal("--device", "null", *arguments)
    try:
        yield terminal
    finally:
        terminal.close()


def position(lines: list[str]) -> float:
    """Of the playhead, in seconds."""
    found = re.match(r"(\d\d):(\d\d\.\d) / ", lines[1])
    return 60 * int(found[1]) + float(found[2]) if found else -1.0


def level(line: str) -> float:
    found = re.search(r"(-?\d+\.\d) dB", line)
    assert found, line
    return float(found[1])


def test_plays_with_a_meter_for_each_stem(gains_model: Path, song: Path) -> None:
    with playing("-m", gains_model, song) as terminal:
        lines = terminal.wait_for(lambda seen: position(seen) > 1 and "final stems" in seen[1], "final stems")
        assert lines[0] == "song.wav"
        assert re.match(r"\d\d:\d\d\.\d / 00:20\.0  playing, final stems", lines[1])
        lines = terminal.wait_for(lambda seen: "100 % of the track" in seen[2], "all of the track")
        assert [line[2:9] for line in lines[4:6]] == ["1 drums", "2 bass "]
        # The model gives three quarters and one quarter of the mix: 9.5 dB apart.
        drums, bass = (level(line) for line in lines[4:6])
        assert drums - bass == pytest.approx(9.5, abs=0.3)
        assert lines[4].count("#") > lines[5].count("#") > 0
        terminal.press("q")
        assert terminal.end() == (0, "")


def test_keys_mute_solo_seek_and_pause(gains_model: Path, song: Path) -> None:
    with playing("-m", gains_model, song) as terminal:
        terminal.wait_for(lambda seen: "playing" in seen[1], "playing")
        terminal.press("2")
        terminal.wait_for(lambda seen: "MUTE" in seen[5] and "MUTE" not in seen[4], "the second muted")
        terminal.press("2m")
        terminal.wait_for(lambda seen: "MUTE" in seen[4] and "MUTE" not in seen[5], "the chosen one muted")
        terminal.press("\x1b[Bs")
        terminal.wait_for(lambda seen: seen[5].startswith(">") and "SOLO" in seen[5], "the next one solo")
        terminal.press(" ")
        lines = terminal.wait_for(lambda seen: "paused" in seen[1], "paused")
        before = position(lines)
        terminal.press("\x1b[C")
        lines = terminal.wait_for(lambda seen: position(seen) >= before + 4.9, "five seconds on")
        assert position(lines) == pytest.approx(before + 5, abs=0.2)
        terminal.press("\x1b[D\x1b[D\x1b[D")
        terminal.wait_for(lambda seen: position(seen) == 0, "back at the start")
        terminal.press(" ")
        terminal.wait_for(lambda seen: position(seen) > 0 and "playing" in seen[1], "going on")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == (128 + signal.SIGTERM, "")


def test_ends_with_the_song(gains_model: Path, tmp_path: Path) -> None:
    short = write_wav(tmp_path / "short.wav", music(44_100))
    with playing("-m", gains_model, "--once", short) as terminal:
        assert terminal.end() == (0, "")


def test_says_what_is_wrong(gains_model: Path, song: Path, tmp_path: Path) -> None:
    def fails(code: int, text: str, *arguments: object) -> None:
        with playing(*arguments) as terminal:
            found = terminal.end()
        assert found[0] == code and text in found[1] and found[1].count("\n") == 1, found

    (tmp_path / "noise.wav").write_bytes(b"no music")
    fails(2, "name the song")
    fails(2, "--help", "--loud", song)
    fails(3, "there is no model file", "-m", tmp_path / "nowhere.onnx", song)
    fails(4, "noise.wav", "-m", gains_model, tmp_path / "noise.wav")
    done = subprocess.run([PROGRAM, "--device", "null", "-m", gains_model, song], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 2 and "needs a terminal" in done.stderr
    done = subprocess.run([PROGRAM, "--device", "no such device", "-m", gains_model, song], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 5 and "no audio device 'no such device'" in done.stderr


def test_lists_devices() -> None:
    done = subprocess.run([PROGRAM, "--list-devices"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "null"
