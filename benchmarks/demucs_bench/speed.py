"""How fast each backend is, with load, first segment and memory apart, each in a process of its own, in turns."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from demucs_songs import RATE
from tqdm import tqdm

from . import BACKENDS, isolated
from .backends import PROVIDERS, Program, Python, PyTorch, can_run, run_demucs
from .models import ModelChoice
from .results import Results, Row
from .scores import Audio

_MODULE = "demucs_bench.speed"  # __name__ is not that in the process of its own
FIGURES = (
    "load_seconds",
    "first_segment_seconds",
    "segment_seconds",
    "track_seconds",
    "command_seconds",  # start, load and all; none where there is no such command
    "peak_memory_bytes",
)


def music(seconds: float, seed: int = 0) -> Audio:
    """Noise at a musical level; the time of a separation does not depend on the sound."""
    random = np.random.default_rng(seed)
    return (0.1 * random.standard_normal((2, round(seconds * RATE)))).astype(np.float32)


def measure(
    results: Results, models: Sequence[ModelChoice], *, threads: int, rounds: int, segments: int, seconds: float
) -> None:
    """Runs everything once a round, so that a slower minute of the machine hits all of it."""
    jobs = [(round_, model, name) for round_ in range(rounds) for model in models for name in results.rows]
    for round_, model, name in tqdm(jobs, unit="run", disable=None):
        label = {"model": model.name, "track": f"round {round_}"}
        if results.has(name, **label) or not can_run(name, model):
            continue
        figures = isolated.run(_MODULE, name, model.file, model.weights or "", threads, segments, seconds)
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


def _time_pytorch(setting: str, model: ModelChoice, threads: int, segments: int, track: Audio) -> dict[str, Any]:
    from demucs.pretrained import get_model

    backend = PyTorch(model, threads, setting)
    segment = music(int(model.members[0].segment * RATE) / RATE, 1)[None]
    first, steady = _first_and_steady(partial(backend.run, segment), segments)
    _, seconds = backend.separate(track)
    memory = backend.peak_memory()
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        name = model.save(repo)
        start = time.perf_counter()
        get_model(name, repo)
        loaded = time.perf_counter() - start
        command = run_demucs(name, repo, threads, track) if setting == "pytorch" else None
    return _figures(loaded, first, steady, seconds, command, memory)


def _time_python(model: ModelChoice, threads: int, segments: int, track: Audio) -> dict[str, Any]:
    start = time.perf_counter()
    backend = Python(model, threads)
    loaded = time.perf_counter() - start
    segment = music(backend.model.segment_frames / RATE, 1)[None]
    first, steady = _first_and_steady(partial(backend.model.run, segment), segments)
    _, seconds = backend.separate(track)
    return _figures(loaded, first, steady, seconds, None, backend.peak_memory())


def _first_and_steady(run: Callable[[], object], segments: int) -> tuple[float, float]:
    times = []
    for _ in range(1 + segments):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times[0], statistics.median(times[1:])


def _time_program(provider: str, model: ModelChoice, threads: int, segments: int, track: Audio) -> dict[str, Any]:
    """The steady time is what a segment adds to a track; reading and writing are included."""
    import demucs_native

    stride = int(0.75 * demucs_native.Model(model.file).segment_frames)  # a track so short is one segment
    program = Program(model, threads, provider)
    _, first = program.separate(music(stride / RATE, 1))
    _, long = program.separate(music((1 + segments) * stride / RATE, 1))
    _, seconds = program.separate(track)
    steady = (long - first) / segments
    return _figures(program.load_seconds(), first, steady, seconds, program.command_seconds, program.peak_memory())


def _figures(*values: float | None) -> dict[str, Any]:
    return dict(zip(FIGURES, values, strict=True))


def _measured(name: str, file: str, weights: str, threads: str, segments: str, seconds: str) -> Mapping[str, Any]:
    """One measurement in this process."""
    timers: Mapping[str, Callable[..., dict[str, Any]]] = {
        **{setting: partial(_time_pytorch, setting) for setting in BACKENDS if setting.startswith("pytorch")},
        "python": _time_python,
        **{name: partial(_time_program, provider) for name, provider in PROVIDERS.items()},
    }
    track = music(float(seconds))
    figures = timers[name](ModelChoice(Path(file), weights or None), int(threads), int(segments), track)
    return {**figures, "audio_seconds": float(seconds), "threads": int(threads)}


if __name__ == "__main__":
    sys.exit(isolated.answer(_measured))
