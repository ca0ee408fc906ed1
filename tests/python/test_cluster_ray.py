"""A job of demucs_cluster on one Ray node on the loopback: the short form of tests/cluster."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from demucs_cluster import JobError, Resources, Settings, cli, job, manifest, separate
from demucs_cluster.storage import Place
from support import music, write_wav

pytestmark = pytest.mark.filterwarnings("ignore")  # what Ray and its packages warn of


@pytest.fixture(scope="module", autouse=True)
def ray_node() -> Iterator[None]:
    """A node as `demucs-cluster` starts it, which the jobs of this module find started."""
    with job.cluster(None):
        yield


def test_a_job_ends_with_every_song_whole_or_named(gains_model: Path, tmp_path: Path) -> None:
    for index in range(5):
        folder = tmp_path / f"music/{index % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        write_wav(folder / f"{index}.wav", music(3000, seed=index))
    (tmp_path / "music/bad.mp3").write_bytes(b"x")
    (tmp_path / "music/1/1.flac").write_bytes(b"x")
    out = tmp_path / "out"
    told: list[int] = []
    for expected in ((5, 0, 2), (0, 5, 2)):
        summary = separate(
            str(tmp_path / "music"),
            str(out),
            str(gains_model),
            Settings(format="flac"),
            progress=lambda s: told.append(s.told),
        )
        assert (summary.done, summary.skipped, summary.failed) == expected
    assert told == [*range(1, 8), *range(1, 8)]
    assert sorted(file.relative_to(out).as_posix() for file in out.rglob("drums.flac")) == [
        "0/0/drums.flac",
        "0/2/drums.flac",
        "0/4/drums.flac",
        "1/1.wav/drums.flac",
        "1/3/drums.flac",
    ]
    rows = list(manifest.read(Place(str(out))))
    assert [row["status"] for row in rows].count("done") == 5
    assert {row["name"] for row in rows if row["status"] == "failed"} == {"bad", "1/1.flac"}
    runs = [json.loads(file.read_text()) for file in sorted((out / "_demucs_cluster/runs").iterdir())]
    assert [(run["state"], run["listed"], run["skipped"]) for run in runs] == [("ended", 7, 0), ("ended", 7, 5)]
    assert not list(out.rglob("probe-*"))


def test_ray_listens_on_the_loopback_only() -> None:
    heard = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            sockets = process.net_connections(kind="tcp")
            heard |= {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert heard
    assert heard <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_what_is_wrong_with_the_job_ends_it_with_a_sentence(
    gains_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_wav(tmp_path / "a.wav", music(3000))
    words = ["separate", str(song), str(tmp_path / "out"), "-m", str(gains_model)]
    assert cli.main([*words, "--stems", "kazoo"]) == 2
    said = capsys.readouterr().err
    assert "kazoo" in said
    assert said.startswith("demucs-cluster: ")
    assert len(said.splitlines()) == 1
    with pytest.raises(JobError, match="no node of the cluster has 64 CPUs"):
        separate(str(song), str(tmp_path / "out"), str(gains_model), resources=Resources(cpus=64))
