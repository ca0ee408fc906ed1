"""Checks with clang-tidy that every C++ file includes what it uses, and nothing else (.clang-tidy says how).

The compile commands come from a build folder of their own, in which nothing is built: in build/release several files
are compiled as one. A file that has passed is checked again when it changes.
"""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pybind11 import get_cmake_dir

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build/includes"
PASSED = BUILD / "passed.json"
# plain_onnxruntime.cpp needs ONNX Runtime's headers, which no target hands on.
PATTERNS = ["cpp/*.[ch]pp", "examples/*.cpp", ":!examples/plain_onnxruntime.cpp", "python/*.[ch]pp", "tests/*.[ch]pp"]


def digest(file: str) -> str:
    rules = (ROOT / ".clang-tidy").read_bytes()
    return hashlib.sha256(rules + (ROOT / file).read_bytes()).hexdigest()


def check(file: str) -> str:
    """What is wrong in a file; empty: nothing."""
    # The flags are those of g++.
    flags = ["-p", str(BUILD), "--quiet", "--extra-arg=-Wno-unknown-warning-option"]
    command = [str(Path(sys.executable).with_name("clang-tidy")), *flags, file]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout or done.stderr


def configure() -> None:
    parts = [
        "DEMUCS_ORT_BUILD_LIVE=ON",
        "DEMUCS_ORT_BUILD_PLUGIN=ON",
        "DEMUCS_ORT_BUILD_PYTHON=ON",
        "DEMUCS_ORT_WARNINGS_AS_ERRORS=OFF",
    ]
    places = [f"Python_EXECUTABLE={sys.executable}", f"pybind11_DIR={get_cmake_dir()}"]
    wanted = ["CMAKE_EXPORT_COMPILE_COMMANDS=ON", "CMAKE_UNITY_BUILD=OFF", *parts, *places]
    command = ["cmake", "--preset", "test", "-B", str(BUILD), *(f"-D{setting}" for setting in wanted)]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


def main() -> int:
    configure()
    listed = subprocess.run(["git", "ls-files", *PATTERNS], cwd=ROOT, capture_output=True, text=True, check=True)
    digests = {file: digest(file) for file in listed.stdout.split()}
    passed = json.loads(PASSED.read_text()) if PASSED.exists() else {}
    changed = [file for file, value in digests.items() if passed.get(file) != value]
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        wrong = {file: text for file, text in zip(changed, workers.map(check, changed), strict=True) if text}
    print("\n".join(wrong.values()), end="\n" if wrong else "")
    PASSED.write_text(json.dumps({file: value for file, value in digests.items() if file not in wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
