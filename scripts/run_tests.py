"""Runs all checks, goes on after a failure, and ends with one summary. `--only lint|cpp|python` runs one part."""

import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent


def cpp_files() -> list[str]:
    tracked = subprocess.run(
        ["git", "ls-files", "*.cpp", "*.hpp"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return tracked.stdout.split()


@dataclass
class Part:
    name: str
    commands: list[list[str]]
    passed: int = 0
    failed: int = 0
    seconds: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        start = time.monotonic()
        for command in self.commands:
            print(f"== {self.name}: {' '.join(command[:4])}", flush=True)
            output = self.stream(command)
            self.count(output)
        self.seconds = time.monotonic() - start

    def stream(self, command: list[str]) -> str:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
        self.status = process.wait()
        return "".join(lines)

    def count(self, output: str) -> None:
        """Counts tests as pytest and ctest report them; any other command is one check."""
        passed = [int(n) for n in re.findall(r"(\d+) passed", output)]
        failed = [int(n) for n in re.findall(r"(\d+) (?:failed|errors?)\b", output)]
        ctest = re.search(r"(\d+) tests? failed out of (\d+)", output)
        if ctest:
            failed, passed = [int(ctest[1])], [int(ctest[2]) - int(ctest[1])]
        if self.name == "lint" or not (passed or failed):
            passed, failed = [int(self.status == 0)], [int(self.status != 0)]
        self.passed += sum(passed)
        self.failed += max(sum(failed), int(self.status != 0))


def parts() -> list[Part]:
    def tool(name: str) -> str:
        return str(TOOLS / name)

    return [
        Part(
            "lint",
            [
                [tool("ruff"), "check", "-q", "."],
                [tool("ruff"), "format", "--check", "-q", "."],
                [tool("clang-format"), "--dry-run", "--Werror", *cpp_files()],
                [tool("mypy"), "python/demucs_native", "export/demucs_export", "scripts"],
            ],
        ),
        Part("C++", [["ctest", "--preset", "release", "--progress"]]),
        Part("Python", [[sys.executable, "-m", "pytest", "-q"]]),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[part.name.lower().replace("c++", "cpp") for part in parts()])
    only = parser.parse_args().only
    chosen = [part for part in parts() if only in (None, part.name.lower().replace("c++", "cpp"))]
    for part in chosen:
        part.run()
    print("\nSummary")
    for part in chosen:
        print(f"  {part.name:8} {part.passed:4} passed {part.failed:3} failed {part.seconds:7.0f} s")
    failed = sum(part.failed for part in chosen)
    print(f"{sum(part.passed for part in chosen)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
