"""How time and memory grow with the length of a track, and what more threads bring."""

import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import isolated
from .backends import can_run, load
from .models import ModelChoice
from .results import Results, Row
from .speed import music

_MODULE = "demucs_bench.scaling"  # __name__ is not that in the process of its own


def measure(
    results: Results,
    models: Sequence[ModelChoice],
    *,
    lengths: Sequence[float],
    thread_counts: Sequence[int],
    rounds: int,
) -> None:
    """Separates a track of every length (in seconds) with the default threads, the shortest also with every number
    of threads, with all backends in turns."""
    points = [(seconds, 0) for seconds in lengths] + [(min(lengths), count) for count in thread_counts]
    jobs = [(*point, round_, model, name) for model in models for point in points for round_ in range(rounds)
            for name in results.rows]  # fmt: skip
    for seconds, threads, round_, model, name in tqdm(jobs, unit="run", disable=None):
        label = {"model": model.name, "track": f"{seconds:g} s, {threads or 'default'} threads, round {round_}"}
        if results.has(name, **label) or not can_run(name, model):
            continue
        figures = isolated.run(_MODULE, name, model.file, model.weights or "", threads, seconds)
        results.add(name, {**label, "audio_seconds": seconds, "threads": threads, **figures}, summarise)


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """By model: medians over the rounds at every length and number of threads."""
    summary: dict[str, Any] = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in rows if row["model"] == model]
        good = [row for row in mine if row["status"] == "ok"]
        points = dict.fromkeys((row["audio_seconds"], row["threads"]) for row in good)
        summary[model] = {
            "failed": [row["track"] for row in mine if row["status"] != "ok"],
            "points": [_point(good, *point) for point in points],
        }
    return summary


def _point(rows: Sequence[Row], seconds: float, threads: int) -> dict[str, float]:
    same = [row for row in rows if (row["audio_seconds"], row["threads"]) == (seconds, threads)]
    medians = {key: statistics.median(row[key] for row in same) for key in ("seconds", "peak_memory_bytes")}
    return {"audio_seconds": seconds, "threads": threads, **medians}


def _measured(name: str, file: str, weights: str, threads: str, seconds: str) -> Mapping[str, Any]:
    """One measurement in this process."""
    backend = load(name, ModelChoice(Path(file), weights or None), int(threads))
    _, taken = backend.separate(music(float(seconds)))
    return {"seconds": taken, "peak_memory_bytes": backend.peak_memory()}


if __name__ == "__main__":
    sys.exit(isolated.answer(_measured))
