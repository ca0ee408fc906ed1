"""The manifest: a row for every song, in Parquet files below the target, which later runs and reports read."""

import io
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .storage import Place

FOLDER = "_demucs_cluster"

Row = dict[str, Any]

SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("name", pa.string()),  # {track}: where its files are, below the target
        ("status", pa.string()),  # done or failed
        ("sentence", pa.string()),  # why it failed
        ("skipped", pa.bool_()),  # an earlier run has done it; the figures are that run's
        ("source_bytes", pa.int64()),
        ("source_version", pa.string()),  # size and ETag, generation or time
        ("source_sha256", pa.string()),
        ("settings", pa.string()),
        ("model_sha256", pa.string()),
        ("frames", pa.int64()),
        ("sample_rate", pa.int32()),
        ("audio_seconds", pa.float64()),
        ("run_seconds", pa.float64()),  # from reading the source to the last file at its place
        ("model_seconds", pa.float64()),  # of these: while the model computed
        ("real_time_factor", pa.float64()),  # run_seconds / audio_seconds
        ("peak_memory_bytes", pa.int64()),  # of the actor, so far
        ("written_bytes", pa.int64()),
        ("files", pa.list_(pa.string())),
        ("warnings", pa.list_(pa.string())),
        ("attempts", pa.int32()),
        ("host", pa.string()),
        ("run", pa.string()),
        ("finished", pa.timestamp("us", tz="UTC")),
    ]
)

# A killed driver loses the rows since the last file at most, and the next run writes them again from the records.
_ROWS = 1000
_SECONDS = 600.0


def hash_of(*words: str) -> int:
    """A number of 64 bits that stands for words, so that a million of them fit in 8 MB."""
    import hashlib

    digest = hashlib.blake2b("\0".join(words).encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def key_of(row: Mapping[str, Any]) -> int:
    return hash_of(*(str(row[word]) for word in ("uri", "status", "source_version", "settings", "model_sha256")))


class Hashes:
    """A set of hashes in 8 bytes each."""

    def __init__(self, hashes: list[int] | NDArray[np.uint64]) -> None:
        self._sorted = np.unique(np.asarray(hashes, np.uint64))

    def __contains__(self, value: int) -> bool:
        at = int(np.searchsorted(self._sorted, np.uint64(value)))
        return at < len(self._sorted) and int(self._sorted[at]) == value


class Writer:
    """Adds the rows of one run to the manifest of a target."""

    def __init__(self, target: Place, run: str) -> None:
        self._folder = target / FOLDER / "manifest"
        self._known = Hashes([key_of(row) for row in read(target, list(_KEY))])
        self._run = run
        self._rows: list[Row] = []
        self._files = 0
        self._written = time.monotonic()

    def add(self, row: Row) -> None:
        if row["skipped"] and key_of(row) in self._known:
            return
        self._rows.append(row)
        if len(self._rows) >= _ROWS or time.monotonic() - self._written > _SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            content = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(self._rows, SCHEMA), content, compression="zstd")
            (self._folder / f"{self._run}-{self._files:06}.parquet").write(content.getvalue())
            self._files += 1
            self._rows = []
        self._written = time.monotonic()


_KEY = ("uri", "status", "source_version", "settings", "model_sha256")


def read(target: Place, columns: list[str] | None = None) -> Iterator[Row]:
    """All rows, those of later runs later."""
    folder = target / FOLDER / "manifest"
    try:
        paths = sorted(path for path in folder.fs.ls(folder.path, detail=False) if path.endswith(".parquet"))
    except FileNotFoundError:
        return
    for path in paths:
        with folder.fs.open(path, "rb") as file:
            for batch in pq.ParquetFile(file).iter_batches(columns=columns):
                yield from batch.to_pylist()


def save_run(target: Place, run: str, facts: Mapping[str, Any]) -> None:
    """What a run was to do and how it ended."""
    (target / FOLDER / "runs" / f"{run}.json").write(json.dumps(facts, indent=2).encode())


def last_run(target: Place) -> dict[str, Any] | None:
    folder = target / FOLDER / "runs"
    try:
        paths = sorted(path for path in folder.fs.ls(folder.path, detail=False) if path.endswith(".json"))
    except FileNotFoundError:
        return None
    return json.loads(folder.fs.cat_file(paths[-1])) if paths else None
