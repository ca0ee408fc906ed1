"""A simulated DJ set: four decks in real time, with loads, jumps and loops; and what each part of Deck gains."""

import os
import resource
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import demucs_native
import numpy as np
from tqdm import tqdm

from . import isolated
from .models import ModelChoice, ModelError, exported
from .results import Results, Row
from .sound import RATE, music

DECKS = 4
TRACK_SECONDS = 240
BLOCK = 512  # frames; 11.6 ms
_LOAD_EVERY = 4.0  # seconds between the loads of the four decks at the start
_LOOK = 0.25  # seconds between two looks at the margins


def measure(
    results: Results,
    models: Sequence[tuple[ModelChoice, Path]],
    *,
    threads: int,
    rounds: int,
    seconds: float,
    seed: int,
) -> None:
    """By variant: the first load of a fresh process, `rounds` times, in turns; then one set."""
    tasks = [f"first load {round_}" for round_ in range(rounds)] + ["set"]
    jobs = [
        (model, provisional, task, name) for model, provisional in models for task in tasks for name in results.rows
    ]
    for model, provisional, task, name in tqdm(jobs, unit="run", disable=None):
        label = {"model": model.name, "track": task}
        if results.has(name, **label):
            continue
        figures = isolated.run(__name__, task.split()[0], name, model.file, provisional, threads, seconds, seed)
        results.add(name, {**label, **figures}, summarise)


def with_segment(model: ModelChoice, seconds: Fraction, cache: Path) -> Path:
    """The same weights with a segment of so many seconds, exported below `cache` on first use."""
    import demucs_export
    from demucs.htdemucs import HTDemucs

    def export(file: Path) -> None:
        stock, weights = model.pytorch, str(model.weights)
        if not isinstance(stock, HTDemucs):
            raise ModelError(f"{model.file} is a bag; only a single model can be exported with a shorter window")
        trained = not weights.startswith("untrained:")
        demucs_export.export(stock, file.parent, name=file.stem, trained=trained, segment=seconds)

    if model.weights is None:
        raise ModelError(f"{model.file} needs its weights, FILE.onnx@WEIGHTS, for the export with a shorter window")
    name, weights = f"{model.name}_{float(seconds):g}s", demucs_native.Model(model.file).weights_sha256
    return exported(cache, name, f"{weights} {seconds}", export)


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """By model: medians of the first loads, and the set with its times to the first stem as median and p99."""
    summary: dict[str, Any] = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in rows if row["model"] == model]
        good = [row for row in mine if row["status"] == "ok"]
        first = [row["first_stem_seconds"] for row in good if row["track"] != "set"]
        summary[model] = {
            "failed": [row["track"] for row in mine if row["status"] != "ok"],
            "first_load": statistics.median(first) if first else None,
            "set": next((_set_summary(row) for row in good if row["track"] == "set"), None),
        }
    return summary


def _set_summary(row: Row) -> dict[str, Any]:
    times = {kind: {"count": len(row[kind]), **_median_and_p99(row[kind])} for kind in ("loads", "seeks")}
    blocks = max(1, row["final_blocks"] + row["provisional_blocks"] + row["missing_blocks"])
    return {
        **times,
        "loads_seconds": row["loads"],
        "seeks_seconds": row["seeks"],
        "margins": row["margins"],
        "final_share": row["final_blocks"] / blocks,
        "provisional_share": row["provisional_blocks"] / blocks,
        "missing_share": row["missing_blocks"] / blocks,
        **{key: row[key] for key in _SET_FIGURES},
    }


_SET_FIGURES = (
    "underruns", "underrun_seconds", "callbacks", "late_callbacks", "max_read_seconds", "read_p99_seconds",
    "margin_median_seconds", "margin_p5_seconds", "cores_used", "preempted", "real_time_priority", "seconds",
)  # fmt: skip


def _median_and_p99(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return {"median": None, "p99": None}
    return {"median": statistics.median(values), "p99": float(np.percentile(values, 99))}


# ----------------------------------------------------------------------------------------------- in its own process


@dataclass(frozen=True)
class Event:
    """What the DJ does: `kind` is "load", "seek" to `position` or "loop" of `length`, both in frames."""

    at: float
    deck: int
    kind: str
    position: int = 0
    length: int = 0


def schedule(seconds: float, seed: int) -> list[Event]:
    """The same set for the same seed: every deck is loaded, then touched every 4 to 12 seconds."""
    random = np.random.default_rng(seed)
    events = []
    for deck in range(DECKS):
        at = deck * _LOAD_EVERY
        if at >= seconds:
            break
        events.append(Event(at, deck, "load"))
        while (at := at + random.uniform(4, 12)) < seconds:
            kind = random.choice(["seek", "loop", "load"], p=[0.5, 0.3, 0.2])
            position = int(random.uniform(0, TRACK_SECONDS - 20) * RATE)
            events.append(Event(at, deck, kind, position, int(random.uniform(1, 4) * RATE)))
    return sorted(events, key=lambda event: event.at)


@dataclass
class Slot:
    """A deck as the audio thread sees it; `loaded` is handed over by the other thread."""

    deck: demucs_native.Deck | None = None
    loaded: tuple[demucs_native.Deck, float] | None = None
    playhead: int = 0
    loop: tuple[int, int] | None = None
    waiting: tuple[str, float] | None = None  # kind of event and when, while there are no stems after it
    dry: bool = False


@dataclass
class Played:
    """What the audio thread counted."""

    loads: list[float] = field(default_factory=list)
    seeks: list[float] = field(default_factory=list)
    blocks: dict[str, int] = field(default_factory=lambda: {"final": 0, "provisional": 0, "none": 0})
    underruns: int = 0
    dry_blocks: int = 0
    late: int = 0
    reads: list[float] = field(default_factory=list)


class Set:
    """Two threads: this one plays, another one loads tracks and looks at the margins."""

    def __init__(self, pool: demucs_native.DeckPool, seconds: float, seed: int) -> None:
        self.pool, self.seconds = pool, seconds
        events = schedule(seconds, seed)
        self.touches = [event for event in events if event.kind != "load"]
        self.loads = [event for event in events if event.kind == "load"]
        self.slots = [Slot() for _ in range(DECKS)]
        self.played = Played()
        self.margins: list[tuple[float, int, float, float]] = []
        self.track = music(TRACK_SECONDS)
        self.stop = threading.Event()

    def run(self) -> None:
        self.start = time.monotonic() + 0.1
        other = threading.Thread(target=self._load_and_look)
        other.start()
        try:
            self.real_time = _ask_for_real_time()
            self._play()
        finally:
            self.stop.set()
            other.join()
            for slot in self.slots:
                if slot.deck is not None:
                    slot.deck.close()

    def _load_and_look(self) -> None:
        loads = iter(self.loads)
        load, look = next(loads, None), 0.0
        retired: list[tuple[Slot, demucs_native.Deck]] = []
        while not self.stop.wait(0.005):
            now = time.monotonic() - self.start
            if load is not None and now >= load.at:
                slot, begin = self.slots[load.deck], time.monotonic()
                if slot.deck is not None:
                    retired.append((slot, slot.deck))
                slot.loaded = (demucs_native.Deck(self.pool, self.track, storage="compact"), begin)
                load = next(loads, None)
            for slot, deck in retired:
                if slot.deck is not deck:
                    deck.close()
            retired = [(slot, deck) for slot, deck in retired if slot.deck is deck]
            if now >= look:
                look = now + _LOOK
                self._look(now)

    def _look(self, now: float) -> None:
        for index, slot in enumerate(self.slots):
            if (deck := slot.deck) is not None and slot.waiting is None:
                state = deck.state()
                self.margins.append((now, index, state.ready_frames / RATE, state.final_frames / RATE))

    def _play(self) -> None:
        touches = iter(self.touches)
        touch = next(touches, None)
        for number in range(int(self.seconds * RATE / BLOCK)):
            due = self.start + number * BLOCK / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            while touch is not None and due - self.start >= touch.at:
                _apply(self.slots[touch.deck], touch)
                touch = next(touches, None)
            begin = time.monotonic()
            for slot in self.slots:
                self._play_block(slot)
            end = time.monotonic()
            self.played.reads.append(end - begin)
            self.played.late += end > due + BLOCK / RATE

    def _play_block(self, slot: Slot) -> None:
        if slot.loaded is not None:
            slot.deck, begin = slot.loaded
            slot.loaded, slot.playhead, slot.loop, slot.waiting, slot.dry = None, 0, None, ("load", begin), False
        if slot.deck is None:
            return
        if slot.loop is not None and slot.playhead >= slot.loop[1]:
            slot.playhead = slot.loop[0]
        slot.deck.set_playhead(slot.playhead)
        stems, quality = slot.deck.read(slot.playhead, BLOCK)
        there = next(iter(stems.values())).shape[1] == BLOCK
        self._count(slot, quality if there else "none")
        slot.playhead = (slot.playhead + BLOCK) % (TRACK_SECONDS * RATE - BLOCK)

    def _count(self, slot: Slot, quality: str) -> None:
        self.played.blocks[quality] += 1
        if quality == "none":
            if slot.waiting is None:
                self.played.underruns += not slot.dry
                self.played.dry_blocks += 1
                slot.dry = True
            return
        slot.dry = False
        if slot.waiting is not None:
            kind, since = slot.waiting
            (self.played.loads if kind == "load" else self.played.seeks).append(time.monotonic() - since)
            slot.waiting = None


def _apply(slot: Slot, event: Event) -> None:
    if slot.deck is None:
        return
    if event.kind == "loop":
        slot.loop = (slot.playhead, slot.playhead + event.length)
        slot.deck.set_loop(*slot.loop)
    else:
        slot.playhead, slot.loop, slot.waiting = event.position, None, ("seek", time.monotonic())
        slot.deck.set_loop(0, 0)


def _ask_for_real_time() -> bool:
    """Gives this thread, as hosts give theirs, a turn whenever it wants one; False if the system does not allow it."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(10))
    except (AttributeError, OSError):
        return False
    return True


def _open(variant: str, file: str, provisional_file: str, threads: int) -> demucs_native.DeckPool:
    provisional = None
    if variant not in ("no-provisional", "plain"):
        provisional = demucs_native.Model(provisional_file, threads=threads)
    warm = variant not in ("cold", "plain")
    model = demucs_native.Model(file, threads=threads)
    preempt = variant not in ("no-preemption", "plain")
    pool = demucs_native.DeckPool(model, provisional=provisional, warm=warm, preempt=preempt)
    for _ in _until(60):
        if pool.warm:
            return pool
    raise TimeoutError("the models were not warm after a minute")


def _until(seconds: float) -> Iterator[None]:
    """Goes round every millisecond for so long."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        yield
        time.sleep(0.001)


def _first_load(pool: demucs_native.DeckPool) -> dict[str, Any]:
    track = music(TRACK_SECONDS)
    begin = time.monotonic()
    with demucs_native.Deck(pool, track, storage="compact") as deck:
        for _ in _until(60):
            if deck.read(0, BLOCK)[1] != "none":
                return {"first_stem_seconds": time.monotonic() - begin}
    raise TimeoutError("there were no stems after a minute")


def _play_set(pool: demucs_native.DeckPool, seconds: float, seed: int) -> dict[str, Any]:
    sys.setswitchinterval(0.0005)  # the other thread must not hold up the one that plays
    performance = Set(pool, seconds, seed)
    before, begin = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    performance.run()
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - begin
    played, margins = performance.played, [ready for _, _, ready, _ in performance.margins]
    return {
        "loads": played.loads,
        "seeks": played.seeks,
        "final_blocks": played.blocks["final"],
        "provisional_blocks": played.blocks["provisional"],
        "missing_blocks": played.blocks["none"],
        "underruns": played.underruns,
        "underrun_seconds": played.dry_blocks * BLOCK / RATE,
        "callbacks": len(played.reads),
        "late_callbacks": played.late,
        "max_read_seconds": max(played.reads),
        "read_p99_seconds": float(np.percentile(played.reads, 99)),
        "margin_median_seconds": statistics.median(margins),
        "margin_p5_seconds": float(np.percentile(margins, 5)),
        "margins": [[round(value, 2) for value in look] for look in performance.margins],
        "cores_used": (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / wall,
        "preempted": pool.preempted,
        "real_time_priority": performance.real_time,
        "seconds": seconds,
    }


def _measured(
    task: str, variant: str, file: str, provisional_file: str, threads: str, seconds: str, seed: str
) -> Mapping[str, Any]:
    """One measurement in this process."""
    pool = _open(variant, file, provisional_file, int(threads))
    if task == "set":
        return _play_set(pool, float(seconds), int(seed))
    return _first_load(pool)


if __name__ == "__main__":
    sys.exit(isolated.answer(_measured))
