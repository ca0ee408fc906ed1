"""How fast each backend is, with load, first segment and memory apart, each in a process of its own, in turns."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from demucs_songs import RATE
from tqdm import tqdm

from . import system
from .backends import PROVIDERS, BackendError, Program
from .models import ModelChoice
from .results import Results, Row
from .scores import Audio

FIGURES = ("load_seconds", "first_segment_seconds", "segment_seconds", "track_seconds", "peak_memory_bytes")


def music(seconds: float, seed: int = 0) -> Audio:
    """Noise at a musical level; the time of a separation does not depend on the sound."""
    random = np.random.default_rng(seed)
    return (0.1 * random.standard_normal((2, round(seconds * RATE)))).astype(np.float32)


def measure(
    results: Results, models: Sequence[ModelChoice], *, threads: int, rounds: int, segments: int, seconds: float
) -> None:
    """Runs all backends once a round, so that a slower minute of the machine hits all of them."""
    backends = list(results.rows)
    jobs = [(round_, model, name) for model in models for round_ in range(rounds) for name in backends]
    for round_, model, name in tqdm(jobs, unit="run", disable=None):
        label = {"model": model.name, "track": f"round {round_}"}
        if any(row["model"] == model.name and row["track"] == label["track"] for row in results.rows[name]):
            continue
        if name == "pytorch" and not model.weights:
            continue
        task = [name, model.file, model.weights or "", threads, segments, seconds]
        command = [sys.executable, "-m", "demucs_bench.speed", *map(str, task)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            row: Row = {**label, "status": "ok", **json.loads(done.stdout.splitlines()[-1])}
        else:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            row = {**label, "status": "failed", "error": lines[-1]}
        results.add(name, row, summarise)


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


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def _time_pytorch(model: ModelChoice, threads: int, segments: int, track: Audio) -> dict[str, Any]:
    import torch

    from .backends import PyTorch

    start = time.perf_counter()
    backend = PyTorch(model, threads)
    loaded = time.perf_counter() - start
    frames = int(model.pytorch.segment * RATE)
    segment = torch.from_numpy(music(frames / RATE, 1))[None]
    times = []
    with torch.no_grad():
        for _ in range(1 + segments):
            start = time.perf_counter()
            model.pytorch(segment)
            times.append(time.perf_counter() - start)
    _, seconds = backend.separate(track)
    return _figures(loaded, times[0], statistics.median(times[1:]), seconds, system.peak_memory())


def _time_python(model: ModelChoice, threads: int, segments: int, track: Audio) -> dict[str, Any]:
    import demucs_native

    start = time.perf_counter()
    loaded_model = demucs_native.Model(model.file, threads=threads)
    loaded = time.perf_counter() - start
    segment = music(loaded_model.segment_frames / RATE, 1)[None]
    times = []
    for _ in range(1 + segments):
        start = time.perf_counter()
        loaded_model.run(segment)
        times.append(time.perf_counter() - start)
    start = time.perf_counter()
    loaded_model.separate(track)
    seconds = time.perf_counter() - start
    return _figures(loaded, times[0], statistics.median(times[1:]), seconds, system.peak_memory())


def _time_program(provider: str, model: ModelChoice, threads: int, segments: int, track: Audio) -> dict[str, Any]:
    """The steady time is what a segment adds to a track; reading and writing are included."""
    import demucs_native

    stride = int(0.75 * demucs_native.Model(model.file).segment_frames)  # a track so short is one segment
    program = Program(model, threads, provider)
    _, first = program.separate(music(stride / RATE, 1))
    _, long = program.separate(music((1 + segments) * stride / RATE, 1))
    _, seconds = program.separate(track)
    load, memory = program.report["load_seconds"], program.report["peak_memory_bytes"]
    return _figures(load, first, (long - first) / segments, seconds, memory)


def _figures(load: float, first: float, steady: float, track: float, memory: int) -> dict[str, Any]:
    return dict(zip(FIGURES, (load, first, steady, track, memory), strict=True))


def _main() -> int:
    """One measurement in this process: backend, model, weights, threads, segments, seconds of the track."""
    name, file, weights, threads, segments, seconds = sys.argv[1:]
    timers: Mapping[str, Callable[..., dict[str, Any]]] = {
        "pytorch": _time_pytorch,
        "python": _time_python,
        **{name: partial(_time_program, provider) for name, provider in PROVIDERS.items()},
    }
    track = music(float(seconds))
    try:
        figures: Mapping[str, Any] = timers[name](
            ModelChoice(Path(file), weights or None), int(threads), int(segments), track
        )
    except BackendError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({**figures, "audio_seconds": float(seconds), "threads": int(threads)}))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
