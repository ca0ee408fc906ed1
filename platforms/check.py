"""Runs the checks of other systems, one after another, and tells in a table what was built and what ran where.

Each is a program in this folder that exits with 0 if its system is as it should be, and ends with
the lines "built: ..." and "ran: ...". Run by `make platforms`.
"""

import argparse
import datetime
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
REPORT = ROOT / "build/platforms/report.md"
CHECKS = {
    "windows": ["windows.sh"],
    "arm64": ["arm64.sh"],
    "macos": ["macos.sh"],
    "pythons": ["pythons.sh"],
    "compilers": ["compilers.sh"],
    "debian": ["debian.sh", "trixie"],
    "ubuntu": ["debian.sh", "noble"],
    "workflows": ["workflows.py"],
}
"""Of the quickest ones first."""


@dataclass(frozen=True)
class Row:
    name: str
    passed: bool
    built: str
    ran: str
    minutes: float


def check(name: str) -> Row:
    """Runs one check; its output is shown as it comes."""
    start = time.monotonic()
    program, *arguments = CHECKS[name]
    command = [*([sys.executable] if program.endswith(".py") else []), str(HERE / program), *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        said = {}
        for line in process.stdout:
            print(line, end="", flush=True)
            key, _, value = line.partition(": ")
            said[key] = value.strip()
    passed = process.returncode == 0 and "built" in said and "ran" in said
    return Row(name, passed, said.get("built", ""), said.get("ran", ""), (time.monotonic() - start) / 60)


def table(rows: list[Row]) -> str:
    lines = [f"| platform | {datetime.date.today()} | built | ran | minutes |", "|---|---|---|---|---:|"]
    for row in rows:
        lines.append(
            f"| {row.name} | {'passed' if row.passed else 'FAILED'} | {row.built} | {row.ran} | {row.minutes:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHECKS)}; default: all")
    names = parser.parse_args().names or list(CHECKS)
    if unknown := [name for name in names if name not in CHECKS]:
        parser.error(f"there is no check {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    rows = []
    for name in names:
        print(f"== {name}", flush=True)
        rows.append(check(name))
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(table(rows), encoding="utf-8")
    print(f"\n{table(rows)}\n{sum(row.passed for row in rows)} passed, {sum(not row.passed for row in rows)} failed")
    return int(not all(row.passed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
