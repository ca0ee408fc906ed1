"""The face of the plug-in on a screen without a monitor, with a mouse that is moved as a user moves it."""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

PLUGINS = Path(os.environ.get("DEMUCS_ORT_PLUGINS", ROOT / "build/release/plugins"))
HOST = Path(__file__).with_name("plugin_face_host.py")
FACES = {
    "clap": (PLUGINS / "clap/demucs-ort/demucs_stems.clap", 0),
    "lv2": (PLUGINS / "lv2/demucs_stems.lv2", 7),  # its parameters come after 7 other ports
}
LEVEL, MUTE, SOLO, LATENCY, STATE = 0, 4, 8, 12, 14  # parameters.hpp
WHEEL_UP, WHEEL_DOWN = 4, 5
# Places in the face, in pixels.
VOCALS = (412, 134)  # the handle of the fader, at 0 dB
DRUMS = (67, 180)
MUTE_BASS = (160, 299)
SOLO_OTHER = (320, 299)
SAFE = (417, 32)
CHOOSE = (414, 368)
DEMO_MODEL = (318, 368)

# `make setup` installs on Debian and Ubuntu what all of this needs; in CI it has to be there.
IS_COMPLETE = FACES["lv2"][0].joinpath("demucs_stems_ui.so").exists() and all(map(shutil.which, ["Xvfb", "xdotool"]))
pytestmark = pytest.mark.skipif(not IS_COMPLETE and "CI" not in os.environ, reason="no face, Xvfb or xdotool")
Event = dict[str, Any]
OpenFace = Callable[..., "Face"]


class Face:
    """A face that is open, in a host process."""

    size: list[int]

    def __init__(self, host: "subprocess.Popen[str]", screen: str, first_port: int) -> None:
        self._host, self._screen, self._first_port = host, screen, first_port
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._host.stdout is not None
        for line in self._host.stdout:
            event = json.loads(line) if line.startswith("{") else {}  # DPF prints, too
            if event.get("parameter", [0])[0] < self._first_port + STATE:  # what the plug-in sets itself comes any time
                self._events.put(event)
        self._events.put(None)

    def next(self, *kinds: str) -> Event:
        """The next event of these kinds; others before it are forgotten."""
        while True:
            event = self._events.get(timeout=60)
            assert event is not None, "the host has ended"
            if not event.keys().isdisjoint(kinds):
                return event

    def gesture(self) -> tuple[int, list[float]]:
        """What a user's touch sets: the parameter, and its values on the way."""
        touched = self.next("begin", "parameter", "end")["begin"]
        values: list[float] = []
        while "end" not in (event := self.next("begin", "parameter", "end")):
            number, value = event["parameter"]
            assert number == touched
            values.append(value)
        assert event["end"] == touched
        return touched - self._first_port, values

    def close(self) -> None:
        """Ends the host, which must not crash."""
        assert self._host.stdin is not None
        assert self._host.stdout is not None
        self._host.stdin.close()
        try:
            assert self._host.wait(timeout=60) == 0
        finally:
            self._host.kill()
            self._listener.join()
            self._host.stdout.close()

    def mouse(self, *words: object) -> None:
        command = ["xdotool", *(str(word) for word in words)]
        subprocess.run(command, env={**os.environ, "DISPLAY": self._screen}, check=True, timeout=60)

    def click(self, place: tuple[int, int], button: int = 1) -> None:
        self.mouse("mousemove", *place, "click", button)

    def set(self, number: int, value: float) -> None:
        """Sets a parameter as hosts do, and waits until the face has heard of it."""
        assert self._host.stdin is not None
        self._host.stdin.write(json.dumps([number + self._first_port, value]) + "\n")
        self._host.stdin.flush()
        self.next("set")


@contextmanager
def x_server() -> Iterator[str]:
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1200x1200x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        os.close(writer)
        try:
            with os.fdopen(reader) as answer:
                yield f":{int(answer.readline())}"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    with x_server() as name:
        yield name


@pytest.fixture
def open_face(screen: str) -> Iterator[OpenFace]:
    faces: list[Face] = []

    def open_one(kind: str, scale: float = 1) -> Face:
        file, first_port = FACES[kind]
        environment = {**os.environ, "DISPLAY": screen, "DPF_SCALE_FACTOR": str(scale)}
        command = [sys.executable, str(HOST), kind, str(file)]
        pipe = subprocess.PIPE
        host = subprocess.Popen(command, env=environment, text=True, stdin=pipe, stdout=pipe)
        faces.append(Face(host, screen, first_port))
        faces[-1].size = faces[-1].next("size")["size"]
        return faces[-1]

    yield open_one
    for face in faces:
        face.close()


@pytest.fixture(params=["clap", "lv2"])
def face(request: pytest.FixtureRequest, open_face: OpenFace) -> Face:
    return open_face(request.param)


def test_a_fader_follows_the_mouse_in_one_gesture(face: Face) -> None:
    x, y = VOCALS
    face.mouse("mousemove", x, y, "mousedown", 1)
    for down in (10, 20, 30, 40):
        face.mouse("mousemove", x, y + down)
    face.mouse("mouseup", 1)
    number, levels = face.gesture()
    assert number == LEVEL + 3
    assert levels == sorted(levels, reverse=True)
    assert -14 < levels[-1] < -10


def test_a_double_click_sets_a_fader_to_0_db_and_the_wheel_moves_it_by_half_a_decibel(face: Face) -> None:
    face.set(LEVEL, -20)
    face.click(DRUMS, WHEEL_UP)
    assert face.gesture() == (LEVEL, [-19.5])
    face.click(DRUMS, WHEEL_DOWN)
    assert face.gesture() == (LEVEL, [-20])
    face.mouse("mousemove", *DRUMS, "click", "--repeat", 2, "--delay", 20, 1)
    face.gesture()  # the first click, which sets the fader to where it is
    assert face.gesture() == (LEVEL, [0])


def test_buttons_set_what_they_say(face: Face) -> None:
    for place, number in ((MUTE_BASS, MUTE + 1), (SOLO_OTHER, SOLO + 2)):
        face.click(place)
        assert face.gesture() == (number, [1])
        face.click(place)
        assert face.gesture() == (number, [0])
    face.click(SAFE)
    assert face.gesture() == (LATENCY, [1])


def test_in_double_size_everything_is_twice_as_far_away(open_face: OpenFace) -> None:
    assert open_face("clap").size == [480, 500]
    face = open_face("clap", scale=2)
    assert face.size == [960, 1000]
    face.click((2 * MUTE_BASS[0], 2 * MUTE_BASS[1]))
    assert face.gesture() == (MUTE + 1, [1])


def test_a_model_is_chosen_in_a_dialog_and_left_again(
    open_face: OpenFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.onnx").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    face = open_face("lv2")
    face.click(CHOOSE)
    face.mouse("search", "--sync", "--name", "choose a model", "mousemove", "--window", "%1", 300, 150)
    face.mouse("key", "Down", "key", "Return")
    while (state := face.next("state")["state"])[0] != "model":
        pass
    assert state == ["model", str(tmp_path / "mine.onnx")]
    face.click(DEMO_MODEL)
    assert face.next("state")["state"] == ["model", ""]
