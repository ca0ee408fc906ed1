"""Records: a hidden file at the target for every track that is done, so that any later run can tell that it is."""

import hashlib
import json
from pathlib import PurePosixPath
from typing import Any

from .manifest import Row
from .storage import Place

_ENDING = ".demucs_cluster.json"
_VERSION = 1
_LONGEST = 100  # bytes of a track's name that every file system can hold with the rest


class Record:
    """What a track was made with and what came of it. Written after its files, removed before they change."""

    def __init__(self, target: Place, name: str) -> None:
        track = PurePosixPath(name)
        text = track.name
        if len(text.encode("utf-8", "surrogateescape")) > _LONGEST:
            text = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._target = target
        self._place = target / str(track.with_name(f".{text}{_ENDING}"))

    def find(self, made_with: dict[str, str]) -> Row | None:
        """The manifest's row, if the track was made with just that and all its files are there."""
        try:
            record = json.loads(self._place.read())
            whole = record["version"] == _VERSION and record["made_with"] == made_with
            if whole and all((self._target / name).facts()[0] == size for name, size in record["written"].items()):
                row: Row = record["row"]
                return row
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return None

    def save(self, made_with: dict[str, str], row: Row, written: dict[str, int]) -> None:
        record: dict[str, Any] = {"version": _VERSION, "made_with": made_with, "written": written, "row": row}
        self._place.write(json.dumps(record, indent=1).encode("utf-8", "surrogateescape"))

    def remove(self) -> None:
        self._place.remove()
