"""How well each backend separates, and how close it is to PyTorch."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import soundfile
from tqdm import tqdm

from .backends import Backend, BackendError, load
from .models import ModelChoice
from .results import Results, Row
from .scores import si_sdr, snr
from .sound import RATE, Audio
from .tracks import DatasetError, Recording, Track

REFERENCE = "pytorch"
_HIGHEST_SNR = 200.0  # stands for equality, which JSON has no number for


def measure(results: Results, models: Sequence[ModelChoice], tracks: Sequence[Track], threads: int) -> None:
    """Separates every track with every model and backend that is still missing in `results`."""
    for model in models:
        backends = [name for name in results.rows if model.can_run(name)]
        missing = [track for track in tracks if not all(results.has(name, model.name, track.name) for name in backends)]
        if not missing:
            continue
        loaded = {name: load(name, model.file, threads, partial(getattr, model, "pytorch")) for name in backends}
        for track in tqdm(missing, desc=model.name, unit="track", disable=None):
            _measure_track(results, loaded, model, track)


def _measure_track(results: Results, loaded: Mapping[str, Backend], model: ModelChoice, track: Track) -> None:
    label = {"model": model.name, "track": track.name}
    try:
        recording = track.read()
    except (OSError, DatasetError, soundfile.LibsndfileError) as error:
        _add_to_all(results, loaded, {**label, "status": "failed", "error": str(error)})
        return
    reference: Mapping[str, Audio] | None = None
    for name, backend in loaded.items():
        try:
            stems, seconds = backend.separate(recording.mixture)
        except (BackendError, RuntimeError, ValueError) as error:
            row: Row = {**label, "status": "failed", "error": str(error)}
        else:
            if name == REFERENCE:
                reference = stems
            row = {**label, "status": "ok", **_figures(recording, stems, seconds, reference)}
        if not results.has(name, **label):
            results.add(name, row, summarise)


def _add_to_all(results: Results, loaded: Mapping[str, Backend], row: Row) -> None:
    for name in loaded:
        results.add(name, row, summarise)


def _figures(
    recording: Recording, stems: Mapping[str, Audio], seconds: float, reference: Mapping[str, Audio] | None
) -> dict[str, Any]:
    figures = {}
    for name, truth in recording.stems.items():
        if name not in stems:
            continue
        figures[name] = {
            "si_sdr": si_sdr(stems[name], truth),
            "si_sdr_mixture": si_sdr(recording.mixture, truth),
            "snr_to_pytorch": None if reference is None else min(_HIGHEST_SNR, snr(stems[name], reference[name])),
        }
    return {"audio_seconds": recording.mixture.shape[1] / RATE, "seconds": seconds, "stems": figures}


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """By model: tracks measured and failed, and over the measured ones mean and median of every figure a stem."""
    return {model: _summary([row for row in rows if row["model"] == model]) for model in _names(rows)}


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["model"] for row in rows))


def _summary(rows: Sequence[Row]) -> dict[str, Any]:
    good = [row for row in rows if row["status"] == "ok"]
    failed = [row["track"] for row in rows if row["status"] != "ok"]
    summary: dict[str, Any] = {"tracks": len(good), "failed": failed}
    if not good:
        return summary
    names = list(good[0]["stems"])
    summary["stems"] = {name: _stem_summary([row["stems"][name] for row in good]) for name in names}
    for key in ("si_sdr", "improvement"):
        means = [stem[key]["mean"] for stem in summary["stems"].values() if key in stem]
        summary[f"mean_{key}"] = statistics.fmean(means) if means else None
    summary["real_time_factor"] = sum(row["seconds"] for row in good) / sum(row["audio_seconds"] for row in good)
    return summary


def _stem_summary(figures: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Silent references, where a ratio says nothing, are left out and counted."""
    sounding = [entry for entry in figures if entry["si_sdr"] is not None]
    values: dict[str, list[float]] = {
        "si_sdr": [_number(entry["si_sdr"]) for entry in sounding],
        "improvement": [_number(entry["si_sdr"]) - _number(entry["si_sdr_mixture"]) for entry in sounding],
        "snr_to_pytorch": [
            _number(entry["snr_to_pytorch"]) for entry in figures if entry["snr_to_pytorch"] is not None
        ],
    }
    averages: dict[str, Callable[[list[float]], float]] = {"mean": statistics.fmean, "median": statistics.median}
    summary: dict[str, Any] = {
        key: {name: average(numbers) for name, average in averages.items()}
        for key, numbers in values.items()
        if numbers
    }
    if values["snr_to_pytorch"]:
        summary["snr_to_pytorch"]["lowest"] = min(values["snr_to_pytorch"])
    summary["silent"] = len(figures) - len(sounding)
    return summary


def _number(value: float | None) -> float:
    assert value is not None and math.isfinite(value)
    return value
