"""Streams: what latency costs in quality and load, and what this machine sustains."""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from demucs_native import Model, Stream
from tqdm import tqdm

from .decks import with_segment
from .models import ModelChoice
from .results import Results, Row
from .scores import si_sdr, snr
from .sound import Audio, music
from .tracks import Recording, Track

MAP, PACE = "map", "pace"
CROSSFADE = 0.05
BLOCK = 512
_HIGHEST_SNR = 200.0  # stands for equality, which JSON has no number for


@dataclass(frozen=True)
class Point:
    """One setting of a stream, in seconds."""

    window: Fraction
    lookahead: float
    hop: float

    @property
    def fits(self) -> bool:
        return self.hop + self.lookahead + CROSSFADE <= self.window

    def __str__(self) -> str:
        return f"window {float(self.window):g} s, lookahead {self.lookahead:g} s, hop {self.hop:g} s"


def points(windows: Iterable[Fraction], lookaheads: Iterable[float], hops: Iterable[float]) -> list[Point]:
    """Every combination that a stream can have."""
    return [point for point in (Point(*each) for each in product(windows, lookaheads, hops)) if point.fits]


def window_file(model: ModelChoice, window: Fraction, cache: Path) -> Path:
    """The model with that window: itself if it has it, else the same weights exported anew on first use."""
    itself = Model(model.file)
    return model.file if round(window * itself.sample_rate) == itself.segment_frames else with_segment(
        model, window, cache
    )  # fmt: skip


def measure_map(
    results: Results, model: ModelChoice, tracks: Sequence[Track], grid: Sequence[Point], threads: int, cache: Path
) -> None:
    """Streams every track at every point that is missing, and compares with its stems and with the offline ones.

    What comes before the longest window is full of music is left out, so that all are compared on the same frames.
    """
    whole = Model(model.file, threads=threads)
    windows = {
        window: Model(window_file(model, window, cache), threads=threads)
        for window in dict.fromkeys(point.window for point in grid)
    }
    settled = round(max(windows) * whole.sample_rate)
    for track in tqdm(tracks, desc=f"{model.name}, map", unit="track", disable=None):
        missing = [point for point in grid if not results.has(MAP, model.name, _label(track, point))]
        if not missing:
            continue
        recording = track.read()
        offline = whole.separate(recording.mixture)
        for point in missing:
            label = {"model": model.name, "track": _label(track, point)}
            figures = _streamed(windows[point.window], recording, offline, point, settled)
            results.add(MAP, {**label, "status": "ok", **figures}, summarise_map)


def _label(track: Track, point: Point) -> str:
    return f"{track.name}, {point}"


def _streamed(
    model: Model, recording: Recording, offline: Mapping[str, Audio], point: Point, settled: int
) -> dict[str, Any]:
    mixture = recording.mixture
    with Stream(model, hop=point.hop, lookahead=point.lookahead, crossfade=CROSSFADE) as stream:
        late = stream.latency_frames
        fed = np.concatenate([mixture, np.zeros((2, late), np.float32)], axis=1)
        wall, processor = time.perf_counter(), time.process_time()
        stems = {name: stem[:, late:] for name, stem in stream.render(fed).items()}
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "window": float(point.window),
        "lookahead": point.lookahead,
        "hop": point.hop,
        "audio_seconds": fed.shape[1] / model.sample_rate,
        "seconds": wall,
        "processor_seconds": processor,
        "stems": {
            name: {
                "si_sdr": si_sdr(stems[name][:, settled:], truth[:, settled:]),
                "si_sdr_offline": si_sdr(offline[name][:, settled:], truth[:, settled:]),
                "snr_to_offline": min(_HIGHEST_SNR, snr(stems[name][:, settled:], offline[name][:, settled:])),
            }
            for name, truth in recording.stems.items()
        },
    }


def summarise_map(rows: Sequence[Row]) -> dict[str, Any]:
    """By model: at every point the mean over songs and stems, but for silent ones."""
    summary: dict[str, Any] = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        by_point: dict[tuple[float, float, float], list[Row]] = {}
        for row in rows:
            if row["model"] == model:
                by_point.setdefault((row["window"], row["lookahead"], row["hop"]), []).append(row)
        summary[model] = {"points": [_point_summary(*point, found) for point, found in sorted(by_point.items())]}
    return summary


def _point_summary(window: float, lookahead: float, hop: float, rows: Sequence[Row]) -> dict[str, float]:
    stems = [stem for row in rows for stem in row["stems"].values() if stem["si_sdr"] is not None]
    audio = sum(row["audio_seconds"] for row in rows)
    live, offline = (statistics.fmean(stem[key] for stem in stems) for key in ("si_sdr", "si_sdr_offline"))
    return {
        "window": window,
        "lookahead": lookahead,
        "hop": hop,
        "tracks": len(rows),
        "si_sdr": live,
        "loss": offline - live,
        "snr_to_offline": statistics.fmean(stem["snr_to_offline"] for stem in stems),
        "load": sum(row["seconds"] for row in rows) / audio,
        "cores_used": sum(row["processor_seconds"] for row in rows) / audio,
    }


def measure_pace(
    results: Results,
    model: ModelChoice,
    windows: Sequence[Fraction],
    threads: int,
    seconds: float,
    load: float,
    cache: Path,
) -> None:
    """With every window: what `Stream.recommend` gives here, and how that does in real time for so many seconds."""
    for window in tqdm(windows, desc=f"{model.name}, pace", unit="window", disable=None):
        label = {"model": model.name, "track": f"window {float(window):g} s"}
        if results.has(PACE, **label):
            continue
        found = _paced(Model(window_file(model, window, cache), threads=threads), seconds, load)
        results.add(PACE, {**label, "window": float(window), **found}, summarise_pace)


def _paced(model: Model, seconds: float, load: float) -> dict[str, Any]:
    try:
        options = Stream.recommend(model, load=load)
    except (RuntimeError, ValueError) as error:
        return {"status": "failed", "error": str(error)}
    block = music(BLOCK / model.sample_rate)
    with Stream(model, **options) as stream:
        start, processor = time.perf_counter(), time.process_time()
        for number in range(round(seconds * model.sample_rate / BLOCK)):
            stream.process(block)
            time.sleep(max(0.0, start + (number + 1) * BLOCK / model.sample_rate - time.perf_counter()))
        wall, processor = time.perf_counter() - start, time.process_time() - processor
        hops = int(wall / options["hop"])
        return {
            "status": "ok",
            **options,
            "latency": stream.latency_frames / model.sample_rate,
            "audio_seconds": wall,
            "hops": hops,
            "underruns": stream.underruns,
            "cores_used": processor / wall,
        }


def summarise_pace(rows: Sequence[Row]) -> dict[str, Any]:
    """By model: the rows themselves, and the windows for which this machine is too slow."""
    return {
        model: {
            "points": [row for row in rows if row["model"] == model and row["status"] == "ok"],
            "failed": [f"{row['track']}: {row['error']}" for row in rows
                       if row["model"] == model and row["status"] != "ok"],
        }
        for model in dict.fromkeys(row["model"] for row in rows)
    }  # fmt: skip
