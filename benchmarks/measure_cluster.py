"""Measures what docs/cluster.md tells: python benchmarks/measure_cluster.py overhead|driver|actors [options]."""

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/python"))
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray stays on the loopback

import demucs_native  # noqa: E402
import psutil  # noqa: E402
import pyarrow as pa  # noqa: E402
from demucs_cluster import Resources, Settings, manifest, separate  # noqa: E402
from demucs_cluster.sources import Song  # noqa: E402
from demucs_cluster.storage import Place  # noqa: E402
from demucs_cluster.worker import blank_row  # noqa: E402


def songs(folder: Path, count: int, seconds: float) -> Path:
    """Links to one song; what it holds does not matter for time."""
    from support import music, write_wav

    first = write_wav(folder / "song.wav", music(int(44_100 * seconds)))
    for index in range(count):
        place = folder / f"music/{index % 10}/{index}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(first, place)
    return folder / "music"


def timed(command: Sequence[object]) -> tuple[float, float]:
    """Seconds on the clock and of the processors, of a command and all that it starts."""
    begin = time.monotonic()
    process = psutil.Popen([str(word) for word in command], stderr=subprocess.DEVNULL)
    spent: dict[int, float] = {}
    while process.poll() is None:
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times = one.cpu_times()
                spent[one.pid] = times.user + times.system
        time.sleep(0.25)
    assert process.returncode == 0
    return time.monotonic() - begin, sum(spent.values())


def overhead(options: argparse.Namespace, folder: Path) -> None:
    """The same songs by demucs_ort_cli --jobs 2 and by demucs-cluster with one actor of two CPUs, in turn."""
    music = songs(folder, options.songs, options.seconds)
    out = folder / "out"
    common = [music, out, "-m", options.model, "--format", "flac"]
    program = [ROOT / "build/release/demucs_ort_cli", "-q", "--recursive", "--jobs", "2", "--threads", "2", *common]
    cluster = [sys.executable, "-m", "demucs_cluster", "separate", *common, "--cpus", "2", "--actors", "1"]
    for number in range(options.rounds):
        figures = []
        for command in (program, cluster):
            shutil.rmtree(out, ignore_errors=True)
            figures.append(timed(command))
            written = sum(1 for _ in out.rglob("drums.flac"))
            assert written == options.songs, written
        run = json.loads(next((out / "_demucs_cluster/runs").iterdir()).read_text())
        (wall, spent), (cluster_wall, cluster_spent) = figures
        rows = list(manifest.read(Place(str(out))))
        first = min(row["finished"].timestamp() - row["run_seconds"] for row in rows)
        last = max(row["finished"].timestamp() for row in rows)
        print(
            f"round {number + 1}: program {wall:.1f} s, {spent:.1f} s of processor; cluster {cluster_wall:.1f} s, "
            f"{cluster_spent:.1f} s of processor, job {run['wall_seconds']:.1f} s, songs {last - first:.1f} s; "
            f"ratios: clock {cluster_wall / wall:.3f}, songs {(last - first) / wall:.3f}, "
            f"processor {cluster_spent / spent:.3f}",
            flush=True,
        )


class NoSeparation:
    """Stands for the actor: rows come back at once."""

    def __init__(self, job: Any, ledger: Any) -> None:
        self.job = job

    def __call__(self, given: pa.Table) -> pa.Table:
        rows = []
        for song in given.to_pylist():
            row = blank_row(Song(**song)) | {"status": "done", "audio_seconds": 200.0, "run_seconds": 1.0}
            rows.append(
                row | {"files": [f"{song['name']}/{stem}.flac" for stem in ("drums", "bass", "other", "vocals")]}
            )
        return pa.Table.from_pylist(rows, manifest.SCHEMA)


def driver(options: argparse.Namespace, folder: Path) -> None:
    """The driver's memory while so many rows come back; a process for each number."""
    if options.one:
        from ray import cloudpickle

        cloudpickle.register_pickle_by_value(sys.modules[NoSeparation.__module__])
        listed = folder / "list.txt"
        with listed.open("w") as file:
            file.writelines(f"s3://music/artist {n % 500}/album {n % 7}/{n:08} song.flac\n" for n in range(options.one))
        samples: list[int] = []
        us = psutil.Process()

        def note(summary: Any) -> None:
            if summary.told % max(1, options.one // 100) == 0:
                samples.append(us.memory_info().rss)

        begin = time.monotonic()
        summary = separate(
            str(listed),
            str(folder / "out"),
            options.model,
            Settings(),
            Resources(cpus=1),
            worker=NoSeparation,
            progress=note,
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{summary.done} rows: driver {samples[0] / 2**20:.0f} MiB at the first row, {max(samples) / 2**20:.0f} at "
            f"most, {samples[-1] / 2**20:.0f} at the last; peak of the process {peak:.0f}; "
            f"{1000 * (time.monotonic() - begin) / summary.done:.2f} ms a row",
            flush=True,
        )
        return
    for count in options.rows:
        subprocess.run([sys.executable, __file__, "driver", "--one", str(count), "--model", options.model], check=True)


def actors(options: argparse.Namespace, folder: Path) -> None:
    """Peak memory of an actor after so many songs."""
    music = songs(folder, options.songs, options.seconds)
    out = str(folder / "out")
    summary = separate(str(music), out, options.model, Settings(format="flac"), Resources(cpus=2, actors=1))
    assert summary.done == options.songs
    rows = sorted(manifest.read(Place(out)), key=lambda row: row["finished"])
    for at in (1, 10, 50, 100, 200, 300, 400, 500):
        if at <= len(rows):
            print(f"after {at} songs: {rows[at - 1]['peak_memory_bytes'] / 1e6:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["overhead", "driver", "actors"])
    parser.add_argument("--model", default=str(demucs_native.demo_model_file()))
    parser.add_argument("--songs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--one", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        {"overhead": overhead, "driver": driver, "actors": actors}[options.what](options, Path(folder))


if __name__ == "__main__":
    main()
