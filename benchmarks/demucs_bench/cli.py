"""`python -m demucs_bench`: quality and speed of PyTorch, the program and the Python module."""

import argparse
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import BACKENDS, DECK_VARIANTS, EVERYWHERE, GPU_PARTS, LIVE_PARTS, PRICE_PARTS

if TYPE_CHECKING:
    from .models import ModelChoice
    from .results import Results
    from .tracks import Track

_MODEL_HELP = (
    "demo (comes with demucs_native), full (htdemucs' size, untrained, for speed), dense (full with plain Fourier "
    "transforms, as in other exports), full-gpu and half (full for GPUs, exact and in half precision), or "
    "FILE.onnx[@WEIGHTS] with WEIGHTS an official name, a checkpoint or untrained:SEED; may be repeated; without "
    "WEIGHTS PyTorch is left out"
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demucs_bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    quality = commands.add_parser("quality", help="SI-SDR a stem, and SNR of each backend against PyTorch")
    speed = commands.add_parser("speed", help="load, first-segment, steady and track time, and peak memory")
    scaling = commands.add_parser("scaling", help="time and peak memory by length of the track, speed by threads")
    decks = commands.add_parser("decks", help="a DJ set in real time: time to the first stem, underruns, load")
    live = commands.add_parser("live", help="streams: quality and load by latency, and what this machine sustains")
    prices = commands.add_parser(
        "prices", help="every setting of the program: time, memory, size, SI-SDR gained or lost"
    )
    gpu = commands.add_parser("gpu", help="a GPU: time, SNR and memory by batch, beside PyTorch and the processor")
    for command, model in (
        (quality, "demo"), (speed, "full"), (scaling, "full"), (decks, "demo"), (live, "demo"),
        (prices, "full"), (gpu, "full,full-gpu,half"),
    ):  # fmt: skip
        add = command.add_argument
        add("--model", action="append", help=f"{_MODEL_HELP} (default {model})")
        add("--results", type=Path, default=Path("benchmark_results"), help="where time-stamped folders go")
        if command is not gpu:
            add("--resume", type=Path, metavar="FOLDER", help="go on with an interrupted run of the same settings")
        add("--cache", type=Path, default=Path("build/bench"), help="where songs and models are kept between runs")
        command.set_defaults(default_model=model)
    for command in (quality, speed, scaling):
        add = command.add_argument
        add("--backends", default=",".join(EVERYWHERE), help=f"some of {','.join(BACKENDS)} (default %(default)s)")
    for command in (quality, speed, decks, live, prices):
        add = command.add_argument
        add("--threads", type=int, default=0, help="threads of every backend (default 0: each one's own default)")
    add = quality.add_argument
    add("--musdb-root", type=Path, help="a MUSDB18-HQ or MUSDB18 folder (default: synthesised held-out songs)")
    add("--palette", choices=["studio", "foreign"], default="studio", help="sound sources of the synthesised songs")
    add("--seconds", type=float, default=24.0, help="length of the synthesised songs (default 24)")
    add("--limit", type=int, metavar="N", help="measure only the first N tracks (default: all, or 32 synthesised)")
    add = speed.add_argument
    add("--rounds", type=int, default=3, help="how often every backend is measured, in turns (default 3)")
    add("--segments", type=int, default=5, help="segments of the steady time (default 5)")
    add("--seconds", type=float, default=60.0, help="length of the track (default 60)")
    add = scaling.add_argument
    add("--rounds", type=int, default=1, help="how often everything is measured (default 1)")
    add("--lengths", type=_numbers, default="15,60,240", help="seconds of the tracks (default %(default)s)")
    add("--thread-counts", type=_numbers, default="1,2", help="with the shortest track (default %(default)s)")
    add("--run-counts", type=_numbers, default="1,2", help="segments at a time, median track (default %(default)s)")
    add = decks.add_argument
    add("--variants", default=",".join(DECK_VARIANTS), help="what to measure, some of %(default)s (default: all)")
    add(
        "--segment",
        type=Fraction,
        default=Fraction("2.6"),
        help="seconds that the provisional model hears (default 2.6)",
    )
    add("--provisional", action="append", metavar="FILE.onnx", help="a provisional model that is already exported, "
        "one for each --model (default: exported from its weights)")  # fmt: skip
    add("--seconds", type=float, default=40.0, help="length of the set (default 40)")
    add("--rounds", type=int, default=3, help="first loads of a fresh process (default 3)")
    add("--seed", type=int, default=0, help="of the jumps, loops and loads (default 0)")
    add = live.add_argument
    add("--parts", default=",".join(LIVE_PARTS), help="what to measure, some of %(default)s (default: all)")
    add("--windows", type=_fractions, default="3.9,2.6,1.95,1.3", help="seconds heard at a time (default %(default)s)")
    add("--lookaheads", type=_seconds, default="0,0.1,0.25,0.5", help="seconds (default %(default)s)")
    add("--hops", type=_seconds, default="1,0.5", help="seconds (default %(default)s)")
    add("--limit", type=int, default=6, metavar="N", help="held-out songs to map (default 6)")
    add("--seconds", type=float, default=16.0, help="length of the songs, of which the longest window is left "
        "out, and of the pace (default 16)")  # fmt: skip
    add("--load", type=float, default=0.75, help="share of the time that computing may take (default 0.75)")
    add = prices.add_argument
    add("--judged", default="demo", help="the trained model that SI-SDR is of, as --model (default %(default)s)")
    add("--rounds", type=int, default=3, help="how often everything is timed, in turns (default 3)")
    add("--seconds", type=float, default=30.0, help="length of the track that is timed (default 30)")
    add("--limit", type=int, default=32, metavar="N", help="held-out songs of 24 s that are judged (default 32)")
    add = gpu.add_argument
    add("--parts", default=",".join(GPU_PARTS), help="what to measure, some of %(default)s (default: all)")
    add("--batches", type=_numbers, default="1,4,16", help="segments at a time (default %(default)s)")
    add("--seconds", type=float, default=60.0, help="length of the track (default 60)")
    add("--limit", type=int, default=150, metavar="SECONDS", help="begin nothing after this time (default 150)")
    return parser


def _seconds(text: str) -> list[float]:
    return [float(number) for number in _fractions(text)]


def _fractions(text: str) -> list[Fraction]:
    """Seconds, separated by commas."""
    try:
        numbers = [Fraction(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError):
        numbers = [Fraction(-1)]
    if min(numbers) < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of seconds like 1,0.5")
    return numbers


def _numbers(text: str) -> list[int]:
    """Whole numbers of at least 1, separated by commas."""
    numbers = [int(part) if part.isdecimal() else 0 for part in text.split(",")]
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers like 15,60")
    return numbers


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line: 0 measured, 1 could not measure, 2 wrong usage, 4 measured but for failed tracks."""
    parser = _parser()
    options = parser.parse_args(argv)
    known, option = {
        "decks": (DECK_VARIANTS, "variants"), "live": (LIVE_PARTS, "parts"), "gpu": (GPU_PARTS, "parts"),
        "prices": (PRICE_PARTS, "parts"),
    }.get(options.command, (BACKENDS, "backends"))  # fmt: skip
    backends = getattr(options, option, ",".join(known)).split(",")
    numbers = [getattr(options, "threads", 0) + 1, 1 if getattr(options, "limit", None) is None else options.limit]
    numbers += [getattr(options, name, 1) for name in ("rounds", "segments", "seconds")]
    if not set(backends) <= set(known) or len(set(backends)) != len(backends):
        parser.error(f"--{option} takes distinct names out of {', '.join(known)}")
    if getattr(options, "provisional", None) and len(options.provisional) != len(options.model or [""]):
        parser.error("give one --provisional for each --model")
    if options.command == "live" and not 0 < options.load <= 1:
        parser.error("--load must be more than 0 and at most 1")
    if options.command == "live" and options.seconds <= max(options.windows):
        parser.error("--seconds must be more than the longest window")
    if options.command == "prices" and len(options.model or [""]) > 1:
        parser.error("prices takes one --model, and the trained one as --judged")
    if min(numbers) < 1:
        parser.error("all numbers must be at least 1, --threads at least 0")
    try:
        if options.command == "gpu":
            return _gpu(options, backends)
        return _run(options, [name for name in known if name in backends])
    except ModuleNotFoundError as error:
        return _fail(f"the package {error.name!r} is missing: `make setup` installs it")
    except KeyboardInterrupt:
        return _fail("interrupted; --resume FOLDER goes on", 130)


def _run(options: argparse.Namespace, backends: Sequence[str]) -> int:
    import demucs_native
    from demucs_export import ExportError
    from demucs_songs import MissingInstrument

    from .backends import BackendError
    from .models import ModelError, choose
    from .results import ResultError, Results, new_folder
    from .tracks import DatasetError

    try:
        models = [choose(text, options.cache) for text in options.model or [options.default_model]]
        settings = _settings(options, models)
        folder = options.resume or new_folder(options.results, options.command)
        results = Results(folder, settings, backends)
        if options.command == "quality":
            return _quality(options, models, results)
        if options.command == "speed":
            return _speed(options, models, results)
        if options.command == "decks":
            return _decks(options, models, results)
        if options.command == "live":
            return _live(options, models, results)
        if options.command == "prices":
            return _prices(options, models, results)
        return _scaling(options, models, results)
    except (ModelError, BackendError, DatasetError, ResultError, ExportError, MissingInstrument, OSError) as error:
        return _fail(str(error))
    except demucs_native.Error as error:
        return _fail(str(error))


def _settings(options: argparse.Namespace, models: "Sequence[ModelChoice]") -> dict[str, Any]:
    """What must be the same for a run to be gone on with."""
    ignored = ("results", "resume", "cache", "backends", "variants", "parts", "default_model", "model")
    from .models import exporter

    chosen = {key: _plain(value) for key, value in vars(options).items()}
    described = [{"file": model.file.name, "weights": model.weights, "sha256": model.sha256} for model in models]
    kept = {key: value for key, value in chosen.items() if key not in ignored}
    return {**kept, "models": described, "exporter": exporter()}


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path | Fraction) else value


def _tracks(options: argparse.Namespace) -> "list[Track]":
    from .tracks import musdb, synthesised

    if options.musdb_root is None:
        return synthesised(options.limit or 32, options.seconds, options.palette, options.cache / "songs")
    return musdb(options.musdb_root)[: options.limit]


def _quality(options: argparse.Namespace, models: "Sequence[ModelChoice]", results: "Results") -> int:
    from . import quality, report

    quality.measure(results, models, _tracks(options), options.threads)
    summaries = {name: quality.summarise(rows) for name, rows in results.rows.items() if rows}
    return _finish(results, "quality", summaries, report.quality_table(summaries), report.quality_plot)


def _speed(options: argparse.Namespace, models: "Sequence[ModelChoice]", results: "Results") -> int:
    from . import report, speed

    speed.measure(results, models, threads=options.threads, rounds=options.rounds, segments=options.segments,
                  seconds=options.seconds)  # fmt: skip
    summaries = {name: speed.summarise(rows) for name, rows in results.rows.items() if rows}
    return _finish(results, "speed", summaries, report.speed_table(summaries), report.speed_plot)


def _scaling(options: argparse.Namespace, models: "Sequence[ModelChoice]", results: "Results") -> int:
    from . import report, scaling

    scaling.measure(results, models, lengths=options.lengths, thread_counts=options.thread_counts,
                    run_counts=options.run_counts, rounds=options.rounds)  # fmt: skip
    summaries = {name: scaling.summarise(rows) for name, rows in results.rows.items() if rows}
    return _finish(results, "scaling", summaries, report.scaling_table(summaries), report.scaling_plot)


def _decks(options: argparse.Namespace, models: "Sequence[ModelChoice]", results: "Results") -> int:
    from . import decks, report

    if options.provisional:
        provisionals = [Path(file) for file in options.provisional]
    else:
        provisionals = [decks.with_segment(model, options.segment, options.cache) for model in models]
    pairs = list(zip(models, provisionals, strict=True))
    decks.measure(results, pairs, threads=options.threads, rounds=options.rounds, seconds=options.seconds,
                  seed=options.seed)  # fmt: skip
    summaries = {name: decks.summarise(rows) for name, rows in results.rows.items() if rows}
    return _finish(results, "decks", summaries, report.decks_table(summaries), report.decks_plot)


def _live(options: argparse.Namespace, models: "Sequence[ModelChoice]", results: "Results") -> int:
    from . import live, report
    from .tracks import synthesised

    grid = live.points(options.windows, options.lookaheads, options.hops)
    for model in models:
        if live.MAP in results.rows:
            tracks = synthesised(options.limit, options.seconds, "studio", options.cache / "songs")
            live.measure_map(results, model, tracks, grid, options.threads, options.cache)
        if live.PACE in results.rows:
            live.measure_pace(results, model, options.windows, options.threads, options.seconds, options.load,
                              options.cache)  # fmt: skip
    summarise = {live.MAP: live.summarise_map, live.PACE: live.summarise_pace}
    summaries = {part: summarise[part](rows) for part, rows in results.rows.items() if rows}
    plot = report.live_plot if live.MAP in summaries else None
    return _finish(results, "live", summaries, report.live_table(summaries), plot)


def _prices(options: argparse.Namespace, models: "Sequence[ModelChoice]", results: "Results") -> int:
    import demucs_native

    from . import prices
    from .models import choose
    from .tracks import synthesised

    (model,), judged = models, choose(options.judged, options.cache)
    tracks = synthesised(options.limit, 24.0, "studio", options.cache / "songs")
    eight = prices.in_8_bits(model, options.cache)
    prices.measure_quality(results, judged, prices.in_8_bits(judged, options.cache), tracks, options.threads)
    prices.measure_time(results, model, eight, threads=options.threads, rounds=options.rounds, seconds=options.seconds)
    summaries = {part: prices.summarise(rows) for part, rows in results.rows.items() if rows}
    hop = prices.hop_seconds(demucs_native.Model(model.file).segment_frames)
    return _finish(results, "prices", summaries, prices.table(summaries, hop), None)


def _gpu(options: argparse.Namespace, parts: Sequence[str]) -> int:
    """Apart from the others: it imports nothing that a machine with a GPU and no network may lack."""
    from . import gpu
    from .models import ModelError, choose
    from .results import new_folder

    on_gpu = set(parts) != {"cores"}
    try:
        if on_gpu:
            gpu.require_gpu()
        names = options.model or options.default_model.split(",")
        files = [choose(name, options.cache).file for name in names]
        found = gpu.measure(files, parts, options.batches, options.seconds, options.limit)
        folder = new_folder(options.results, "gpu")
        print(f"{gpu.write(folder, found, on_gpu)}\n\nin {folder}: gpu.md and gpu.json")
    except (gpu.NoGpu, ModelError, OSError) as error:
        return _fail(str(error))
    return 4 if any(": failed" in note for note in found.notes) else 0


def _finish(results: "Results", name: str, summaries: Any, table: str, plot: Any) -> int:
    from . import report

    report.write(results.folder, name, table)
    if plot is not None:
        plot(summaries, results.folder / f"{name}.png")
    picture = f", {name}.png" if plot is not None else ""
    print(f"{table}\n\nin {results.folder}: {name}.md{picture} and one benchmark_results_*.json a backend")
    rows = [row for found in results.rows.values() for row in found]
    return 4 if any(row["status"] != "ok" for row in rows) else 0


def _fail(message: str, code: int = 1) -> int:
    print(f"demucs_bench: {message}", file=sys.stderr)
    return code
