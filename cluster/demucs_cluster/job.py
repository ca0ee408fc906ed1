"""A job: Ray Data hands the songs to actors on all nodes, and their rows come back into the manifest."""

import ctypes
import logging
import math
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa

from . import manifest, models
from .errors import EXIT_RAY, EXIT_TARGET, JobError, reason
from .settings import Resources, Settings
from .sources import Songs, find
from .storage import Place

_MOST_SONGS_IN_A_BLOCK = 64
_GPU_PROVIDERS = ("cuda", "tensorrt")
_OBJECT_STORE = 128 << 20  # names of songs and rows of the manifest, nothing else


@dataclass
class Summary:
    """What a job came to."""

    run: str
    listed: int
    done: int = 0
    skipped: int = 0
    failed: int = 0
    audio_seconds: float = 0.0
    wall_seconds: float = 0.0
    failures: list[tuple[str, str]] = field(default_factory=list)  # the first of them: URI and sentence

    def add(self, row: manifest.Row) -> None:
        if row["status"] != "done":
            self.failed += 1
            if len(self.failures) < 20:
                self.failures.append((row["uri"], row["sentence"]))
        elif row["skipped"]:
            self.skipped += 1
        else:
            self.done += 1
            self.audio_seconds += row["audio_seconds"]

    @property
    def told(self) -> int:
        return self.done + self.skipped + self.failed


Progress = Callable[[Summary], None]


def separate(
    source: str,
    target: str,
    model: str,
    settings: Settings | None = None,
    resources: Resources | None = None,
    *,
    column: str = "uri",
    address: str | None = None,
    force: bool = False,
    progress: Progress = lambda _: None,
    worker: type[Any] | None = None,
) -> Summary:
    """Separates all songs of `source` into `target`, on the Ray cluster at `address` or on this machine.

    Every song ends as files at the target or as a row with a sentence in the manifest there. Songs that are done are
    skipped. Raises JobError if the job cannot start or go on; what is done then stays done.
    `worker`: another class than worker.Actor to put between songs and rows, for measurements.
    """
    from .worker import Actor, Job, check_target

    settings, resources = settings or Settings(), resources or Resources()
    goal = Place(target)
    with find(source, goal, column) as songs:
        model_sha256 = models.digest(model)
        try:
            check_target(goal)
        except Exception as error:
            raise JobError(f"cannot write to '{target}': {reason(error)}", EXIT_TARGET) from error
        run = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
        with cluster(address):
            cpus = resources.cpus or _cpus_of_an_actor()
            job = Job(_absolute(target), _absolute(model), model_sha256, settings, run, cpus, force)
            return _Run(job, goal, source, songs, resources, cpus, progress, worker or Actor).go()


class _Run:
    def __init__(
        self,
        job: Any,
        target: Place,
        source: str,
        songs: Songs,
        resources: Resources,
        cpus: int,
        progress: Progress,
        actor: type[Any],
    ) -> None:
        self._job, self._target, self._source, self._songs = job, target, source, songs
        self._resources, self._cpus, self._progress, self._actor = resources, cpus, progress, actor
        self._summary = Summary(job.run, len(songs))
        self._begin = time.monotonic()

    def go(self) -> Summary:
        writer = manifest.Writer(self._target, self._job.run)
        self._save("running")
        ended = "stopped"
        try:
            for row in self._rows():
                writer.add(row)
                self._summary.add(row)
                self._summary.wall_seconds = time.monotonic() - self._begin
                self._progress(self._summary)
            ended = "ended"
        finally:
            writer.flush()
            self._save(ended)
        return self._summary

    def _save(self, state: str) -> None:
        summary = self._summary
        facts = {
            "run": self._job.run,
            "state": state,
            "source": self._source,
            "model": self._job.model,
            "model_sha256": self._job.model_sha256,
            "settings": self._job.settings.digest(),
            "options": self._job.settings.file_options() | {"provider": self._job.settings.provider},
            "cpus_per_actor": self._cpus,
            "songs_per_actor": self._resources.songs,
            "listed": summary.listed,
            "done": summary.done,
            "skipped": summary.skipped,
            "failed": summary.failed,
            "audio_seconds": summary.audio_seconds,
            "wall_seconds": time.monotonic() - self._begin,
        }
        try:
            manifest.save_run(self._target, self._job.run, facts)
        except Exception as error:
            raise JobError(f"cannot write to '{self._target.uri}': {reason(error)}", EXIT_TARGET) from error

    def _rows(self) -> Iterator[manifest.Row]:
        import ray
        from ray.data import ActorPoolStrategy

        from .worker import STOPPED

        gpus = self._resources.gpus or (1.0 if self._job.settings.provider in _GPU_PROVIDERS else 0.0)
        most = self._resources.actors or _fitting(self._cpus, gpus)
        block = self._songs_in_a_block(most)
        ledger = _ledger()
        given = ray.data.from_arrow(list(_blocks(self._songs, block)))
        _give_memory_back()
        songs = given.map_batches(
            self._actor,
            fn_constructor_kwargs={"job": self._job, "ledger": ledger},
            compute=ActorPoolStrategy(
                min_size=min(most, math.ceil(len(self._songs) / block)),
                max_size=most,
                enable_true_multi_threading=True,
                max_concurrent_calls_per_actor=self._resources.songs,
            ),
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=self._cpus,
            num_gpus=gpus or None,
            zero_copy_batch=True,
        )
        try:
            tables: Any = songs.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)
            for table in tables:
                for row in table.to_pylist():
                    if row["status"] == STOPPED:
                        raise JobError(row["sentence"], row["attempts"])
                    yield row
        except ray.exceptions.RayError as error:
            raise JobError(f"Ray stopped the job: {reason(error)}", EXIT_RAY) from error

    def _songs_in_a_block(self, actors: int) -> int:
        """Few, so that no actor waits long at the end, and enough that Ray has little to do."""
        fair = len(self._songs) // (actors * 50)
        return min(_MOST_SONGS_IN_A_BLOCK, max(1, fair))


def _give_memory_back() -> None:
    """What listing the songs took, and the C library would keep for later. Does nothing where that is not glibc."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def _blocks(songs: Songs, size: int) -> Iterator[pa.Table]:
    block: list[dict[str, str]] = []
    for song in songs:
        block.append({"uri": song.uri, "name": song.name, "problem": song.problem})
        if len(block) == size:
            yield pa.Table.from_pylist(block)
            block = []
    if block:
        yield pa.Table.from_pylist(block)


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Ray, started on the loopback of this machine unless there is an address or it was started before."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports to its maker, unless this is said first
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what people need to know comes as exceptions
    if address is None:  # otherwise Ray takes 127.0.0.1 for the machine's address, and listens to everybody
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        os.environ.setdefault("RAY_prestart_worker_first_driver", "0")  # idle workers slow the start down
        os.environ.setdefault("RAY_worker_niceness", "0")  # below all others, as Ray has it, actors wait for Ray itself
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise JobError(
            f"the package {error.name!r} is missing: pip install 'demucs-ort-cluster[ray]'", EXIT_RAY
        ) from error
    started = not ray.is_initialized()
    if started:
        _start(address)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        if started:
            ray.shutdown()


def _start(address: str | None) -> None:
    import ray

    common: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    loopback: dict[str, Any] = {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
    for tries_left in (2, 1, 0):
        try:
            if address is None:
                ray.init(address="local", object_store_memory=_OBJECT_STORE, **loopback, **common)
            else:
                ray.init(address=address, **common)
            return
        except Exception as error:
            ray.shutdown()
            # Ray gives its node 30 s to start, which is not always enough on a busy machine.
            if address is not None or tries_left == 0:
                raise JobError(f"cannot reach Ray: {reason(error)}", EXIT_RAY) from error


def _ledger() -> Any:
    import ray

    class Ledger:
        def __init__(self) -> None:
            self._begun: dict[str, int] = {}

        def begun(self, uri: str) -> int:
            return self._begun.get(uri, 0)

        def begin(self, uri: str) -> int:
            self._begun[uri] = self._begun.get(uri, 0) + 1
            return self._begun[uri]

        def end(self, uri: str) -> None:
            self._begun.pop(uri, None)

    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Ledger).remote()


def _nodes() -> list[dict[str, float]]:
    """The resources of every node that is alive."""
    import ray

    nodes: Any = ray.nodes()  # type: ignore[no-untyped-call]
    return [node["Resources"] for node in nodes if node["Alive"]]


def _cpus_of_an_actor() -> int:
    return max(1, min(4, int(max((node.get("CPU", 0.0) for node in _nodes()), default=0.0))))


def _fitting(cpus: int, gpus: float) -> int:
    """How many actors the nodes have room for."""

    def room(node: dict[str, float]) -> int:
        by_cpu = node.get("CPU", 0.0) // cpus
        return int(min(by_cpu, node.get("GPU", 0.0) // gpus) if gpus else by_cpu)

    total = sum([room(node) for node in _nodes()])
    if total == 0:
        wanted = f"{cpus} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")
        raise JobError(f"no node of the cluster has {wanted} for an actor", EXIT_RAY)
    return total


def _absolute(uri: str) -> str:
    """What names the same file in actors, whose current folder is another."""
    place = Place(uri)
    return str(place.path) if place.is_local else uri


def say(summary: Summary) -> None:
    """One line on a terminal, where it stands; nothing elsewhere."""
    if sys.stderr.isatty():
        print(
            f"\r{summary.told} of {summary.listed} songs, {summary.failed} failed, "
            f"{summary.audio_seconds / 3600:.2f} h of audio, {_speed(summary):.1f} times real time",
            end="",
            file=sys.stderr,
            flush=True,
        )


def _speed(summary: Summary) -> float:
    return summary.audio_seconds / summary.wall_seconds if summary.wall_seconds else 0.0
