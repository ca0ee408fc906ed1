"""demucs_cluster without Ray: what is listed, separated, recorded, skipped and reported, on disks and object stores."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import demucs_cluster
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from demucs_cluster import JobError, Settings, cli, manifest, models, report, sources
from demucs_cluster.sources import Song, find
from demucs_cluster.storage import Place
from demucs_cluster.worker import MOST_ATTEMPTS, Job, Worker
from moto.server import ThreadedMotoServer
from support import ROOT, Cli, music, write_wav

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of botocore and s3fs


def song(path: Path, frames: int = 2000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_wav(path.with_name("new.wav"), music(frames)).rename(path)


def names(source: object, target: object = "/nowhere", column: str = "uri") -> list[str]:
    with find(str(source), Place(str(target)), column) as songs:
        listed = list(songs)
        assert len(listed) == len(songs)
        return [listed.name for listed in listed]


@pytest.fixture
def job(gains_model: Path, tmp_path: Path) -> Job:
    model = str(gains_model)
    return Job(str(tmp_path / "out"), model, models.digest(model), Settings(), "a run", threads=1)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket of moto's server, an imitation of S3: a real one is in no package registry that tests may use."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="music")
        yield "s3://music"
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    server.stop()


def row_of(job: Job, uri: object, name: str = "song", **more: Any) -> manifest.Row:
    worker = Worker(job, **more)
    try:
        return worker.separate(Song(str(uri), name))
    finally:
        worker.close()


# What is listed.


def test_endings_and_folders_are_those_of_the_program() -> None:
    program = (ROOT / "cpp/cli/song_endings.cpp").read_text()
    assert set(re.findall(r'"(\.[^"]+)"', program)) == sources.ENDINGS
    folders = re.search(r"folders\{(.*?)\}", (ROOT / "cpp/cli/library.cpp").read_text(), re.DOTALL)
    assert folders is not None
    assert set(re.findall(r'"([^"]+)"', folders[1])) == sources.SYSTEM_FOLDERS


def test_folders_are_listed_as_by_the_program(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    kept = ("A/one/1.wav", "A/one/2.flac", "A/one/2.wav", "...Baby.wav", "loud.WAV", "A/x.y.wav", "A/Ünï 音.wav")
    for name in (*kept, "@eaDir/no.wav", ".Trash-1000/no.wav", "._1.wav", "mix.stem.mp4", "out/no.wav"):
        song(folder / name)
    (folder / "cover.jpg").write_bytes(b"no music")
    (folder / "again").symlink_to(folder)
    found = names(folder, folder / "out")
    assert cli("-q", "-m", gains_model, "--recursive", folder, folder / "out").returncode == 0
    written = [file.parent.relative_to(folder / "out").as_posix() for file in (folder / "out").rglob("drums.wav")]
    assert sorted(found) == sorted(written)
    assert len(found) == len(kept)


def test_lists_name_songs_by_their_place(tmp_path: Path) -> None:
    paths = ["a/b.wav", str(tmp_path / "c.flac"), "/else/d.mp3", "s3://bucket/e/f.wav", "../up.wav", "a/b.wav"]
    wanted = ["a/b", "c", "else/d", "bucket/e/f", "up"]
    (tmp_path / "list.txt").write_text("#EXTM3U\n" + "\n".join(paths) + "\n\n")
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "where"], *enumerate(paths)])
    pq.write_table(pa.table({"where": paths}), tmp_path / "list.parquet")
    for name in ("list.txt", "list.csv", "list.parquet"):
        assert names(tmp_path / name, column="where") == wanted
    with find(str(tmp_path / "list.txt"), Place("/nowhere")) as songs:
        assert next(iter(songs)).uri == str(tmp_path / "a/b.wav")
    with pytest.raises(JobError, match="has no column 'uri'; its columns are id, where"):
        names(tmp_path / "list.csv")


def test_patterns_and_single_songs(tmp_path: Path) -> None:
    for name in ("A/1.wav", "B/2.wav", "B/3.txt"):
        song(tmp_path / name)
    assert names(tmp_path / "*/*.*") == ["A/1", "B/2"]
    assert names(tmp_path / "A/1.wav") == ["1"]
    with pytest.raises(JobError, match="no song matches"):
        names(tmp_path / "*.wav")


@pytest.mark.parametrize("content", [b"PAR1 no", b"\xff\xfe\xfa"])
def test_sources_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(JobError, match="there is no song in"):
        names(tmp_path / "empty")
    with pytest.raises(JobError, match="there is no such folder, list or song"):
        names(tmp_path / "lost")
    with pytest.raises(JobError, match="cannot use 'nothing://x'"):
        names("nothing://x")
    for ending in ("parquet", "txt"):
        (tmp_path / f"bad.{ending}").write_bytes(content if ending == "parquet" else b"\xff\xfe\xfa")
        with pytest.raises(JobError, match="cannot read"):
            names(tmp_path / f"bad.{ending}")


def test_names_that_clash(tmp_path: Path) -> None:
    lines = ["a/S.mp3", "a/S.flac", "b/S.mp3", "c/S.mp3", "c/S.flac", "c/S.mp3.wav", "d/S.mp3", "d//S.mp3"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    with find(str(tmp_path / "list.txt"), Place("/nowhere")) as songs:
        told = [(song.name, bool(song.problem)) for song in songs]
    assert told == [
        ("a/S.mp3", False),
        ("a/S.flac", False),
        ("b/S", False),
        ("c/S.mp3", True),  # what c/S.mp3.wav is named
        ("c/S.flac", False),
        ("c/S.mp3", False),
        ("d/S", False),
    ]


# One song.


def test_files_are_those_of_the_program(cli: Cli, job: Job, tmp_path: Path) -> None:
    file = song(tmp_path / "song.wav", 30_000)
    job = replace(job, settings=Settings(format="flac", stems=["bass"], overlap=0.5))
    row = row_of(job, file, "A/song")
    assert row["status"] == "done", row["sentence"]
    program = ["-m", job.model, "--format", "flac", "--stems", "bass", "--overlap", "0.5"]
    assert cli(*program, file, tmp_path / "program").returncode == 0
    assert row["files"] == ["A/song/bass.flac"]
    assert (tmp_path / "out/A/song/bass.flac").read_bytes() == (tmp_path / "program/bass.flac").read_bytes()
    assert (row["frames"], row["sample_rate"]) == (30_000, 44_100)
    assert row["audio_seconds"] == pytest.approx(30_000 / 44_100)
    assert row["real_time_factor"] == pytest.approx(row["run_seconds"] / row["audio_seconds"], rel=0.5)
    assert row["written_bytes"] == (tmp_path / "out/A/song/bass.flac").stat().st_size
    assert row["peak_memory_bytes"] > 10_000_000
    assert len(row["source_sha256"]) == 64
    assert pa.Table.from_pylist([row], manifest.SCHEMA).num_rows == 1


def test_what_is_done_is_skipped_until_anything_changes(job: Job, tmp_path: Path) -> None:
    file = song(tmp_path / "song.wav")
    first = row_of(job, file)
    again = row_of(job, file)
    assert again["skipped"]
    assert {**again, "skipped": False, "finished": None} == {**first, "finished": None} | {
        key: again[key] for key in ("run_seconds", "peak_memory_bytes")
    }
    changes: list[Any] = [
        lambda: (tmp_path / "out/song/drums.wav").unlink(),
        lambda: (tmp_path / "out/song/drums.wav").write_bytes(b"half"),
        lambda: (tmp_path / "out/.song.demucs_cluster.json").write_bytes(b"{"),
        lambda: (tmp_path / "out/.song.demucs_cluster.json").unlink(),
        lambda: song(file, 3000),
        lambda: os.utime(file, (1, 1)),
    ]
    for change in changes:
        change()
        assert not row_of(job, file)["skipped"]
        assert row_of(job, file)["skipped"]
    assert not row_of(replace(job, settings=Settings(overlap=0.5)), file)["skipped"]
    assert not row_of(job, file)["skipped"]
    assert not row_of(replace(job, force=True), file)["skipped"]
    other = str(Path(job.model).with_name("four.onnx"))
    assert not row_of(replace(job, model=other, model_sha256=models.digest(other)), file)["skipped"]


def test_bad_songs_are_rows(job: Job, tmp_path: Path) -> None:
    (tmp_path / "bad.mp3").write_bytes(b"x" * 5000)
    assert "not an audio file" in row_of(job, tmp_path / "bad.mp3")["sentence"]
    assert row_of(job, tmp_path / "gone.wav")["sentence"] == f"cannot read '{tmp_path}/gone.wav': it is not there"
    assert "nothing://x" in row_of(job, "nothing://x")["sentence"]
    assert not list((tmp_path / "out").rglob("*.wav"))
    assert not list((tmp_path / "out").rglob("*.json"))


def test_a_song_that_changes_while_it_is_read_is_not_done(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = song(tmp_path / "song.wav")
    facts, versions = Place.facts, iter(["1", "2"])
    monkeypatch.setattr(Place, "facts", lambda place: (1, next(versions)) if place.uri == str(file) else facts(place))
    row = row_of(job, file)
    assert (row["status"], row["sentence"]) == ("failed", f"'{file}' changed while it was read; run again")
    monkeypatch.undo()
    assert not row_of(job, file)["skipped"]


class Counts:
    """A ledger of a song that has been begun so often."""

    def __init__(self, begun: int) -> None:
        self.count, self.ended = begun, 0

    def begun(self, uri: str) -> int:
        return self.count

    def begin(self, uri: str) -> int:
        self.count += 1
        return self.count

    def end(self, uri: str) -> None:
        self.ended += 1


def test_a_song_that_kills_its_process_is_given_up(job: Job, tmp_path: Path) -> None:
    file = song(tmp_path / "song.wav")
    row = row_of(job, file, ledger=Counts(MOST_ATTEMPTS))
    assert row["sentence"].startswith(
        f"'{file}' was given up: the process that separated it died {MOST_ATTEMPTS} times"
    )
    ledger = Counts(MOST_ATTEMPTS - 1)
    row = row_of(job, file, ledger=ledger)
    assert (row["status"], row["attempts"], ledger.ended) == ("done", MOST_ATTEMPTS, 1)


def test_a_full_target_is_told_and_costs_no_more_work(job: Job, tmp_path: Path) -> None:
    """No process may write more than a limit here: that is what a full disk looks like."""
    for name in ("long", "other"):
        song(tmp_path / f"{name}.wav", 50_000)
    program = f"""
import resource, signal
from demucs_cluster.worker import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
job = Job({str(tmp_path / "out")!r}, {job.model!r}, {job.model_sha256!r}, Settings(), "run", 1)
worker = Worker(job)
for name in ("long", "other"):
    row = worker.separate(Song({str(tmp_path)!r} + f"/{{name}}.wav", name))
    print(row["status"], row["frames"], row["sentence"])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(worker.separate(Song({str(tmp_path / "other.wav")!r}, "other"))["status"])
worker.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    long, other, after = done.stdout.splitlines()
    assert re.fullmatch(r"failed None cannot write .*: File too large", long)
    assert re.fullmatch(rf"failed None cannot write to '{tmp_path}/out': File too large", other)
    assert after == "done"
    assert sorted(file.name for file in (tmp_path / "out").rglob("*") if file.is_file()) == [
        ".other.demucs_cluster.json",
        "bass.wav",
        "drums.wav",
    ]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (Settings(format="aiff"), "aiff"),
        (Settings(stems=["kazoo"]), "kazoo"),
        (Settings(filename="{stem}.wav"), "{track}"),
        (Settings(overlap=1.5), "overlap"),
        (Settings(provider="abacus"), "abacus"),
    ],
)
def test_unusable_settings_stop_the_job(job: Job, settings: Settings, sentence: str) -> None:
    with pytest.raises(JobError, match=re.escape(sentence)):
        Worker(replace(job, settings=settings))


def test_unusable_models_stop_the_job(job: Job, tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"x")
    with pytest.raises(JobError, match="cannot load the model"):
        Worker(replace(job, model=str(bad), model_sha256=models.digest(str(bad))))
    with pytest.raises(JobError, match="is another one here"):
        Worker(replace(job, model_sha256="0" * 64))
    with pytest.raises(JobError, match="cannot read the model"):
        models.digest(str(tmp_path / "lost.onnx"))
    bad.with_suffix(".json").write_text("[]")
    with pytest.raises(JobError, match="is no bag"):
        models.digest(str(bad.with_suffix(".json")))


# Object stores.


def put(uri: str, file: Path) -> str:
    Place(uri).publish(file)
    return uri


def test_songs_and_stems_on_s3(job: Job, s3: str, tmp_path: Path) -> None:
    local = song(tmp_path / "local.wav", 3000)
    for name in ("in/A/1.wav", "in/A/2.wav", "in/out/no.wav"):
        put(f"{s3}/{name}", local)
    put(f"{s3}/models/gains.onnx", Path(job.model))
    assert names(f"{s3}/in", f"{s3}/in/out") == ["A/1", "A/2"]
    job = replace(job, target=f"{s3}/in/out", model=f"{s3}/models/gains.onnx")
    row = row_of(job, f"{s3}/in/A/1.wav", "A/1")
    assert row["status"] == "done", row["sentence"]
    assert row["files"] == ["A/1/drums.wav", "A/1/bass.wav"]
    here = row_of(replace(job, target=str(tmp_path / "out")), local, "1")
    for stem, name in zip(row["files"], here["files"], strict=True):
        assert Place(f"{job.target}/{stem}").read() == (tmp_path / "out" / name).read_bytes()
    assert row["source_sha256"] == here["source_sha256"]
    assert row_of(job, f"{s3}/in/A/1.wav", "A/1")["skipped"]
    put(f"{s3}/in/A/1.wav", song(tmp_path / "other.wav", 3001))
    assert not row_of(job, f"{s3}/in/A/1.wav", "A/1")["skipped"]
    lost = row_of(job, f"{s3}/in/A/lost.wav", "A/lost")
    assert lost["sentence"] == f"cannot read '{s3}/in/A/lost.wav': it is not there"


def test_what_cannot_be_stored_leaves_nothing(
    job: Job, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = song(tmp_path / "song.wav")
    missing = row_of(replace(job, target="s3://nobody"), file)
    assert missing["sentence"].startswith("cannot write to 's3://nobody")
    publish = Place.publish

    def second_fails(place: Place, file: Path) -> None:
        if place.path.endswith("bass.wav"):
            raise PermissionError("Access Denied")
        publish(place, file)

    monkeypatch.setattr(Place, "publish", second_fails)
    row = row_of(replace(job, target=f"{s3}/refused"), file)
    assert (row["status"], row["sentence"]) == ("failed", f"cannot write to '{s3}/refused': Access Denied")
    place = Place(f"{s3}/refused")
    assert place.fs.find(place.path) == []


def test_elsewhere_files_are_renamed_when_they_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = song(tmp_path / "song.wav")
    place = Place(f"{tmp_path}/out/a.wav")
    place.publish(file)
    place.write(b"short")
    assert (tmp_path / "out/a.wav").read_bytes() == b"short"
    monkeypatch.setattr(Place, "_rename", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        place.publish(file)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a.wav"]
    assert place.read() == b"short"


# Manifest, report, command line.


def test_a_manifest_keeps_one_row_of_what_is_done(job: Job, tmp_path: Path) -> None:
    target = Place(job.target)
    file = song(tmp_path / "song.wav")
    for run, force in (("1", False), ("2", False), ("3", True)):
        writer = manifest.Writer(target, run)
        writer.add(row_of(replace(job, run=run, force=force), file))
        writer.flush()
    assert [(row["run"], row["skipped"]) for row in manifest.read(target)] == [("1", False), ("3", False)]


def test_report(job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = Place(job.target)
    writer = manifest.Writer(target, "1")
    (tmp_path / "bad.wav").write_bytes(b"x")
    for name in ("a.wav", "b.wav"):
        writer.add(row_of(job, song(tmp_path / name, 44_100), name))
    for name in ("bad.wav", "gone 1.wav", "gone 2.wav"):
        writer.add(row_of(job, tmp_path / name, name))
    writer.flush()
    manifest.save_run(target, "1", {"run": "1", "state": "running", "listed": 6})
    told = demucs_cluster.read_report(job.target)
    assert told.audio_hours == pytest.approx(2 / 3600)
    assert told.reasons["cannot read '...': it is not there"] == 2
    assert told.unheard == 1
    picture = tmp_path / "report.png"
    assert cli.main(["report", job.target, "--plot", str(picture)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "2 songs done, 0.00 hours of audio\n3 failed\n       2  cannot read '...': it is not there\n"
    )
    assert "1 of which the manifest does not tell: run the same command again" in said
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert cli.main(["report", job.target, "--plot", str(tmp_path / "lost/report.png")]) == 5
    assert cli.main(["report", str(tmp_path)]) == 4
    assert "has no manifest" in capsys.readouterr().err
    report.plot(told, tmp_path / "report.svg")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["separate", "{lost}", "{out}", "-m", "{model}"], 4, "there is no such folder"),
        (["separate", "{song}", "{out}", "-m", "{lost}"], 3, "cannot read the model"),
        (["separate", "{song}", "{song}/out", "-m", "{model}"], 5, "cannot write to"),
    ],
)
def test_jobs_that_cannot_start(
    job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    places = {"lost": tmp_path / "lost", "out": job.target, "model": job.model, "song": song(tmp_path / "a.wav")}
    assert cli.main([word.format(**places) for word in arguments]) == code
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_settings_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        demucs_cluster.job, "separate", lambda *given, **_: seen.append(given) or demucs_cluster.Summary("", 0)
    )
    words = ["--format", "stem.mp4", "--stem-name", "bass=Low", "--stem-name", "drums=Kit", "--overlap", "0.5"]
    assert cli.main(["separate", "in", "out", "-m", "m.onnx", *words, "--stems", "a,b", "--cpus", "3"]) == 0
    settings = Settings(format="stem.mp4", stem_names={"bass": "Low", "drums": "Kit"}, overlap=0.5, stems=["a", "b"])
    assert seen == [("in", "out", "m.onnx", settings, demucs_cluster.Resources(cpus=3))]
    with pytest.raises(SystemExit):
        cli.main(["separate", "in", "out", "-m", "m", "--cpus", "0"])


def test_records_are_json_that_people_can_read(job: Job, tmp_path: Path) -> None:
    row_of(job, song(tmp_path / "song.wav"), "x" * 150)
    (record,) = (tmp_path / "out").glob(".*.demucs_cluster.json")
    told = json.loads(record.read_text())
    assert sorted(told) == ["made_with", "row", "version", "written"]
    assert told["written"] == {name: (tmp_path / "out" / name).stat().st_size for name in told["row"]["files"]}
    assert soundfile.info(tmp_path / "out" / told["row"]["files"][0]).frames == 2000
