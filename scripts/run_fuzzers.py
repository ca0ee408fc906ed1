"""Builds the fuzz targets (clang) and runs each for a time, two at a once; ends with code 1 if one found something.

Starts from tests/fuzz/corpus and goes on from what earlier runs learned (build/fuzz/corpus). An input that breaks
something is kept in build/fuzz/found; once it is mended, the input belongs into tests/fuzz/corpus.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from demucs_native._runtime import onnxruntime_library

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build/fuzz"
_ROUND = 60  # seconds


def build() -> list[Path]:
    """Returns the programs."""
    library = onnxruntime_library()
    if library is None:
        sys.exit("run_fuzzers: the package onnxruntime is missing")
    for command in (
        ["cmake", "--preset", "fuzz", "--log-level=WARNING", f"-DDEMUCS_ORT_DEFAULT_ONNXRUNTIME={library}"],
        ["cmake", "--build", "--preset", "fuzz"],
        [sys.executable, "tests/cpp/make_models.py", str(BUILD / "tests/cpp/models")],
    ):
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return sorted((BUILD / "tests/fuzz").glob("*_fuzz"))


def fuzz(program: Path, seconds: int) -> bool:
    """In rounds, each a new process: AddressSanitizer keeps some kilobytes of every thread that has ended."""
    name = program.name.removesuffix("_fuzz")
    runs, covered = 0, "?"
    for first in range(0, seconds, _ROUND):
        code, text = _one_round(program, name, min(_ROUND, seconds - first))
        runs += sum(map(int, re.findall(r"number_of_executed_units: (\d+)", text)))
        covered = [covered, *re.findall(r" cov: (\d+)", text)][-1]
        if code != 0:
            print(f"{name}: found something, see {_log(name)}\n{text[-3000:]}", flush=True)
            return False
    print(f"{name}: {runs} runs, {covered} edges covered", flush=True)
    return True


def _one_round(program: Path, name: str, seconds: int) -> tuple[int, str]:
    """The exit code and all that the program wrote."""
    corpus, found = BUILD / "corpus" / name, BUILD / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", "-timeout=120", "-rss_limit_mb=2048", "-print_final_stats=1"]
    folders = [str(corpus), str(ROOT / "tests/fuzz/corpus" / name)]
    command = [str(program), *limits, f"-artifact_prefix={found}/{name}-", *folders]
    with _log(name).open("w") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, cwd=BUILD, check=False)
    return done.returncode, _log(name).read_text(errors="replace")


def _log(name: str) -> Path:
    return BUILD / f"{name}.log"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="of each target (default: %(default)s)")
    parser.add_argument("targets", nargs="*", help="their names; none: all")
    arguments = parser.parse_args()
    programs = [p for p in build() if not arguments.targets or p.name.removesuffix("_fuzz") in arguments.targets]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        good = list(pool.map(lambda program: fuzz(program, arguments.seconds), programs))
    return 0 if programs and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
