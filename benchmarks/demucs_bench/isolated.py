"""Runs one measurement in a process of its own, so that none finds memory or caches that another one left."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .backends import BackendError


def run(module: str, *task: object) -> dict[str, Any]:
    """What `python -m module TASK...` prints on its last line, as a row with its status."""
    command = [sys.executable, "-m", module, *map(str, task)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return {"status": "ok", **json.loads(done.stdout.splitlines()[-1])}
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return {"status": "failed", "error": lines[-1]}


def answer(measure: Callable[..., Mapping[str, Any]]) -> int:
    """The other end: measures the task on the command line and prints the figures; returns the exit code."""
    try:
        figures = measure(*sys.argv[1:])
    except BackendError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(figures))
    return 0
