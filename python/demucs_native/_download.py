"""One file from the network into a folder: resumed, and only kept if its size and SHA-256 are the pinned ones."""

import hashlib
import ipaddress
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from demucs_native._core import __version__
from demucs_native._errors import DamagedFileError, DownloadError, RequestError

Progress = Callable[[str, int, int], None]
"""Called with the file's name, its bytes so far, and all its bytes."""
TIMEOUT = 30.0
"""Seconds without an answer after which a connection counts as broken."""
_RECONNECTIONS = 3
_BLOCK = 1 << 20


@dataclass(frozen=True)
class PinnedFile:
    """A file that is only accepted as it was released."""

    name: str
    bytes: int
    sha256: str


class _Broken(Exception):
    """The connection ended early; what came is kept."""


def matches(file: Path, pinned: PinnedFile) -> bool:
    """Whether `file` is there and is the pinned one, by size and SHA-256."""
    if _size(file) != pinned.bytes:
        return False
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == pinned.sha256


def check_url(url: str) -> None:
    """Raise RequestError unless it is https, or http to this machine itself, and without credentials."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        usable = bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))
    except ValueError:
        usable = False
    if not usable:
        raise RequestError(f"{url!r} is not used: models come by https, or by http from this machine itself")
    if "@" in parts.netloc:
        raise RequestError(f"the URL for {host} has a user name in it, which is never sent: leave it out")


def download(url: str, target: Path, pinned: PinnedFile, progress: Progress) -> None:
    """Put the pinned file of `url` at `target`, replacing what is there unless it is that file already.

    What has come of an interrupted download lies beside it as `NAME.part`, and is continued. Of several processes
    that want the same file one downloads it; the others wait, and report its progress.
    """
    part = target.with_name(target.name + ".part")
    with _locked(target, part, pinned, progress):
        if matches(target, pinned):
            return
        try:
            _receive_pinned(url, part, pinned, progress)
        except DamagedFileError:
            part.unlink(missing_ok=True)
            raise
        part.replace(target)


@contextmanager
def _locked(target: Path, part: Path, pinned: PinnedFile, progress: Progress) -> Iterator[None]:
    """Hold the file's lock, which the system takes back from a process that dies."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            progress(pinned.name, _size(part) or 0, pinned.bytes)
    try:
        yield
    finally:
        lock.release()


def _receive_pinned(url: str, part: Path, pinned: PinnedFile, progress: Progress) -> None:
    continued = part.exists()
    _receive(url, part, pinned, progress)
    if continued and not matches(part, pinned):  # what lay there may have been spoilt
        part.unlink()
        _receive(url, part, pinned, progress)
    if not matches(part, pinned):
        raise DamagedFileError(f"{url} is not the released file (its SHA-256 is another): it was deleted")


def _receive(url: str, part: Path, pinned: PinnedFile, progress: Progress) -> None:
    """Fill `part` up to the pinned size, connecting again when the connection breaks."""
    for _ in range(1 + _RECONNECTIONS):
        try:
            _receive_once(url, part, pinned, progress)
            return
        except _Broken as broken:
            reason = broken
    raise DownloadError(f"the connection to {_host(url)} broke ({reason}): run it again to go on from where it was")


def _receive_once(url: str, part: Path, pinned: PinnedFile, progress: Progress) -> None:
    done = _size(part) or 0
    if done > pinned.bytes:
        done = 0
    if done == pinned.bytes:
        return
    with _open(url, done) as response:
        if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            done = 0  # a server without ranges sends everything again
        if response.length is not None and done + response.length != pinned.bytes:
            raise DamagedFileError(
                f"{url} is not the released file: it has {done + response.length} bytes instead of {pinned.bytes}"
            )
        with part.open("ab" if done else "wb") as file:
            while block := _read(response):
                done += len(block)
                if done > pinned.bytes:
                    raise DamagedFileError(f"{url} is not the released file: it has more than {pinned.bytes} bytes")
                file.write(block)
                progress(pinned.name, done, pinned.bytes)
    if done < pinned.bytes:
        raise _Broken(f"{done} of {pinned.bytes} bytes came")


def _open(url: str, start: int) -> HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": f"demucs-ort/{__version__}"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    # Plain http is for this machine itself, so no proxy sees it.
    proxies = {scheme: proxy for scheme, proxy in urllib.request.getproxies().items() if scheme == "https"}
    opener = urllib.request.build_opener(_Redirects, urllib.request.ProxyHandler(proxies))
    try:
        response: HTTPResponse = opener.open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            raise DamagedFileError(f"{url} is not the released file: it has no more than {start} bytes") from error
        raise DownloadError(f"{url}: the server answers {error.code} ({error.reason})") from error
    except (OSError, HTTPException) as error:
        raise DownloadError(f"cannot reach {_host(url)} ({_reason(error)})") from error
    return response


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read1(_BLOCK)
    except (OSError, HTTPException) as error:
        raise _Broken(_reason(error)) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects only to where `check_url` lets one go, and never from https to http."""

    def redirect_request(
        self, request: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        try:
            check_url(newurl)
            safe = request.type == "http" or urlsplit(newurl).scheme == "https"
        except RequestError:
            safe = False
        if not safe:
            fp.close()
            raise DownloadError(f"{_host(request.full_url)} redirects to a URL that is not https: it is not followed")
        return super().redirect_request(request, fp, code, msg, headers, newurl)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _size(file: Path) -> int | None:
    """None if it is no file."""
    return file.stat().st_size if file.is_file() else None
