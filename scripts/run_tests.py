"""Runs every check, goes on after a failure, and ends with one summary. `--only lint|cpp|python|web` runs one part."""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
PACKAGES = [
    "python/demucs_native",
    "export/demucs_export",
    "cluster/demucs_cluster",
    "demo_model",
    "benchmarks/demucs_bench",
]


def cpp_files() -> list[str]:
    command = ["git", "ls-files", "*.c", "*.h", "*.cpp", "*.hpp"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def parts() -> dict[str, list[list[str]]]:
    """The commands of each part."""
    return {
        "lint": [
            [str(TOOLS / "ruff"), "check", "-q", "."],
            [str(TOOLS / "ruff"), "format", "--check", "-q", "."],
            [str(TOOLS / "clang-format"), "--dry-run", "--Werror", *cpp_files()],
            [str(TOOLS / "mypy"), *PACKAGES, "platforms", "scripts", "web/testing"],
            [sys.executable, "scripts/check_rooms.py"],
            [sys.executable, "scripts/check_includes.py"],
            [str(TOOLS / "zizmor"), "--offline", "--strict-collection", "--quiet", ".github"],
        ],
        "cpp": [["ctest", "--preset", "test"]],
        "python": [[sys.executable, "-m", "pytest", "-q", "-n", "logical", "--maxprocesses=4", "--dist=worksteal"]],
        "web": [
            ["npm", "--prefix", "web", "run", "--silent", "check"],
            ["npm", "--prefix", "web", "run", "--silent", "test"],
        ],
    }


def run(command: list[str]) -> tuple[int, str]:
    """Shows the command's output while it runs; returns its exit code and that output."""
    lines = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


def count(status: int, output: str) -> tuple[int, int]:
    """Tests passed and failed, from the closing line of ctest, pytest or vitest; any other command is one test."""
    output = re.sub(r"\x1b\[[\d;]*m", "", output)  # colours
    ctest = re.search(r"(\d+) tests? failed out of (\d+)", output)
    if ctest:
        failed = int(ctest[1])
        return int(ctest[2]) - failed, failed
    closing = re.findall(r"^=*\s*((?:\d+ \w+(?:, )?)+) in [\d.]+s", output, re.MULTILINE)
    closing = closing or re.findall(r"^ +Tests +(.*) \(\d+\)$", output, re.MULTILINE)
    if closing:
        counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", closing[-1])}
        failed = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
        return counts.get("passed", 0), max(failed, int(status != 0))
    return int(status == 0), int(status != 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(parts()))
    only = parser.parse_args().only
    summary = []
    for part, commands in parts().items():
        if only not in (None, part):
            continue
        start, passed, failed = time.monotonic(), 0, 0
        for command in commands:
            print(f"== {part}: {Path(command[0]).name} {' '.join(command[1:3])}", flush=True)
            counts = count(*run(command))
            passed, failed = passed + counts[0], failed + counts[1]
        summary.append((part, passed, failed, time.monotonic() - start))
    print("\nSummary")
    for part, passed, failed, seconds in summary:
        print(f"  {part:8}{passed:5} passed {failed:3} failed {seconds:6.0f} s")
    failures = sum(failed for _, _, failed, _ in summary)
    print(f"{sum(passed for _, passed, _, _ in summary)} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
