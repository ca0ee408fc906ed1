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
    name = program.name.removesuffix("_fuzz")
    corpus, found = BUILD / "corpus" / name, BUILD / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", "-timeout=120", "-rss_limit_mb=2048", "-print_final_stats=1"]
    folders = [str(corpus), str(ROOT / "tests/fuzz/corpus" / name)]
    log = BUILD / f"{name}.log"
    with log.open("w") as output:
        command = [str(program), *limits, f"-artifact_prefix={found}/{name}-", *folders]
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, cwd=BUILD, check=False)
    text = log.read_text(errors="replace")
    runs = re.findall(r"number_of_executed_units: (\d+)", text)
    covered = re.findall(r" cov: (\d+)", text)
    print(f"{name}: {runs[-1] if runs else '?'} runs, {covered[-1] if covered else '?'} edges covered", flush=True)
    if done.returncode != 0:
        print(f"{name}: found something, see {log}\n{text[-3000:]}", flush=True)
    return done.returncode == 0


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
