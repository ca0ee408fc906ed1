"""What SOURCE stands for: songs, each with the name that its files get. Memory does not grow with their length."""

import csv
import io
import json
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import EXIT_SOURCE, JobError, reason
from .manifest import Hashes, hash_of
from .storage import Place

# Those of the program (cpp/cli/song_endings.cpp); a test compares them.
ENDINGS = frozenset(
    """
    .3g2 .3ga .3gp .aa3 .aac .ac3 .aif .aifc .aiff .alac .amr .ape .asf .au .avi .awb .bwf .caf .dff .dsf .dts .dv
    .eac3 .f4a .f4v .flac .flv .gsm .m2a .m2ts .m4a .m4b .m4r .m4v .mka .mkv .mlp .mov .mp+ .mp1 .mp2 .mp3 .mp4 .mpa
    .mpc .mpeg .mpg .mpga .mts .mxf .nut .oga .ogg .ogm .ogv .oma .opus .ra .rf64 .rm .rmvb .shn .snd .spx .tak .thd
    .tta .vob .voc .w64 .wav .wave .webm .wma .wmv .wv .xwma
    """.split()  # noqa: SIM905
)
# What systems keep beside songs (cpp/cli/library.cpp).
SYSTEM_FOLDERS = frozenset(
    """
    $recycle.bin/#recycle/#snapshot/@eadir/@recycle/@snapshot/@syncthing/.appledouble/.snapshot/.snapshots/
    .spotlight-v100/.stversions/.trash/.trashes/__macosx/lost+found/system volume information
    """.replace("\n    ", "")
    .strip("\n ")
    .split("/")
)
_LISTS = {".txt", ".lst", ".m3u", ".m3u8"}
_STEM_FILE = ".stem.mp4"


@dataclass(frozen=True)
class Song:
    """A song by its URI; `name` is what {track} stands for, and `problem` why it is not tried."""

    uri: str
    name: str
    problem: str = ""


def find(source: str, target: Place, column: str = "uri") -> "Songs":
    """The songs of a folder with its subfolders, of a pattern, or of a list (.txt, .m3u, .csv, .parquet)."""
    return Songs(_listed(source, target, column), source)


def _listed(source: str, target: Place, column: str) -> Iterator[Song]:
    place = Place(source)
    ending = PurePosixPath(place.path).suffix.lower()
    try:
        if place.fs.isdir(place.path):
            yield from _folder(place, target)
        elif ending in _LISTS or ending in (".csv", ".parquet"):
            for uri in _lines(place, ending, column):
                yield _of_list(uri, place)
        elif any(letter in place.path for letter in "*?["):
            yield from _pattern(place)
        elif place.fs.exists(place.path):
            yield Song(source, _without_ending(PurePosixPath(place.path).name))
        else:
            raise JobError(f"cannot read {source!r}: there is no such folder, list or song", EXIT_SOURCE)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowInvalid) as error:
        raise JobError(f"cannot read {source!r}: {reason(error)}", EXIT_SOURCE) from error


def _folder(place: Place, target: Place) -> Iterator[Song]:
    root = place.path.rstrip("/")
    for folder, folders, files in _walk(place):
        inside = folder[len(root) :].strip("/")
        # What this program writes into the library is no part of it.
        folders[:] = sorted(
            name
            for name in folders
            if not _of_system(name) and not _same(place, f"{folder.rstrip('/')}/{name}", target)
        )
        for name in sorted(files):
            ending = PurePosixPath(name).suffix.lower()
            if ending in ENDINGS and not name.startswith("._") and not name.lower().endswith(_STEM_FILE):
                path = f"{inside}/{name}" if inside else name
                yield Song((place / path).uri, _without_ending(path))


def _walk(place: Place) -> Iterator[tuple[str, list[str], list[str]]]:
    if place.is_local:  # without links to folders: one to a folder above would lead round in circles
        yield from os.walk(place.path, onerror=_raise)
    else:
        yield from place.fs.walk(place.path)


def _raise(error: OSError) -> None:
    raise error


def _of_system(name: str) -> bool:
    name = name.lower()
    return name in SYSTEM_FOLDERS or name.startswith((".trash-", ".demucs_ort-"))


def _same(place: Place, path: str, target: Place) -> bool:
    if place.is_local:
        return target.is_local and os.path.realpath(path) == os.path.realpath(target.path)
    return bool(place.fs.protocol == target.fs.protocol) and path.strip("/") == target.path.strip("/")


def _pattern(place: Place) -> Iterator[Song]:
    parts = place.path.split("/")
    fixed = "/".join(parts[: next(i for i, part in enumerate(parts) if any(letter in part for letter in "*?["))])
    found = False
    for path in sorted(place.fs.glob(place.path)):
        if PurePosixPath(path).suffix.lower() in ENDINGS and not path.lower().endswith(_STEM_FILE):
            found = True
            uri = path if place.is_local else str(place.fs.unstrip_protocol(path))
            yield Song(uri, _without_ending(path[len(fixed) :].strip("/")))
    if not found:
        raise JobError(f"no song matches {place.uri!r}", EXIT_SOURCE)


def _lines(place: Place, ending: str, column: str) -> Iterator[str]:
    if ending == ".parquet":
        with place.fs.open(place.path, "rb") as file:
            table = pq.ParquetFile(file)
            _check_column(place, column, table.schema_arrow.names)
            for batch in table.iter_batches(columns=[column]):
                yield from (str(uri) for uri in batch.column(0).to_pylist() if uri)
        return
    with io.TextIOWrapper(place.fs.open(place.path, "rb"), encoding="utf-8-sig", newline="") as file:
        if ending == ".csv":
            rows = csv.DictReader(file)
            _check_column(place, column, list(rows.fieldnames or []))
            yield from (row[column] for row in rows if row[column])
        else:
            yield from (line.strip() for line in file if line.strip() and not line.startswith("#"))


def _check_column(place: Place, column: str, names: list[str]) -> None:
    if column not in names:
        raise JobError(f"{place.uri!r} has no column {column!r}; its columns are {', '.join(names)}", EXIT_SOURCE)


def _of_list(uri: str, place: Place) -> Song:
    """A song of a list: named by its path below the list's folder, or by all of its path if it lies elsewhere."""
    folder = place.parent
    if "://" not in uri and not uri.startswith("/"):
        return Song((folder / uri).uri if "://" in place.uri else str(Path(folder.path) / uri), _clean(uri))
    path = uri.partition("://")[2] if "://" in uri else uri
    below = folder.path.rstrip("/") + "/"
    if uri.startswith(folder.uri + "/") or path.startswith(below):
        path = path[len(below) :] if path.startswith(below) else uri[len(folder.uri) + 1 :]
    return Song(uri, _clean(path))


def _clean(path: str) -> str:
    """A name that stays below the target."""
    return _without_ending("/".join(part for part in path.split("/") if part not in ("", ".", "..")))


def _without_ending(path: str) -> str:
    if path.lower().endswith(_STEM_FILE):
        return path[: -len(_STEM_FILE)]
    stem = PurePosixPath(path)
    return str(stem.with_suffix("")) if stem.suffix and stem.stem else path


class Songs:
    """A list of songs on the disk, each once, with names that differ. Usable once, as a context.

    Song.mp3 and Song.flac are named so instead of Song. Those that still share a name have a problem.
    """

    def __init__(self, songs: Iterable[Song], source: str) -> None:
        file = tempfile.TemporaryFile("w+", prefix="demucs_cluster-", encoding="utf-8")  # noqa: SIM115
        self._file: IO[str] = file
        try:
            self._read(songs, source)
        except BaseException:
            file.close()
            raise

    def _read(self, songs: Iterable[Song], source: str) -> None:
        uris, names, full = array("Q"), array("Q"), array("Q")
        for song in songs:
            self._file.write(json.dumps([song.uri, song.name, song.problem]) + "\n")
            uris.append(hash_of(song.uri))
            names.append(hash_of(song.name))
            full.append(hash_of(_named_in_full(song)))
        if not uris:
            raise JobError(f"there is no song in {source!r}", EXIT_SOURCE)
        first = np.unique(np.asarray(uris, np.uint64), return_index=True)[1]
        taken = np.asarray(names, np.uint64)[first]
        self._count = len(first)
        self._repeated = _repeated(np.asarray(uris, np.uint64))
        self._twins = _repeated(taken)
        self._clashes = _repeated(np.asarray(full, np.uint64)[first])
        self._taken = Hashes(taken)

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> "Songs":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Song]:
        self._file.seek(0)
        seen: set[int] = set()
        for line in self._file:
            song = Song(*json.loads(line))
            uri = hash_of(song.uri)
            if uri in self._repeated:
                if uri in seen:
                    continue
                seen.add(uri)
            yield self._named_apart(song)

    def _named_apart(self, song: Song) -> Song:
        if hash_of(song.name) not in self._twins:
            return song
        full = _named_in_full(song)
        if hash_of(full) in self._clashes or (full != song.name and hash_of(full) in self._taken):
            problem = f"two sources would both be written to '{full}'; separate them into two targets"
            return Song(song.uri, full, song.problem or problem)
        return Song(song.uri, full, song.problem)


def _named_in_full(song: Song) -> str:
    return song.name + PurePosixPath(song.uri).suffix


def _repeated(hashes: Any) -> Hashes:
    values, counts = np.unique(hashes, return_counts=True)
    return Hashes(values[counts > 1])
