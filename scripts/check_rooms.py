"""Checks that the C++ code keeps to its rooms: which folder may include which, and where each library may be known."""

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]

# The include folders and their rooms, from the ground up: a room may include its own headers and those of these rooms.
ROOMS: Mapping[str, Mapping[str, Iterable[str]]] = {
    "cpp/src": {
        "base": (),
        "model": ("base",),
        "rate": ("base", "model"),
        "separation": ("base", "model", "rate"),
        "stream": ("base", "model", "rate", "separation"),
        "deck": ("base", "model", "rate", "separation"),
        "c_api": ("base", "model", "rate", "separation", "stream", "deck"),
    },
    "cpp/files": {
        "common": (),
        "read": ("common",),
        "write": ("common",),
        "stem_file": ("common", "read", "write"),
        "track": ("common", "read", "write", "stem_file"),
        "door": ("common", "read", "write", "stem_file", "track"),
    },
    "plugin": {
        "core": (),
        "dpf": ("core",),
    },
}

# Rooms of the core that nothing outside it may include.
_CLOSED_ROOMS = ROOMS["cpp/src"].keys() - {"base"}

# What the C door of cpp/files shares with that of the core.
_SHARED_BY_C_DOORS = ("cpp/files/door/c_api_files.cpp", "c_api/c_api_support.hpp")

# A library's headers, and the only folders that may include them.
LIBRARIES = {
    r"onnxruntime\w*\.h": ("cpp/src/model/",),
    r"soxr\.h": ("cpp/src/rate/",),
    r"lib(av|sw)\w+/": ("cpp/files/",),
    r"portaudio\.h": ("cpp/live/",),
    r"(n?curses)\.h": ("cpp/live/",),
    r"pybind11/": ("python/",),
    r"Distrho\w+\.hpp|(clap|lv2|travesty)/": ("plugin/dpf/",),
}

_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def check_file(file: str, text: str) -> list[str]:
    """What is wrong in a file, a sentence each; `file` is its path from the repository's root."""
    wrong = []
    for included in _INCLUDE.findall(text):
        for header, places in LIBRARIES.items():
            if re.fullmatch(header + ".*", included) and not file.startswith(places):
                wrong.append(f"{file}: includes {included}; only {', '.join(places)} may")
    for included in _INCLUDE.findall(text) if not file.startswith("cpp/src/") else ():
        if included.partition("/")[0] in _CLOSED_ROOMS and (file, included) != _SHARED_BY_C_DOORS:
            wrong.append(f"{file}: includes {included}; of the core only the public headers and base/ are for doors")
    for folder, rooms in ROOMS.items():
        if not file.startswith(folder + "/"):
            continue
        room = file.removeprefix(folder + "/").partition("/")[0]
        if room not in rooms:
            wrong.append(f"{file}: lies in no room of {folder}; its rooms are {', '.join(rooms)}")
            continue
        for included in _INCLUDE.findall(text):
            other = included.partition("/")[0]
            if other in rooms and other not in (room, *rooms[room]):
                wrong.append(f"{file}: includes {included}, but {room} may not use {other}")
    return wrong


def main() -> int:
    patterns = ["cpp/*.[ch]pp", "cpp/*.h", "plugin/*.[ch]pp", "python/*.[ch]pp"]
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    wrong = [line for file in listed.stdout.split() for line in check_file(file, (ROOT / file).read_text())]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
