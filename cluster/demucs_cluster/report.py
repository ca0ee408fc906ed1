"""What a manifest tells: how much is done, what failed and why, how fast it went; as text and as a picture."""

import itertools
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from . import manifest
from .errors import EXIT_SOURCE, EXIT_USAGE, JobError
from .storage import Place

_COLUMNS = ["uri", "status", "sentence", "skipped", "audio_seconds", "run_seconds", "model_seconds"]
_COLUMNS += ["real_time_factor", "peak_memory_bytes", "written_bytes", "host", "run", "finished", "attempts"]
_GAP = timedelta(minutes=10)  # between two songs: nothing ran


@dataclass
class Report:
    """The last word of the manifest on every song."""

    done: list[manifest.Row]
    failed: list[manifest.Row]
    run: dict[str, Any] | None
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def audio_hours(self) -> float:
        return float(sum(row["audio_seconds"] for row in self.done)) / 3600

    @property
    def unheard(self) -> int:
        """Songs of the last run of which the manifest does not tell, as after a driver was killed."""
        if self.run is None:
            return 0
        return max(0, int(self.run["listed"]) - len(self.done) - len(self.failed))

    @property
    def hosts(self) -> Counter[str]:
        return Counter(row["host"] for row in self.done)

    def busy_hours(self) -> float:
        """Hours in which songs were finished, without the pauses between runs."""
        moments = sorted(row["finished"] for row in self.done)
        if not moments:
            return 0.0
        first = min(self.done, key=lambda row: row["finished"])
        busy = timedelta(seconds=first["run_seconds"])
        for before, after in itertools.pairwise(moments):
            busy += min(after - before, _GAP)
        return busy.total_seconds() / 3600


def read(target: str) -> Report:
    """The report of a target. Raises JobError if no job ever wrote there."""
    place = Place(target)
    last: dict[str, manifest.Row] = {}
    for row in manifest.read(place, _COLUMNS):
        last[row["uri"]] = row
    run = manifest.last_run(place)
    if not last and run is None:
        raise JobError(f"'{target}' has no manifest: demucs-cluster separate writes it", EXIT_SOURCE)
    rows = list(last.values())
    report = Report(
        [row for row in rows if row["status"] == "done"], [row for row in rows if row["status"] != "done"], run
    )
    for row in report.failed:
        kind = without_names(row["sentence"])
        report.reasons[kind] += 1
        report.examples.setdefault(kind, row["uri"])
    return report


def without_names(sentence: str) -> str:
    """What sentences of one kind have in common: names in quotes become three dots."""
    return re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", sentence)


def text(report: Report) -> str:
    """The report for people."""
    lines = [f"{len(report.done)} songs done, {report.audio_hours:.2f} hours of audio", f"{len(report.failed)} failed"]
    for kind, count in report.reasons.most_common():
        lines.append(f"  {count:6}  {kind}")
        lines.append(f"          such as {report.examples[kind]}")
    if report.unheard:
        lines.append(f"{report.unheard} of which the manifest does not tell: run the same command again")
    if report.done:
        lines += _figures(report)
    if report.run is not None:
        lines.append(f"last run: {report.run['run']}, {report.run['state']}, of {report.run['listed']} songs")
    return "\n".join(lines)


def _figures(report: Report) -> list[str]:
    factors = np.array([row["real_time_factor"] for row in report.done])
    low, middle, high = np.percentile(factors, [5, 50, 95])
    busy = report.busy_hours()
    audio = report.audio_hours
    return [
        f"speed: {audio / busy:.1f} hours of audio an hour" if busy else "speed: not known",
        f"a song: {middle:.3f} of its length (5 of 100 below {low:.3f}, 5 above {high:.3f})",
        f"peak memory of an actor: {max(row['peak_memory_bytes'] for row in report.done) / 1e6:.0f} MB",
        f"written: {sum(row['written_bytes'] for row in report.done) / 1e9:.2f} GB",
        "hosts: " + ", ".join(f"{host} ({count})" for host, count in report.hosts.most_common(8)),
    ]


def plot(report: Report, file: Path) -> None:
    """Draws hours of audio over time, the real-time factors, and what failed, into a PNG or SVG file."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise JobError("--plot needs matplotlib: pip install 'demucs-ort-cluster[plot]'", EXIT_USAGE) from error
    if not report.done:
        raise JobError("there is nothing to plot: no song is done", EXIT_SOURCE)
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    hours, factors, reasons = figure.subplots(1, 3)
    _draw_hours(hours, report)
    values = np.array([row["real_time_factor"] for row in report.done])
    factors.hist(values, bins=40, range=(0, float(np.percentile(values, 99)) * 1.1), color="#0072B2")
    factors.set(title="seconds a second of audio", xlabel="real-time factor", ylabel="songs")
    kinds = report.reasons.most_common(5)[::-1]
    reasons.barh([_short(kind) for kind, _ in kinds], [count for _, count in kinds], color="#D55E00")
    reasons.set(title=f"{len(report.failed)} of {len(report.done) + len(report.failed)} failed", xlabel="songs")
    reasons.tick_params(axis="y", labelsize=7)
    figure.savefig(file, dpi=110)


def _draw_hours(axes: Any, report: Report) -> None:
    rows = sorted(report.done, key=lambda row: row["finished"])
    start: datetime = rows[0]["finished"] - timedelta(seconds=rows[0]["run_seconds"])
    minutes = [(row["finished"] - start).total_seconds() / 60 for row in rows]
    axes.plot(minutes, np.cumsum([row["audio_seconds"] for row in rows]) / 3600, color="#009E73")
    axes.set(title=f"{report.audio_hours:.2f} hours of audio", xlabel="minutes since the first song", ylabel="hours")


def _short(sentence: str) -> str:
    words = sentence.split()
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 30:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return "\n".join([*lines, line][:3])
