"""How fast each backend is, with load, first segment and memory apart, each in a process of its own, in turns."""

import statistics
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from . import isolated, timed
from .models import ModelChoice, stock_copies
from .results import Results, Row
from .timed import FIGURES


def measure(
    results: Results, models: Sequence[ModelChoice], *, threads: int, rounds: int, segments: int, seconds: float
) -> None:
    """Runs everything once a round, so that a slower minute of the machine hits all of it."""
    jobs = [(round_, model, name) for round_ in range(rounds) for model in models for name in results.rows]
    with stock_copies(models, results.rows) as stock:
        for round_, model, name in tqdm(jobs, unit="run", disable=None):
            label = {"model": model.name, "track": f"round {round_}"}
            if results.has(name, **label) or not model.can_run(name):
                continue
            settings = (threads, segments, seconds)
            figures = isolated.run(timed.__name__, "speed", name, model.file, stock[model.name], *settings)
            results.add(name, {**label, **figures}, summarise)


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """By model: median, least and greatest of every figure over the rounds."""
    summary = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        good = [row for row in rows if row["model"] == model and row["status"] == "ok"]
        failed = [row["track"] for row in rows if row["model"] == model and row["status"] != "ok"]
        figures = {key: _spread([row[key] for row in good]) for key in FIGURES} if good else {}
        summary[model] = {"rounds": len(good), "failed": failed, **figures}
        if good:
            summary[model]["audio_seconds"] = good[0]["audio_seconds"]
            summary[model]["threads"] = good[0]["threads"]
    return summary


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    there = [value for value in values if value is not None]
    if not there:
        return None
    return {"median": statistics.median(there), "least": min(there), "greatest": max(there)}
