"""Folders for what is fetched and not yet published, which no killed process leaves behind for long."""

import fcntl
import shutil
import tempfile
from pathlib import Path
from typing import IO

_PREFIX = "demucs_cluster-"
_LOCK = "lock"


class Scratch:
    """A temporary folder of this process. Those of dead processes are removed when it is made."""

    def __init__(self) -> None:
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            _remove_abandoned(folder)
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock: IO[bytes] = (self.folder / _LOCK).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def subfolder(self) -> "tempfile.TemporaryDirectory[str]":
        return tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()


def _remove_abandoned(folder: Path) -> None:
    try:
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # in use, of somebody else, or just being made
        return
