"""Files anywhere that fsspec reaches: what they are, how they are read, and how they appear whole or not at all."""

import hashlib
import uuid
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from .errors import JobError, reason

# Stores where an object has its name only when all of it is there. Elsewhere a file is written aside and renamed.
_WHOLE_OBJECTS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "oss", "memory"}

# The first of these that a store tells of a file changes when the file does.
_VERSIONS = ("ETag", "etag", "generation", "mtime", "LastModified", "last_modified", "updated", "created")

_BLOCK = 1 << 20


class Place:
    """A file or folder named by a URI or a local path. Safe to use from several threads."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        try:
            # A listing that was kept would hide what other processes do.
            self.fs, self.path = fsspec.core.url_to_fs(uri, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise JobError(f"cannot use {uri!r}: {reason(error)}") from error

    @classmethod
    def _of(cls, fs: Any, path: str, uri: str) -> "Place":
        place = cls.__new__(cls)
        place.fs, place.path, place.uri = fs, path, uri
        return place

    @property
    def is_local(self) -> bool:
        return isinstance(self.fs, LocalFileSystem)

    def __truediv__(self, inside: str) -> "Place":
        base = self.path.rstrip("/")
        return self._of(self.fs, f"{base}/{inside}", f"{self.uri.rstrip('/')}/{inside}")

    @property
    def parent(self) -> "Place":
        return self._of(self.fs, self.fs._parent(self.path), self.uri.rstrip("/").rpartition("/")[0])

    def facts(self) -> tuple[int, str]:
        """Bytes and version. Raises OSError for what is not there."""
        told = self.fs.info(self.path)
        size = int(told.get("size") or 0)
        version = next((str(told[key]) for key in _VERSIONS if told.get(key) is not None), "")
        return size, f"{size}:{version.strip(chr(34))}"

    def read(self) -> bytes:
        return bytes(self.fs.cat_file(self.path))

    def write(self, content: bytes) -> None:
        """The file appears with all of its content, or not at all."""
        if self._is_whole_at_once:
            self.fs.pipe_file(self.path, content)
            return
        self.fs.makedirs(self.fs._parent(self.path), exist_ok=True)
        aside = self._aside()
        try:
            self.fs.pipe_file(aside, content)
            self._rename(aside)
        except BaseException:
            _remove(self.fs, aside)
            raise

    def fetch(self, file: Path) -> str:
        """Copies the content to a local file, a block at a time; returns its SHA-256."""
        digest = hashlib.sha256()
        with self.fs.open(self.path, "rb", block_size=4 * _BLOCK) as source, file.open("wb") as copy:
            while block := source.read(_BLOCK):
                digest.update(block)
                copy.write(block)
        return digest.hexdigest()

    def publish(self, file: Path) -> None:
        """Copies a local file here, whole or not at all. Raises OSError if it did not arrive."""
        if self._is_whole_at_once:
            self._put(file, self.path)
        else:
            self.fs.makedirs(self.fs._parent(self.path), exist_ok=True)
            aside = self._aside()
            try:
                self._put(file, aside)
                self._rename(aside)
            except BaseException:
                _remove(self.fs, aside)
                raise
        arrived = self.facts()[0]
        if arrived != file.stat().st_size:
            raise OSError(f"{self.uri} has {arrived} bytes of {file.stat().st_size} after it was written")

    def remove(self) -> None:
        """Removes the file, if there is one."""
        try:
            self.fs.rm_file(self.path)
        except FileNotFoundError:
            return

    @property
    def _is_whole_at_once(self) -> bool:
        protocol = self.fs.protocol
        return not _WHOLE_OBJECTS.isdisjoint([protocol] if isinstance(protocol, str) else protocol)

    def _aside(self) -> str:
        path = PurePosixPath(self.path)
        return str(path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex[:12]}.part"))

    def _put(self, file: Path, path: str) -> None:
        # Its own default holds ten parts of 50 MB in memory.
        limits = {"chunksize": 8 * _BLOCK, "max_concurrency": 2} if "s3" in self.fs.protocol else {}
        self.fs.put_file(str(file), path, **limits)

    def _rename(self, aside: str) -> None:
        if self.is_local:
            Path(aside).replace(self.path)
        else:
            self.fs.mv(aside, self.path)


def _remove(fs: Any, path: str) -> None:
    try:
        fs.rm_file(path)
    except Exception:  # what brought us here is what people need to know
        return


def sha256_of(file: Path) -> str:
    """The SHA-256 of a local file."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
