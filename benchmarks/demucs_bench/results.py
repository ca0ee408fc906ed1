"""Result files: one JSON file a backend in a time-stamped folder, complete after every track."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from . import system

Row = dict[str, Any]
"""One measurement: `model`, `track`, `status` ("ok" or "failed"), then figures, or `error`."""


class ResultError(Exception):
    """A folder of results cannot be gone on with; the text says why."""


class Results:
    """The rows of every backend, and the files they are kept in."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], backends: Sequence[str]) -> None:
        """A run in `folder`, going on with what is there; raises ResultError if that was another run."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._settings, self._system = folder, dict(settings), system.describe()
        self.rows: dict[str, list[Row]] = {backend: self._read(backend) for backend in backends}

    def has(self, backend: str, model: str, track: str) -> bool:
        return any((row["model"], row["track"]) == (model, track) for row in self.rows[backend])

    def add(self, backend: str, row: Row, summarise: Callable[[Sequence[Row]], Mapping[str, Any]]) -> None:
        self.rows[backend].append(row)
        content = {
            "backend": backend,
            "system": self._system,
            "settings": self._settings,
            "summary": summarise(self.rows[backend]),
            "rows": self.rows[backend],
        }
        write_aside(self._file(backend), json.dumps(content, indent=1, allow_nan=False))

    def _file(self, backend: str) -> Path:
        return self.folder / f"benchmark_results_{backend}.json"

    def _read(self, backend: str) -> list[Row]:
        file = self._file(backend)
        if not file.exists():
            return []
        content = json.loads(file.read_text())
        if content["settings"] != self._settings:
            raise ResultError(f"{file} is of a run with other settings: {content['settings']}")
        rows: list[Row] = content["rows"]
        return rows


def new_folder(root: Path, kind: str) -> Path:
    return root / f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{kind}"


def source_digest(files: Iterable[Path]) -> str:
    """A digest of code: what an older version of it made is not used again."""
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in sorted(files))).hexdigest()


def write_aside(file: Path, text: str) -> None:
    aside = file.with_name(file.name + ".part")
    aside.write_text(text + "\n", encoding="utf-8")
    aside.replace(file)
