"""Everything about the official weights once, on this machine, in one report that can be pasted into an issue.

Downloads the weights through demucs, exports every model in every precision of a release (demucs-export verifies
each), compares a whole song with stock demucs, times both, and takes MUSDB18-HQ if it is given. A failure stands in its
row and does not stop the others. The same command goes on where it was: exports that are as they were made are kept.
The exit code is 0 if all is as it should be, 1 if something in the report failed or there is no report, 2 for wrong
usage, 130 if interrupted. Run by `make official`.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import official_report
from demucs_bench import isolated, official_weights, system, whole_song
from demucs_bench.backends import BackendError, find_program
from demucs_bench.models import exporter
from demucs_bench.results import write_aside
from demucs_bench.tracks import DatasetError, musdb
from export_release_models import MODELS, PRECISIONS
from make_release_index import facts_of, files_to_load, read_record
from official_report import Facts, Song

ROOT = Path(__file__).parents[1]
DEMO_SONG = ROOT / "demo_model/song/mixture.ogg"
REPORT, KEPT = "report.md", "kept.json"
FOR_GPUS = "-gpu"
BYTES_A_WEIGHT = {"fp32": 6.5, "fp16": 6.5, "fp32-gpu": 2.3, "fp16-gpu": 2.3, "int8": 2.5}
"""What the files of an export take, all together."""
JUDGED = {"fp32": "pytorch,cpp", "int8": "cpp"}
"""What separates MUSDB18-HQ, by precision: PyTorch once, and what may lose something of it."""


class OfficialError(Exception):
    """There can be no report; the text is one sentence that says why."""


def full_name(model: str, precision: str) -> str:
    return model if precision == "fp32" else f"{model}_{precision}"


def say(text: str) -> None:
    print(f"== {text}", flush=True)


def check(options: argparse.Namespace) -> None:
    """What would fail hours later; raises OfficialError."""
    try:
        find_program()
        if options.musdb is not None:
            musdb(options.musdb)
        options.output.mkdir(parents=True, exist_ok=True)
        if not options.song.is_file():
            raise OfficialError(f"there is no song {options.song}")
    except (BackendError, DatasetError) as error:
        raise OfficialError(str(error)) from error
    except OSError as error:
        raise OfficialError(f"{options.output} cannot be written into: {error.strerror}") from error


def load_weights(models: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Facts of each model's weights, or the error; raises OfficialError if there are none of any model."""
    found = {}
    for name in models:
        say(f"loading the weights of {name}, which demucs may have to download first")
        found[name] = isolated.run(official_weights.__name__, name)
    if all("error" in facts for facts in found.values()):
        raise OfficialError(f"{next(iter(found.values()))['error']}: the network is needed, once")
    return found


def require_space(output: Path, weights: dict[str, dict[str, Any]], missing: Sequence[tuple[str, str]]) -> None:
    """Raises OfficialError if the disk cannot hold the exports that are still to be made."""
    needed = sum(weights[name]["parameters"] * BYTES_A_WEIGHT[precision] for name, precision in missing)
    free = shutil.disk_usage(output).free
    if free < needed:
        raise OfficialError(
            f"the disk of {output} has {free / 1e9:.1f} GB left, and the exports take {needed / 1e9:.1f} GB: "
            "make room, or name another folder (OUT=folder)"
        )


def read_kept(output: Path) -> dict[str, str]:
    """By name of an export: what made it, when it was made."""
    file = output / KEPT
    kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return kept


def made_by(weights: dict[str, Any], record_file: Path) -> str:
    """A digest of all that decides about an export, and of the record that it left."""
    return " ".join([exporter(), weights["weights_sha256"], hashlib.sha256(record_file.read_bytes()).hexdigest()])


def is_kept(output: Path, name: str, weights: dict[str, Any]) -> bool:
    """Whether an earlier run made this export, of these weights with this exporter, and its files are unchanged."""
    record_file = output / "models" / f"{name}.json"
    try:
        if read_kept(output).get(name) != made_by(weights, record_file):
            return False
        files = read_record(record_file)["files"]
        return all(facts_of(record_file.with_name(file)) == facts for file, facts in files.items())
    except (OSError, ValueError):
        return False


def export(output: Path, model: str, precision: str, weights: dict[str, Any]) -> None:
    """Has demucs-export write and verify the model; raises OfficialError with what that says."""
    name, folder = full_name(model, precision), output / "models"
    command = [sys.executable, "-m", "demucs_export", model, "--precision", precision, "-o", str(folder)]
    environment = os.environ | whole_song.OFFLINE
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    if done.returncode != 0:
        prefix = "demucs-export: "
        said = [line.removeprefix(prefix) for line in done.stderr.splitlines() if line.startswith(prefix)]
        raise OfficialError(" ".join(said) or f"demucs-export ended with code {done.returncode}")
    record_file = folder / f"{name}.json"
    if read_record(record_file)["model"]["weights_sha256"] != weights["weights_sha256"]:
        raise OfficialError("it was not made of the weights that were downloaded: run this again")
    write_aside(output / KEPT, json.dumps(read_kept(output) | {name: made_by(weights, record_file)}, indent=1))


def export_all(options: argparse.Namespace, weights: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for every model and precision: its record, seconds (none if it was kept), or the error."""
    wanted = [(model, precision) for model in options.models for precision in options.precisions]
    there = {pair: "error" not in weights[pair[0]] for pair in wanted}
    kept = {pair: there[pair] and is_kept(options.output, full_name(*pair), weights[pair[0]]) for pair in wanted}
    require_space(options.output, weights, [pair for pair in wanted if there[pair] and not kept[pair]])
    rows = []
    for model, precision in wanted:
        row: dict[str, Any] = {"model": model, "precision": precision, "seconds": None}
        start = time.monotonic()
        try:
            if not there[model, precision]:
                raise OfficialError(weights[model]["error"])
            if not kept[model, precision]:
                say(f"exporting {full_name(model, precision)}")
                export(options.output, model, precision, weights[model])
                row["seconds"] = time.monotonic() - start
            record_file = options.output / "models" / f"{full_name(model, precision)}.json"
            row |= {"record": read_record(record_file), "load": files_to_load(record_file)}
            row["record_sha256"] = facts_of(record_file)["sha256"]
        except (OfficialError, OSError) as error:
            row["error"] = str(error)
        rows.append(row)
    return rows


def separate(model: str, rows: Sequence[dict[str, Any]], song: Path, models: Path, rounds: int) -> dict[str, Any]:
    """Stock demucs and all exports of one model on the song, in turns: differences of the first round, all times."""
    found: dict[str, Any] = {"stock": [], "ours": {row["precision"]: [] for row in rows}, "stems": {}}
    with tempfile.TemporaryDirectory(dir=song.parent) as folder:
        for round_ in range(rounds):
            stock = Path(folder, f"stock{round_}")
            say(f"{model}: round {round_ + 1} of {rounds}, stock demucs")
            found["stock"].append(whole_song.separate_stock(model, song, stock))
            for row in rows:
                precision = row["precision"]
                if round_ and precision.endswith(FOR_GPUS):
                    continue  # they are not for processors, so once will do
                say(f"{model}: round {round_ + 1} of {rounds}, {precision}")
                ours = Path(folder, precision)
                figures = whole_song.separate_ours(models / row["load"][0], song, ours)
                found["ours"][precision].append(figures)
                if not round_ and figures["status"] == found["stock"][0]["status"] == "ok":
                    found["stems"][precision] = differences(stock, ours, precision)
                shutil.rmtree(ours, ignore_errors=True)
            shutil.rmtree(stock, ignore_errors=True)
    return found


def differences(stock: Path, ours: Path, precision: str) -> list[dict[str, Any]] | str:
    """A row a stem, or the error."""
    try:
        return [asdict(difference) for difference in whole_song.compare(stock, ours, precision)]
    except BackendError as error:
        return str(error)


def separate_all(options: argparse.Namespace, exports: Sequence[dict[str, Any]], song: Path) -> dict[str, Any]:
    """By model that has exports, what `separate` found."""
    found = {}
    for model in options.models:
        rows = [row for row in exports if row["model"] == model and "error" not in row]
        if rows:
            found[model] = separate(model, rows, song, options.output / "models", options.rounds)
    return found


def decoded(song: Path, target: Path) -> Song:
    """What the report tells of the song, which is written to `target`; raises OfficialError."""
    try:
        seconds = whole_song.decode(song, target)
    except BackendError as error:
        raise OfficialError(str(error)) from error
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    return Song(song.name, song.resolve() == DEMO_SONG, seconds, digest)


def judge(options: argparse.Namespace, exports: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """SI-SDR on MUSDB18-HQ of the exports that are judged: the table of `demucs_bench quality`, or its error."""
    rows = []
    for row in (row for row in exports if row["precision"] in JUDGED and "error" not in row):
        name = full_name(row["model"], row["precision"])
        say(f"{name} on {options.musdb}")
        file = options.output / "models" / row["load"][0]
        # An interrupted run is gone on with only if it was of the same files.
        folder = options.output / "musdb" / f"{name}-{str(facts_of(file)['sha256'])[:12]}-{exporter()[:12]}"
        command = [sys.executable, "-m", "demucs_bench", "quality", "--backends", JUDGED[row["precision"]]]
        command += ["--musdb-root", str(options.musdb), "--model", f"{file}@{row['model']}", "--resume", str(folder)]
        command += ["--limit", str(options.limit)] if options.limit else []
        environment = os.environ | whole_song.OFFLINE
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, env=environment)
        table = folder / "quality.md"
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        failed = {} if done.returncode == 0 else {"error": lines[-1] if done.returncode != 4 else "a track failed"}
        shown = {"table": table.read_text(encoding="utf-8")} if done.returncode in (0, 4) else {}
        rows.append({"name": name, **shown, **failed})
    return rows


def commit() -> str:
    """The checkout's commit, and whether files in it differ."""
    try:
        run = [subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True, check=True).stdout
               for command in (["rev-parse", "HEAD"], ["status", "--porcelain"])]  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown: this is no git checkout"
    changed = len(run[1].splitlines())
    return run[0].strip() + (f", {changed} files changed" if changed else ", nothing changed")


def measure(options: argparse.Namespace) -> Facts:
    """All that the report tells; raises OfficialError."""
    start = time.monotonic()
    check(options)
    with tempfile.TemporaryDirectory(dir=options.output, prefix="song-") as folder:
        file = Path(folder, "song.wav")
        song = decoded(options.song, file)
        weights = load_weights(options.models)
        exports = export_all(options, weights)
        separated = separate_all(options, exports, file)
    judged = judge(options, exports) if options.musdb is not None else []
    return Facts(
        system.describe(), commit(), weights, exports, song, separated, judged, options.limit, options.rounds,
        time.monotonic() - start,
    )  # fmt: skip


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--song", type=Path, default=DEMO_SONG, help="a whole song of yours (default: a synthesised one)")
    add("--musdb", type=Path, metavar="DIR", help="a MUSDB18-HQ folder, for SI-SDR on its test set")
    add("--limit", type=int, metavar="N", help="of MUSDB18-HQ take only the first N songs")
    add("--output", type=Path, default=ROOT / "benchmark_results/official", metavar="DIR", help="default: %(default)s")
    add("--models", nargs="+", choices=MODELS, default=MODELS, metavar="NAME", help="default: all")
    add("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS, metavar="PRECISION", help="default: all")
    add("--rounds", type=int, default=2, help="how often the song is separated by each (default %(default)s)")
    options = parser.parse_args(argv)
    if min(options.rounds, 1 if options.limit is None else options.limit) < 1:
        parser.error("all numbers must be at least 1")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    options = parsed(argv)
    try:
        facts = measure(options)
        write_aside(options.output / REPORT, official_report.text(facts))
    except (OfficialError, OSError) as error:
        print(f"official: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("official: interrupted; the same command goes on where it was", file=sys.stderr)
        return 130
    failures = official_report.failures(facts)
    for failure in failures:
        print(f"FAILED: {failure}")
    print(f"\nReport  {(options.output / REPORT).resolve()}\nPaste it into a new issue, template \"Official weights\": "
          f"{official_report.ISSUES}")  # fmt: skip
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
