"""The actor: it loads the model once and separates songs with demucs_native, from their sources to the target."""

import functools
import resource
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import demucs_native
import pyarrow as pa

from . import models
from .errors import EXIT_MODEL, JobError, SongError, reason
from .manifest import FOLDER, SCHEMA, Row
from .records import Record
from .scratch import Scratch
from .settings import Settings
from .sources import Song
from .storage import Place, sha256_of

# A song that kills its process, by a crash or by using up the memory, is tried so often in a job.
MOST_ATTEMPTS = 3

STOPPED = "stopped"


class Ledger(Protocol):
    """Counts how often a song was begun in this job; it outlives the actors."""

    def begun(self, uri: str) -> int: ...
    def begin(self, uri: str) -> int: ...
    def end(self, uri: str) -> None: ...


@dataclass(frozen=True)
class Job:
    """What all actors of a job have in common."""

    target: str
    model: str
    model_sha256: str
    settings: Settings
    run: str
    threads: int
    force: bool = False


class Worker:
    """Separates songs. Safe to use from as many threads as the job has songs at a time."""

    def __init__(self, job: Job, ledger: Ledger | None = None) -> None:
        self._job = job
        self._ledger = ledger
        self._target = Place(job.target)
        self._scratch = Scratch()
        self._settings = job.settings.digest()
        self._target_failed = False
        self._suspects = threading.Lock()
        self._host = socket.gethostname()
        try:
            self._load(job)
        except BaseException:
            self._scratch.close()
            raise

    def _load(self, job: Job) -> None:
        options: dict[str, Any] = {
            "provider": job.settings.provider,
            "provider_options": dict(job.settings.provider_options),
        }
        with models.local(job.model, job.model_sha256, self._scratch.folder) as file:
            try:
                self._model = demucs_native.Model(file, threads=job.threads, **options)
            except (demucs_native.Error, ValueError) as error:
                raise JobError(f"cannot load the model '{job.model}': {reason(error)}", EXIT_MODEL) from error
            self._check_settings()

    def _check_settings(self) -> None:
        """Raises JobError for settings that no song could be separated with."""
        nothing = self._scratch.folder / "nothing.wav"
        try:
            demucs_native.separate_file(nothing, self._scratch.folder, self._model, **self._options("nothing"))
        except ValueError as error:
            if str(nothing) not in str(error):  # that this file is missing shows that all else is right
                raise JobError(reason(error)) from error

    def _options(self, name: str) -> dict[str, Any]:
        return {**self._job.settings.file_options(), "track": name}

    def separate(self, song: Song) -> Row:
        """Separates a song, unless that is done already. All that goes wrong with it is told in the row."""
        begin = time.monotonic()
        row = blank_row(song)
        row |= {"settings": self._settings, "model_sha256": self._job.model_sha256}
        row |= {"host": self._host, "run": self._job.run}
        try:
            if song.problem:
                raise SongError(song.problem)
            done = self._do(song, row, begin)
            if done is not None:
                return {**done, "skipped": True}
            row["status"] = "done"
        except (JobError, SongError) as error:
            row["sentence"] = reason(error)
        except Exception as error:  # one song never ends the job
            row["sentence"] = _about(song, reason(error))
        row["run_seconds"] = time.monotonic() - begin
        row["finished"] = datetime.now(timezone.utc)
        row["peak_memory_bytes"] = _peak_memory()
        return row

    def _do(self, song: Song, row: Row, begin: float) -> Row | None:
        """Fills in the row, or returns that of an earlier run."""
        source = Place(song.uri)
        try:
            row["source_bytes"], version = source.facts()
        except FileNotFoundError:
            raise SongError(f"cannot read '{song.uri}': it is not there") from None
        row["source_version"] = version
        made_with = {"source": version, "settings": self._settings, "model": self._job.model_sha256}
        record = Record(self._target, song.name)
        if not self._job.force and (done := record.find(made_with)) is not None:
            return {**blank_row(song), **done, "finished": datetime.fromisoformat(done["finished"])}
        with self._attempt(song, row):
            self._check_target()
            self._remove_record(record)
            written = self._separate(song, source, row)
            if source.facts()[1] != version:
                raise SongError(f"'{song.uri}' changed while it was read; run again")
            row["run_seconds"] = time.monotonic() - begin
            row["real_time_factor"] = row["run_seconds"] / row["audio_seconds"]
            row["peak_memory_bytes"] = _peak_memory()
            told = {**row, "status": "done", "finished": datetime.now(timezone.utc).isoformat()}
            self._to_target(lambda: record.save(made_with, told, written))
        return None

    @contextmanager
    def _attempt(self, song: Song, row: Row) -> Iterator[None]:
        """Notes that the song is begun, where that is known even if this process dies of it.

        A song that was under way when a process died may be what it died of, so it has no other such song beside it:
        each that is innocent gets through.
        """
        if self._ledger is None:
            yield
            return
        with self._suspects if self._ledger.begun(song.uri) else nullcontext():
            row["attempts"] = self._ledger.begin(song.uri)
            try:
                if row["attempts"] > MOST_ATTEMPTS:
                    raise SongError(
                        f"'{song.uri}' was given up: the process that separated it died {MOST_ATTEMPTS} times, by a "
                        "crash or for lack of memory"
                    )
                yield
            finally:
                self._ledger.end(song.uri)

    def _separate(self, song: Song, source: Place, row: Row) -> dict[str, int]:
        """Writes the files; returns their names below the target and their sizes."""
        with self._scratch.subfolder() as name:
            folder = Path(name)
            if source.is_local:
                file = Path(source.path)
                row["source_sha256"] = sha256_of(file)
            else:
                file = folder / f"song{PurePosixPath(source.path).suffix}"
                row["source_sha256"] = source.fetch(file)
            # The core itself writes aside and renames; it need not be done twice.
            out = Path(self._target.path) if self._target.is_local else folder / "out"
            report: dict[str, Any] = {}
            try:
                files = demucs_native.separate_file(file, out, self._model, report=report, **self._options(song.name))
            except demucs_native.Error as error:
                self._target_failed = error.status == "output_failed"
                raise SongError(str(error).replace(str(file), song.uri)) from error
            except ValueError as error:
                raise SongError(str(error).replace(str(file), song.uri)) from error
            names = [file.relative_to(out).as_posix() for file in files]
            written = {name: file.stat().st_size for name, file in zip(names, files, strict=True)}
            if not self._target.is_local:
                self._publish(names, files)
        row |= {key: report[key] for key in ("frames", "sample_rate", "audio_seconds", "model_seconds", "warnings")}
        row |= {"files": names, "written_bytes": sum(written.values())}
        return written

    def _publish(self, names: list[str], files: list[Path]) -> None:
        published: list[Place] = []
        try:
            for name, file in zip(names, files, strict=True):
                place = self._target / name
                self._to_target(functools.partial(place.publish, file))
                published.append(place)
        except SongError:
            for place in published:  # some of a track's files are no use to anybody
                try:
                    place.remove()
                except Exception:
                    continue
            raise

    def _to_target(self, write: Any) -> None:
        try:
            write()
        except Exception as error:
            self._target_failed = True
            raise SongError(f"cannot write to '{self._target.uri}': {reason(error)}") from error

    def _remove_record(self, record: Record) -> None:
        self._to_target(record.remove)

    def _check_target(self) -> None:
        """After the target has failed, songs wait for nothing: none is separated before a file can be written again."""
        if self._target_failed:
            self._to_target(lambda: check_target(self._target))
            self._target_failed = False

    def close(self) -> None:
        self._scratch.close()


def check_target(target: Place) -> None:
    """Writes a megabyte and removes it. Raises what the store raises."""
    probe = target / FOLDER / f"probe-{uuid.uuid4().hex[:12]}"
    probe.write(bytes(1 << 20))
    probe.remove()


def blank_row(song: Song) -> Row:
    """The row of a song of which nothing else is known."""
    row: Row = dict.fromkeys(SCHEMA.names)
    row |= {"uri": song.uri, "name": song.name, "status": "failed", "sentence": "", "skipped": False}
    row |= {"source_version": "", "files": [], "warnings": [], "attempts": 1}
    return row


def stopped_row(song: Song, problem: JobError) -> Row:
    """What stops the whole job, as a row: exceptions come out of Ray as text. Its attempts are the exit code."""
    return {**blank_row(song), "status": STOPPED, "sentence": problem.sentence, "attempts": problem.exit_code}


def _about(song: Song, sentence: str) -> str:
    return sentence if song.uri in sentence else f"'{song.uri}': {sentence}"


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Actor:
    """What Ray Data calls with some songs at a time, from as many threads as the job has songs side by side."""

    def __init__(self, job: Job, ledger: Any = None) -> None:
        self._problem: JobError | None = None
        try:
            self._worker = Worker(job, None if ledger is None else _RemoteLedger(ledger))
        except JobError as error:
            self._problem = error  # told by the first call: what is raised here, Ray tries again

    def __call__(self, songs: pa.Table) -> pa.Table:
        given = [Song(**row) for row in songs.to_pylist()]
        if self._problem is not None:
            rows = [stopped_row(song, self._problem) for song in given]
        else:
            rows = [self._worker.separate(song) for song in given]
        return pa.Table.from_pylist(rows, SCHEMA)


class _RemoteLedger:
    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def begun(self, uri: str) -> int:
        import ray

        return int(ray.get(self._actor.begun.remote(uri)))

    def begin(self, uri: str) -> int:
        import ray

        return int(ray.get(self._actor.begin.remote(uri)))

    def end(self, uri: str) -> None:
        self._actor.end.remote(uri)
