"""A download server on this machine, as bad as a test needs it."""

import functools
import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Mirror(http.server.ThreadingHTTPServer):
    """Serves `files`, as badly as it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        """Name and Range of every request."""
        self.ranges = True
        self.says_length = True
        self.break_after: list[int] = []
        """How many bytes the next answers have before the connection breaks."""
        self.stalls = False
        """Whether such a connection stays open, silently."""
        self.redirect = ""

    def handle_error(self, *arguments: object) -> None:
        """Clients hang up on purpose here."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name, wanted = self.path.rpartition("/")[2], self.headers.get("Range")
        self.server.requests.append((name, wanted))
        if self.server.redirect:
            self.send_response(302)
            self.send_header("Location", self.server.redirect)
            self.end_headers()
            return
        if name not in self.server.files:
            self.send_error(404)
            return
        content, start = self.server.files[name], 0
        if wanted and self.server.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if self.server.says_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + self.server.break_after.pop(0) if self.server.break_after else len(content)
        self.wfile.write(content[start:end])
        self.wfile.flush()
        while self.server.stalls and end < len(content):
            time.sleep(0.05)

    def log_message(self, *arguments: object) -> None:
        pass


def pinned(content: bytes) -> dict[str, int | str]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@contextmanager
def serving() -> Iterator[Mirror]:
    server = Mirror()
    thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    try:
        yield server
    finally:
        server.stalls = False
        server.shutdown()
        thread.join()
        server.server_close()
