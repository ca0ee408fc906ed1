"""Builds the library with a CMake preset and runs its C++ tests on the ONNX Runtime of this Python's package.

Needs demucs_native and the packages onnx and onnxruntime in this Python, GoogleTest, and a compiler; on Linux `make
build` sets all that up. Arguments after the preset go to CMake.
"""

import subprocess
import sys
from pathlib import Path

from demucs_native._runtime import onnxruntime_library

ROOT = Path(__file__).parents[1]


def main(preset: str, *more: str) -> None:
    library = onnxruntime_library()
    if library is None:
        sys.exit("check_library: the package onnxruntime is missing")
    settings = [
        f"-DPython_EXECUTABLE={Path(sys.executable).as_posix()}",
        f"-DDEMUCS_ORT_DEFAULT_ONNXRUNTIME={library.as_posix()}",
    ]
    for command in (
        ["cmake", "--preset", preset, *settings, *more],
        ["cmake", "--build", "--preset", preset],
        ["ctest", "--preset", preset],
    ):
        subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: check_library.py PRESET [-DNAME=VALUE ...]\n\n{__doc__}")
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"check_library: {error}")
