"""Whatever dies, every song ends whole or is named in the manifest, and none is separated twice."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
from demucs_cluster import Summary, manifest, read_report, separate
from demucs_cluster.sources import Song
from demucs_cluster.storage import Place
from demucs_cluster.worker import MOST_ATTEMPTS, Actor, Job
from ray import cloudpickle
from several_nodes import Nodes, wait_for
from support import music, write_wav

pytestmark = pytest.mark.filterwarnings("ignore")  # what Ray and its packages warn of

SONGS = 12


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "music").mkdir()
    for index in range(SONGS):
        write_wav(tmp_path / f"music/{index:02}.wav", music(60_000, seed=index))
    return tmp_path / "music"


@pytest.fixture
def slow(models: Path) -> Path:
    """So slow that there is time to kill something in the middle of a song."""
    return models / "slow.onnx"


def done_in(out: Path) -> list[str]:
    return sorted(file.name for file in out.glob(".*.demucs_cluster.json"))


def check(out: Path, songs: int = SONGS) -> None:
    """All songs are whole, and nothing else is there once another job has looked."""
    rows = [row for row in manifest.read(Place(str(out))) if row["status"] == "done"]
    assert sorted(row["name"] for row in rows) == [f"{index:02}" for index in range(songs)]
    for row in rows:
        for name in row["files"]:
            assert soundfile.info(out / name).frames == row["frames"]


def while_running(what: Callable[[], object], run: Callable[[], Summary]) -> Summary:
    """Does something beside a job."""
    failures: list[BaseException] = []

    def beside() -> None:
        try:
            what()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=beside)
    thread.start()
    summary = run()
    thread.join()
    assert not failures, failures
    return summary


def test_an_actor_is_killed(nodes: Nodes, library: Path, slow: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def kill() -> None:
        wait_for(lambda: len(done_in(out)) >= 2)
        nodes.actors()[0].kill()

    summary = while_running(kill, lambda: separate(str(library), str(out), str(slow)))
    assert (summary.done + summary.skipped, summary.failed) == (SONGS, 0)
    check(out)


def test_a_node_is_killed(nodes: Nodes, library: Path, slow: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def kill() -> None:
        wait_for(lambda: len(done_in(out)) >= 2)
        nodes.kill_one()

    summary = while_running(kill, lambda: separate(str(library), str(out), str(slow)))
    nodes.workers.append(nodes.add())
    assert (summary.done + summary.skipped, summary.failed) == (SONGS, 0)
    check(out)


def test_the_driver_is_killed_and_the_same_command_goes_on(
    nodes: Nodes, library: Path, slow: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["separate", str(library), str(out), "-m", str(slow), "--address", nodes.address]
    command = [sys.executable, "-m", "demucs_cluster", *words]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(done_in(out)) >= 2 or first.poll() is not None)
    first.kill()
    first.wait()
    wait_for(lambda: not nodes.actors())
    kept = {name: (out / name).stat().st_mtime_ns for name in done_in(out)}
    assert 2 <= len(kept) < SONGS
    assert read_report(str(out)).unheard == SONGS
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{SONGS - len(kept)} songs separated, {len(kept)} were done already, 0 failed" in done.stderr
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept  # none twice
    check(out)
    assert read_report(str(out)).unheard == 0
    assert [entry.name for entry in out.iterdir() if entry.name.startswith(".demucs_ort-")] == []


class Poison(Actor):
    """Dies of a song, as by a decoder's crash."""

    def __init__(self, job: Job, ledger: object = None) -> None:
        super().__init__(job, ledger)
        separate = self._worker._separate

        def deadly(song: Song, *more: Any) -> Any:
            if song.name == "05":
                os.kill(os.getpid(), signal.SIGKILL)
            return separate(song, *more)

        self._worker._separate = deadly  # type: ignore[method-assign]


def test_a_song_that_kills_its_process_costs_no_other(
    nodes: Nodes, library: Path, models: Path, tmp_path: Path
) -> None:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    summary = separate(str(library), str(tmp_path / "out"), str(models / "gains.onnx"), worker=Poison)
    assert (summary.done + summary.skipped, summary.failed) == (SONGS - 1, 1)
    ((uri, sentence),) = summary.failures
    assert uri.endswith("05.wav")
    assert f"the process that separated it died {MOST_ATTEMPTS} times" in sentence


def test_sources_that_vanish_break_or_are_an_hour_long(nodes: Nodes, models: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "music", tmp_path / "out"
    folder.mkdir()
    for index in range(6):
        write_wav(folder / f"{index}.wav", music(3000, seed=index))
    content = (folder / "5.wav").read_bytes()
    (folder / "5.wav").write_bytes(content[:30])
    (folder / "hour.wav").touch()
    silence = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "sine=440:r=8000:d=3600", folder / "hour.wav"]
    )
    assert silence.wait() == 0
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(f"music/{name}" for name in ("0.wav", "gone.wav", "5.wav", "hour.wav", "1.wav")))
    summary = separate(str(listed), str(out), str(models / "gains.onnx"))
    assert (summary.done, summary.failed) == (3, 2)
    rows = {row["name"]: row for row in manifest.read(Place(str(out)))}
    assert rows["music/gone"]["sentence"].endswith("it is not there")
    assert "music/5" in rows["music/5"]["sentence"]
    assert rows["music/hour"]["audio_seconds"] == 3600
    assert rows["music/hour"]["peak_memory_bytes"] < 1e9


def test_five_thousand_short_songs(nodes: Nodes, models: Path, tmp_path: Path) -> None:
    """Each is there once, under its own name, and no folder gets in the way."""
    count = int(os.environ.get("DEMUCS_CLUSTER_SONGS", "5000"))
    folder, out = tmp_path / "music", tmp_path / "out"
    first = write_wav(tmp_path / "song.wav", music(300))
    for index in range(count):
        place = folder / f"{index % 50:02}/{index}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(first, place)
    summary = separate(str(folder), str(out), str(models / "gains.onnx"))
    assert (summary.done, summary.failed) == (count, 0)
    assert sum(1 for _ in out.rglob("drums.wav")) == count
    run = json.loads(next((out / "_demucs_cluster/runs").iterdir()).read_text())
    assert run["listed"] == count
