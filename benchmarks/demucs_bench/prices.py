"""What every setting of the program costs and gives: time and memory with one model, SI-SDR with a trained one."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import PRICE_PARTS, isolated, timed
from .backends import Program
from .models import ModelChoice, exported, stock_copies
from .results import Results, Row
from .scores import si_sdr
from .sound import RATE
from .tracks import Track

TIME, QUALITY, FLOOR = PRICE_PARTS
STOCK, DEFAULT = "PyTorch", "the defaults"


@dataclass(frozen=True)
class Setting:
    """Options of `demucs_ort_cli`, with the file in 8 bits or the exact one."""

    options: tuple[str, ...] = ()
    int8: bool = False

    @property
    def name(self) -> str:
        words = [*(["the int8 file"] if self.int8 else []), " ".join(self.options)]
        return ", ".join(word for word in words if word) or DEFAULT

    @property
    def keeps_the_stems(self) -> bool:
        """Whether they are those of the defaults, to the bit."""
        return not self.int8 and (not self.options or self.options[0] == "--runs")


SETTINGS = (
    Setting(),
    Setting(int8=True),
    Setting(("--runs", "2")),
    *(Setting(("--overlap", overlap)) for overlap in ("0", "0.1", "0.15", "0.5", "0.75")),
    *(Setting(("--shifts", count)) for count in ("2", "3", "5")),
    Setting(("--overlap", "0.5", "--shifts", "2")),
    Setting(("--overlap", "0.5", "--shifts", "4")),
)


def in_8_bits(model: ModelChoice, cache: Path) -> ModelChoice:
    """The same weights in 8 bits, exported below `cache` on first use."""
    import demucs_export
    from demucs.htdemucs import HTDemucs

    from .models import ModelError

    def export(file: Path) -> None:
        stock = model.pytorch
        if not isinstance(stock, HTDemucs):
            raise ModelError(f"{model.file} is a bag; give one of its members")
        trained = not str(model.weights).startswith("untrained:")
        demucs_export.export(stock, file.parent, name=file.stem, trained=trained, precision="int8")

    if model.weights is None:
        raise ModelError(f"{model.file} needs its weights, FILE.onnx@WEIGHTS, for the export in 8 bits")
    return ModelChoice(exported(cache, f"{model.name}_int8", f"{model.weights} {model.sha256}", export), model.weights)


def measure_time(
    results: Results, model: ModelChoice, eight: ModelChoice, *, threads: int, rounds: int, seconds: float
) -> None:
    """Separates a track in every setting and with stock PyTorch, in turns; and times a product that stays in the cache,
    which tells what the processor can do."""
    with stock_copies([model], ["pytorch"]) as stock:
        for round_ in tqdm(range(rounds), unit="round", disable=None):
            label = {"track": f"round {round_}"}
            for name, setting in [(STOCK, None), *((setting.name, setting) for setting in SETTINGS)]:
                if results.has(TIME, name, label["track"]):
                    continue
                file = (eight if setting and setting.int8 else model).file
                backend = "cpp" if setting else "pytorch"
                task = ("track", backend, file, stock[model.name], threads, seconds, 0, *(setting or Setting()).options)
                facts = {"model": name, "bytes": file.stat().st_size, "audio_seconds": seconds, "timed": model.name}
                results.add(TIME, {**label, **facts, **isolated.run(timed.__name__, *task)}, summarise)
            if not results.has(FLOOR, STOCK, label["track"]):
                results.add(
                    FLOOR, {**label, "model": STOCK, **isolated.run(timed.__name__, "floor", threads)}, summarise
                )


def measure_quality(
    results: Results, model: ModelChoice, eight: ModelChoice, tracks: Sequence[Track], threads: int
) -> None:
    """Mean SI-SDR of the stems of every track in every setting."""
    for track in tqdm(tracks, desc=model.name, unit="track", disable=None):
        recording = track.read()
        for setting in SETTINGS:
            if (setting.keeps_the_stems and setting.options) or results.has(QUALITY, setting.name, track.name):
                continue
            program = Program((eight if setting.int8 else model).file, threads, "cpu", options=setting.options)
            stems, _ = program.separate(recording.mixture)
            scores = [si_sdr(stems[name], truth) for name, truth in recording.stems.items()]
            heard = [score for score in scores if score is not None]
            row: Row = {"model": setting.name, "track": track.name, "status": "ok", "judged": model.name}
            results.add(QUALITY, {**row, "si_sdr": statistics.fmean(heard), "stems": len(heard)}, summarise)


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """By setting: medians of the times, the mean of the scores."""
    summary: dict[str, Any] = {}
    for name in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in rows if row["model"] == name]
        good = [row for row in mine if row["status"] == "ok"]
        summary[name] = {"count": len(good), "failed": [row["track"] for row in mine if row["status"] != "ok"]}
        for key, average in (
            ("seconds", statistics.median), ("peak_memory_bytes", statistics.median), ("bytes", max),
            ("audio_seconds", max), ("si_sdr", statistics.fmean), ("products_per_second", statistics.median),
        ):  # fmt: skip
            if values := [row[key] for row in good if key in row]:
                summary[name][key] = average(values)
    return summary


def table(summaries: Mapping[str, Mapping[str, Any]], hop_seconds: float) -> str:
    """Markdown. `hop_seconds`: what a segment of the defaults moves on by."""
    times, quality = summaries.get(TIME, {}), summaries.get(QUALITY, {})
    head = ["setting", "s a segment of the defaults", "PyTorch / this", "the defaults / this", "SI-SDR gained, dB",
            "file, MB", "peak memory, MB"]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for name in (STOCK, *(setting.name for setting in SETTINGS)):
        found = times.get(name, {})
        if "seconds" not in found:
            continue
        cells = [f"{found['seconds'] * hop_seconds / found['audio_seconds']:.2f}"]
        cells += [_ratio(times.get(base, {}), found) for base in (STOCK, DEFAULT)]
        cells += [_gain(quality, name), "" if name == STOCK else f"{found['bytes'] / 1e6:.1f}"]
        cells += [f"{found['peak_memory_bytes'] / 1e6:.0f}"]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    notes = [f"{part}, {name}: {track} failed" for part, models in summaries.items()
             for name, found in models.items() for track in found["failed"]]  # fmt: skip
    if rate := summaries.get(FLOOR, {}).get(STOCK, {}).get("products_per_second"):
        notes.append(f"a product that stays in the cache: {rate / 1e9:.0f} GFLOP/s in float32")
    counts = [f"{part}: {max(found['count'] for found in models.values())}" for part, models in summaries.items()]
    return "\n".join([*lines, "", *notes, "; ".join(counts) + " runs"])


def _ratio(base: Mapping[str, float], found: Mapping[str, float]) -> str:
    return f"{base['seconds'] / found['seconds']:.2f}" if "seconds" in base else "-"


def _gain(quality: Mapping[str, Mapping[str, float]], name: str) -> str:
    if name not in quality or DEFAULT not in quality:
        return ""
    return f"{quality[name]['si_sdr'] - quality[DEFAULT]['si_sdr']:+.3f}"


def hop_seconds(segment_frames: int) -> float:
    """Of the default overlap."""
    return 0.75 * segment_frames / RATE
