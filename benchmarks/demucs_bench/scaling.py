"""How time and memory grow with the length of a track, and what more threads and more runs at a time bring."""

import statistics
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from . import isolated, timed
from .backends import RUNS_BACKENDS
from .models import ModelChoice, stock_copies
from .results import Results, Row


def measure(
    results: Results,
    models: Sequence[ModelChoice],
    *,
    lengths: Sequence[float],
    thread_counts: Sequence[int],
    run_counts: Sequence[int],
    rounds: int,
) -> None:
    """Separates a track of every length (in seconds) with the defaults, the shortest also with every number of threads,
    and the median one with every number of runs at a time (which PyTorch does not have), with all backends in turns."""
    points = [(seconds, 0, 0) for seconds in lengths] + [(min(lengths), count, 0) for count in thread_counts]
    points += [(sorted(lengths)[len(lengths) // 2], 0, count) for count in run_counts]
    jobs = [(*point, round_, model, name) for model in models for point in points for round_ in range(rounds)
            for name in results.rows]  # fmt: skip
    with stock_copies(models, results.rows) as stock:
        for seconds, threads, runs, round_, model, name in tqdm(jobs, unit="run", disable=None):
            settings = f"{threads or 'default'} threads, {runs or 'default'} runs"
            label = {"model": model.name, "track": f"{seconds:g} s, {settings}, round {round_}"}
            if results.has(name, **label) or not model.can_run(name) or (runs and name not in RUNS_BACKENDS):
                continue
            task = ("track", name, model.file, stock[model.name], threads, seconds, runs)
            figures = isolated.run(timed.__name__, *task)
            point = {"audio_seconds": seconds, "threads": threads, "runs": runs}
            results.add(name, {**label, **point, **figures}, summarise)


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """By model: medians over the rounds at every length, number of threads and number of runs."""
    summary: dict[str, Any] = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in rows if row["model"] == model]
        good = [row for row in mine if row["status"] == "ok"]
        points = dict.fromkeys((row["audio_seconds"], row["threads"], row["runs"]) for row in good)
        summary[model] = {
            "failed": [row["track"] for row in mine if row["status"] != "ok"],
            "points": [_point(good, *point) for point in points],
        }
    return summary


def _point(rows: Sequence[Row], seconds: float, threads: int, runs: int) -> dict[str, float]:
    same = [row for row in rows if (row["audio_seconds"], row["threads"], row["runs"]) == (seconds, threads, runs)]
    medians = {key: statistics.median(row[key] for row in same) for key in ("seconds", "peak_memory_bytes")}
    return {"audio_seconds": seconds, "threads": threads, "runs": runs, **medians}
