"""Tables and plots of finished results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import BACKENDS, DECK_VARIANTS
from .results import write_aside

Summaries = Mapping[str, Mapping[str, Any]]
"""By backend, then by model, what `summarise` made."""


def quality_table(summaries: Summaries) -> str:
    """Markdown: SI-SDR mean and median, improvement over the mixture, and closeness to PyTorch."""
    stems = _stems(summaries)
    lines = [_line(["model", "backend", "SI-SDR, dB", *stems, "all"]), _line(["---"] * 3 + ["---:"] * (len(stems) + 1))]
    notes = []
    for backend, models in summaries.items():
        for model, summary in models.items():
            notes += [f"{model}, {BACKENDS[backend]}: {track} failed" for track in summary["failed"]]
            if not summary["tracks"]:
                continue
            found = summary["stems"]
            rows: list[tuple[str, str, str]] = [("mean", "si_sdr", "mean"), ("median", "si_sdr", "median")]
            rows.append(("gain over the mix, mean", "improvement", "mean"))
            for label, key, average in rows:
                values = [found.get(stem, {}).get(key, {}).get(average) for stem in stems]
                numbers = [value for value in values if value is not None]
                values.append(sum(numbers) / len(numbers) if numbers else None)
                lines.append(_line([model, BACKENDS[backend], label, *(_decibels(value, 3) for value in values)]))
            lowest = [found.get(stem, {}).get("snr_to_pytorch", {}).get("lowest") for stem in stems]
            if backend != "pytorch" and any(value is not None for value in lowest):
                cells = [_decibels(value, 1) for value in (*lowest, None)]
                lines.append(_line([model, BACKENDS[backend], "SNR to PyTorch, lowest", *cells]))
    counts = sorted({summary["tracks"] for models in summaries.values() for summary in models.values()})
    notes.append(f"{' or '.join(map(str, counts))} tracks; a failed track is in no figure.")
    return "\n".join([*lines, "", *notes])


def speed_table(summaries: Summaries) -> str:
    """Markdown: medians over the rounds with their spread, and the ratios to PyTorch in the same run."""
    times = {"load_seconds": "load, s", "first_segment_seconds": "first segment, s", "segment_seconds": "segment, s",
             "track_seconds": "track, s", "command_seconds": "whole command, s"}  # fmt: skip
    ratios = {"segment_seconds": "PyTorch / this, segment", "track_seconds": "track", "command_seconds": "command"}
    head = ["model", "backend", *times.values(), *ratios.values(), "real-time factor", "peak memory, MB"]
    lines, notes = [_line(head), _line(["---"] * 2 + ["---:"] * (len(head) - 2))], []
    for backend, models in summaries.items():
        for model, summary in models.items():
            notes += [f"{model}, {BACKENDS[backend]}: {round_} failed" for round_ in summary["failed"]]
            if not summary["rounds"]:
                continue
            base = summaries.get("pytorch", {}).get(model, {})
            cells = [_spread(summary[key]) for key in times]
            cells += [_ratio(base.get(key), summary[key]) for key in ratios]
            cells += [f"{summary['track_seconds']['median'] / summary['audio_seconds']:.3f}"]
            cells += [f"{summary['peak_memory_bytes']['median'] / 1e6:.0f}"]
            lines.append(_line([model, BACKENDS[backend], *cells]))
            facts = f"{summary['rounds']} rounds, {summary['audio_seconds']:g} s of audio"
            notes.append(f"{model}, {BACKENDS[backend]}: {facts}, {summary['threads'] or 'default'} threads")
    return "\n".join([*lines, "", *notes])


def scaling_table(summaries: Summaries) -> str:
    """Markdown: time and peak memory by length of the track, number of threads and number of runs at a time."""
    head = ["model", "backend", "track, s", "threads", "runs", "time, s", "real-time factor", "peak memory, MB"]
    lines, notes = [_line(head), _line(["---"] * 2 + ["---:"] * (len(head) - 2))], []
    for backend, models in summaries.items():
        for model, summary in models.items():
            notes += [f"{model}, {BACKENDS[backend]}: {track} failed" for track in summary["failed"]]
            for point in summary["points"]:
                audio, seconds = point["audio_seconds"], point["seconds"]
                counts = [str(point[kind] or "default") for kind in ("threads", "runs")]
                cells = [f"{audio:g}", *counts, f"{seconds:.1f}", f"{seconds / audio:.3f}"]
                memory = f"{point['peak_memory_bytes'] / 1e6:.0f}"
                lines.append(_line([model, BACKENDS[backend], *cells, memory]))
    return "\n".join([*lines, "", *notes])


def decks_table(summaries: Summaries) -> str:
    """Markdown: times to the first stem, gaps, margins and load of a set, by what it was played with."""
    head = ["model", "played with", "first load, s", "load, s: median", "p99", "jump, s: median", "p99", "gaps",
            "gaps, s", "without stems", "provisional", "margin, s: median", "p5", "late callbacks",
            "callback, ms: p99", "cores used", "interrupted"]  # fmt: skip
    lines, notes = [_line(head), _line(["---"] * 2 + ["---:"] * (len(head) - 2))], []
    for variant, models in summaries.items():
        for model, summary in models.items():
            notes += [f"{model}, {DECK_VARIANTS[variant]}: {track} failed" for track in summary["failed"]]
            if (found := summary["set"]) is None:
                continue
            cells = [_decibels(summary["first_load"], 2)]
            cells += [_decibels(found[kind][key], 2) for kind in ("loads", "seeks") for key in ("median", "p99")]
            cells += [str(found["underruns"]), f"{found['underrun_seconds']:.1f}"]
            cells += [f"{100 * found[key]:.1f} %" for key in ("missing_share", "provisional_share")]
            cells += [f"{found['margin_median_seconds']:.1f}", f"{found['margin_p5_seconds']:.1f}"]
            cells += [f"{found['late_callbacks']} of {found['callbacks']}", f"{1000 * found['read_p99_seconds']:.2f}"]
            cells += [f"{found['cores_used']:.2f}", str(found["preempted"])]
            lines.append(_line([model, DECK_VARIANTS[variant], *cells]))
            priority = "real-time" if found["real_time_priority"] else "normal"
            touched = f"{found['loads']['count']} loads and {found['seeks']['count']} jumps that were played on"
            notes.append(f"{model}, {DECK_VARIANTS[variant]}: {found['seconds']:g} s, {touched}, {priority} priority")
    return "\n".join([*lines, "", *notes])


def live_table(summaries: Summaries) -> str:
    """Markdown: what this machine sustains, then quality and load at every point."""
    lines = []
    if "pace" in summaries:
        head = ["model", "window, s", "hop, s", "latency, s", "hops", "underruns", "cores used"]
        lines += [_line(head), _line(["---"] + ["---:"] * (len(head) - 1))]
        for model, summary in summaries["pace"].items():
            for row in summary["points"]:
                cells = [f"{row['window']:g}", f"{row['hop']:.3f}", f"{row['latency']:.2f}", str(row["hops"])]
                lines.append(_line([model, *cells, str(row["underruns"]), f"{row['cores_used']:.2f}"]))
        lines += [""]
        lines += [f"{model}, {text}" for model, found in summaries["pace"].items() for text in found["failed"]]
    if "map" in summaries:
        head = ["model", "window, s", "lookahead, s", "hop, s", "SI-SDR, dB", "below offline, dB", "SNR to offline, dB",
                "time computing", "cores used"]  # fmt: skip
        lines += [_line(head), _line(["---"] + ["---:"] * (len(head) - 1))]
        for model, summary in summaries["map"].items():
            for point in summary["points"]:
                cells = [f"{point[key]:g}" for key in ("window", "lookahead", "hop")]
                cells += [_decibels(point["si_sdr"], 3), _decibels(point["loss"], 3)]
                cells += [_decibels(point["snr_to_offline"], 1), f"{100 * point['load']:.0f} %"]
                lines.append(_line([model, *cells, f"{point['cores_used']:.2f}"]))
        counts = {point["tracks"] for found in summaries["map"].values() for point in found["points"]}
        lines += ["", f"Means over stems of {' or '.join(map(str, sorted(counts)))} songs."]
    return "\n".join(lines)


def quality_plot(summaries: Summaries, file: Path) -> None:
    """Mean SI-SDR a stem, one bar a backend, one panel a model."""
    stems = [*_stems(summaries), "all"]

    def draw(axes: Axes, model: str) -> None:
        for place, (backend, models) in enumerate(summaries.items()):
            if model in models and models[model]["tracks"]:
                found = models[model]["stems"]
                heights = [found.get(stem, {}).get("si_sdr", {}).get("mean", 0.0) for stem in stems[:-1]]
                heights.append(models[model]["mean_si_sdr"])
                width = 0.8 / len(summaries)
                axes.bar([x + place * width for x in range(len(stems))], heights, width, label=BACKENDS[backend])
        axes.set_xticks([x + 0.4 - 0.4 / len(summaries) for x in range(len(stems))], stems)
        axes.set_ylabel("mean SI-SDR, dB")

    _draw(summaries, file, draw)


def speed_plot(summaries: Summaries, file: Path) -> None:
    """Time of a track against its length, one bar a backend, one panel a model."""

    def draw(axes: Axes, model: str) -> None:
        for place, (backend, models) in enumerate(summaries.items()):
            if model in models and models[model]["rounds"]:
                track, audio = models[model]["track_seconds"], models[model]["audio_seconds"]
                middle = track["median"] / audio
                error = [[middle - track["least"] / audio], [track["greatest"] / audio - middle]]
                axes.bar([place], [middle], 0.6, yerr=error, capsize=4, label=BACKENDS[backend])
        axes.set_xticks([])
        axes.set_ylabel("time / length of the track")

    _draw(summaries, file, draw)


def scaling_plot(summaries: Summaries, file: Path) -> None:
    """A row of panels a model: time and memory against length, and speed against threads."""
    models = list(dict.fromkeys(model for found in summaries.values() for model in found))
    figure, panels = plt.subplots(len(models), 3, figsize=(13, 3.6 * len(models)), squeeze=False)
    for row, model in zip(panels, models, strict=True):
        for backend, found in summaries.items():
            points = found.get(model, {}).get("points", [])
            by_length = [
                (p["audio_seconds"], p["seconds"], p["peak_memory_bytes"])
                for p in points
                if not p["threads"] and not p["runs"]
            ]
            by_threads = [(p["threads"], p["audio_seconds"] / p["seconds"]) for p in points if p["threads"]]
            lengths, times, memory = zip(*sorted(by_length), strict=True) if by_length else ((), (), ())
            counts, speeds = zip(*sorted(by_threads), strict=True) if by_threads else ((), ())
            row[0].plot(lengths, times, "o-", label=BACKENDS[backend])
            row[1].plot(lengths, [size / 1e6 for size in memory], "o-", label=BACKENDS[backend])
            row[2].plot(counts, speeds, "o-", label=BACKENDS[backend])
        labels = (("length of the track, s", "time, s"), ("length of the track, s", "peak memory, MB"),
                  ("threads", "speed, times real time"))  # fmt: skip
        for axes, (across, up) in zip(row, labels, strict=True):
            axes.set(xlabel=across, ylabel=up, ylim=(0, None), title=model)
            axes.grid(alpha=0.3)
            axes.legend(fontsize="small")
        row[2].xaxis.get_major_locator().set_params(integer=True)
    _save(figure, file)


def decks_plot(summaries: Summaries, file: Path) -> None:
    """A row of panels a model: every time to the first stem, and how far ahead of the playheads there are stems."""
    models = list(dict.fromkeys(model for found in summaries.values() for model in found))
    figure, panels = plt.subplots(len(models), 2, figsize=(13, 3.8 * len(models)), squeeze=False)
    for (times, margins), model in zip(panels, models, strict=True):
        names = [name for name, found in summaries.items() if found.get(model, {}).get("set")]
        for place, name in enumerate(names):
            found = summaries[name][model]["set"]
            for kind, marker, color, shift in (("loads", "o", "C0", -0.1), ("seeks", "x", "C1", 0.1)):
                values = found[f"{kind}_seconds"]
                label = {"loads": "load", "seeks": "jump"}[kind] if place == 0 else None
                times.plot([place + shift] * len(values), values, marker, color=color, label=label)
            looks = [ready for _, _, ready, _ in found["margins"]]
            ordered = sorted(min(look, 30.0) for look in looks)
            share = [100 * (index + 1) / len(ordered) for index in range(len(ordered))]
            margins.plot(ordered, share, label=DECK_VARIANTS[name])
        times.axhline(1, color="gray", linewidth=0.8, linestyle="--")
        times.set_xticks(range(len(names)), [DECK_VARIANTS[name].replace(" ", "\n", 1) for name in names])
        times.set(ylabel="time to the first stem, s", ylim=(0, None), title=model)
        margins.set(xlabel="stems ahead of the playhead, s (at most 30)", ylabel="of the time with less, %")
        margins.set_title(model)
        for axes in (times, margins):
            axes.grid(alpha=0.3)
            axes.legend(fontsize="small")
    _save(figure, file)


def live_plot(summaries: Summaries, file: Path) -> None:
    """A row of panels a model: loss against lookahead and against hop, and load against hop, a line a window."""
    models = list(summaries["map"])
    figure, panels = plt.subplots(len(models), 3, figsize=(13, 3.8 * len(models)), squeeze=False)
    for row, model in zip(panels, models, strict=True):
        points = summaries["map"][model]["points"]
        hops, lookaheads = ({point[key] for point in points} for key in ("hop", "lookahead"))
        hop, lookahead = (min(found, key=lambda value: abs(value - usual), default=usual)
                          for found, usual in ((hops, 0.5), (lookaheads, 0.25)))  # fmt: skip
        for window in sorted({point["window"] for point in points}):
            label = f"window {window:g} s"
            same = [point for point in points if point["window"] == window]
            for axes, across, up, key, fixed in (
                (row[0], "lookahead", "loss", "hop", hop),
                (row[1], "hop", "loss", "lookahead", lookahead),
                (row[2], "hop", "cores_used", "lookahead", lookahead),
            ):
                found = [(point[across], point[up]) for point in same if point[key] == fixed]
                axes.plot(*zip(*sorted(found), strict=True) if found else ((), ()), "o-", label=label)
        for axes, across, up, note in (
            (row[0], "lookahead, s", "SI-SDR below offline, dB", f"hop {hop:g} s"),
            (row[1], "hop, s", "SI-SDR below offline, dB", f"lookahead {lookahead:g} s"),
            (row[2], "hop, s", "cores used", f"lookahead {lookahead:g} s"),
        ):
            axes.set(xlabel=across, ylabel=up, title=f"{model}, {note}")
            axes.grid(alpha=0.3)
            axes.legend(fontsize="small")
    _save(figure, file)


def write(folder: Path, name: str, table: str) -> None:
    write_aside(folder / f"{name}.md", table)


def _draw(summaries: Summaries, file: Path, draw: Any) -> None:
    models = list(dict.fromkeys(model for found in summaries.values() for model in found))
    figure, panels = plt.subplots(1, len(models), figsize=(1.5 + 4.5 * len(models), 3.6), squeeze=False)
    for axes, model in zip(panels[0], models, strict=True):
        draw(axes, model)
        axes.set_title(model)
        axes.legend(fontsize="small")
        axes.grid(axis="y", alpha=0.3)
    _save(figure, file)


def _save(figure: Figure, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _stems(summaries: Summaries) -> list[str]:
    found = (summary.get("stems", {}) for models in summaries.values() for summary in models.values())
    return list(dict.fromkeys(stem for stems in found for stem in stems))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _decibels(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _spread(figure: Mapping[str, float] | None) -> str:
    return f"{figure['median']:.2f} ({figure['least']:.2f}-{figure['greatest']:.2f})" if figure else "-"


def _ratio(base: Mapping[str, float] | None, figure: Mapping[str, float] | None) -> str:
    return f"{base['median'] / figure['median']:.2f}" if base and figure else "-"
