"""demucs-models and demucs_native.fetch: what they keep, refuse, continue and say."""

import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import demucs_native
import numpy as np
import pytest
from demucs_native import _download, _models, _models_cli
from filelock import FileLock
from mirror import Mirror, pinned, serving

CONTENT = bytes(range(256)) * 4096  # a mebibyte
PLAIN, BAG, MEMBER = "solo.onnx", "choir.json", "choir_left.onnx"


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving() as server:
        yield server


@pytest.fixture
def index(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The release of a plain model, in two precisions, and a bag; all of it lies on the mirror."""
    mirror.files = {PLAIN: CONTENT, "solo_int8.onnx": CONTENT[:1000], BAG: b'{"members": []}', MEMBER: CONTENT[::-1]}
    models = {
        "solo": {"load": PLAIN, "files": {PLAIN: pinned(CONTENT)}},
        "solo_int8": {"load": "solo_int8.onnx", "files": {"solo_int8.onnx": pinned(CONTENT[:1000])}},
        "choir": {"load": BAG, "files": {name: pinned(mirror.files[name]) for name in (BAG, MEMBER)}},
    }
    file = tmp_path / "index.json"
    file.write_text(json.dumps({"base_url": mirror.url, "models": models}))
    monkeypatch.setattr(_models, "INDEX_FILE", file)
    return file


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DEMUCS_ORT_BASE_URL", raising=False)
    monkeypatch.setenv("DEMUCS_ORT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(index: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line: its exit code, what it prints, and its one sentence if it fails."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = _models_cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        if code:
            assert said.err.startswith("demucs-models: ")
        assert said.err.count("\n") == (1 if code else 0), said.err
        return code, said.out, said.err.removeprefix("demucs-models: ")

    return call


def files_in(folder: Path) -> list[str]:
    """All but the empty lock files."""
    return sorted(file.name for file in folder.rglob("*") if file.is_file() and file.suffix != ".lock")


def part_of(cache: Path) -> Path:
    (part,) = cache.rglob("*.part")
    return part


def test_fetches_once_and_prints_only_the_file(run: Run, mirror: Mirror) -> None:
    code, out, _ = run("fetch", "solo")
    file = Path(out.removesuffix("\n"))
    assert code == 0
    assert file.name == PLAIN
    assert file.read_bytes() == CONTENT
    assert run("fetch", "solo") == (0, out, "")
    assert mirror.requests == [(PLAIN, None)]


def test_a_bag_comes_with_its_members(run: Run) -> None:
    code, out, _ = run("fetch", "choir")
    file = Path(out.strip())
    assert (code, file.name) == (0, BAG)
    assert file.with_name(MEMBER).read_bytes() == CONTENT[::-1]
    assert files_in(file.parent) == [BAG, MEMBER]


def test_a_precision_is_a_model_of_its_own(run: Run) -> None:
    _, by_option, _ = run("fetch", "solo", "--precision", "int8")
    assert Path(by_option.strip()).name == "solo_int8.onnx"
    assert run("fetch", "solo_int8")[1] == by_option


def test_goes_on_where_a_connection_broke(run: Run, mirror: Mirror, cache: Path) -> None:
    mirror.break_after = [300_000, 200_000]
    assert run("fetch", "solo")[0] == 0
    assert mirror.requests == [(PLAIN, None), (PLAIN, "bytes=300000-"), (PLAIN, "bytes=500000-")]
    assert files_in(cache) == [PLAIN]


def test_gives_up_and_is_continued_by_the_next_run(run: Run, mirror: Mirror, cache: Path) -> None:
    mirror.break_after = [100_000, 100_000, 0, 0]
    code, _, error = run("fetch", "solo")
    assert code == 3
    assert "broke" in error
    assert part_of(cache).read_bytes() == CONTENT[:200_000]
    code, out, _ = run("fetch", "solo")
    assert code == 0
    assert mirror.requests[-1] == (PLAIN, "bytes=200000-")
    assert Path(out.strip()).read_bytes() == CONTENT


def test_starts_over_where_the_server_knows_no_ranges(run: Run, mirror: Mirror, cache: Path) -> None:
    mirror.ranges = False
    mirror.break_after = [300_000]
    code, out, _ = run("fetch", "solo")
    assert code == 0
    assert mirror.requests[-1] == (PLAIN, "bytes=300000-")
    assert Path(out.strip()).read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"something else", CONTENT[:-1] + b"?", CONTENT + b"?", CONTENT])
def test_spoilt_leftovers_are_not_continued(left: bytes, run: Run, mirror: Mirror, cache: Path) -> None:
    run("fetch", "solo")
    file = Path(run("fetch", "solo")[1].strip())
    file.unlink()
    file.with_name(PLAIN + ".part").write_bytes(left)
    mirror.requests.clear()
    assert run("fetch", "solo")[0] == 0
    assert file.read_bytes() == CONTENT
    assert len(mirror.requests) <= 2
    assert bool(mirror.requests) == (left != CONTENT)


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("content", [CONTENT[:-1] + b"?", CONTENT + b"?", CONTENT[:-1], b""], ids=len)
def test_other_files_are_refused_and_deleted(
    content: bytes, says_length: bool, run: Run, mirror: Mirror, cache: Path
) -> None:
    mirror.files[PLAIN], mirror.says_length = content, says_length
    code, out, error = run("fetch", "solo")
    assert out == ""
    if len(content) < len(CONTENT) and not says_length:  # the same as a broken connection
        assert code == 4 if content else 3
    else:
        assert code == 4
        assert "not the released file" in error
        assert files_in(cache) == []


def test_no_more_is_written_than_a_file_may_have(run: Run, mirror: Mirror, cache: Path) -> None:
    mirror.files["solo_int8.onnx"], mirror.says_length = CONTENT * 30, False
    largest = 0

    def watch(name: str, done: int, size: int) -> None:
        nonlocal largest
        largest = max(largest, done, part_of(cache).stat().st_size)

    with pytest.raises(demucs_native.FetchError, match="more than 1000 bytes") as caught:
        demucs_native.fetch("solo_int8", progress=watch)
    assert caught.value.exit_code == 4
    assert largest <= 1000
    assert files_in(cache) == []


def test_what_the_network_refuses_is_one_sentence(run: Run, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    del mirror.files[PLAIN]
    code, _, error = run("fetch", "solo")
    assert code == 3
    assert f"{mirror.url}/{PLAIN}: the server answers 404" in error
    code, _, error = run("fetch", "solo", "--base-url", "http://127.0.0.1:9/nothing")
    assert code == 3
    assert "cannot reach 127.0.0.1:9" in error
    mirror.files[PLAIN], mirror.stalls, mirror.break_after = CONTENT, True, [1000] * 4
    monkeypatch.setattr(_download, "TIMEOUT", 0.1)
    code, _, error = run("fetch", "solo")
    assert code == 3
    assert "timed out" in error


def test_offline_asks_nobody(run: Run, mirror: Mirror) -> None:
    code, _, error = run("fetch", "solo", "--offline")
    assert code == 3
    assert "offline" in error
    assert not mirror.requests
    _, out, _ = run("fetch", "solo")
    mirror.requests.clear()
    assert run("fetch", "solo", "--offline") == (0, out, "")
    Path(out.strip()).write_bytes(CONTENT[::-1])
    assert run("fetch", "solo", "--offline")[0] == 3
    assert not mirror.requests


def test_verify_finds_what_fetch_repairs(run: Run, cache: Path) -> None:
    assert run("verify")[:2] == (0, f"no released model is in the cache {cache}\n")
    file = Path(run("fetch", "choir")[1].strip())
    run("fetch", "solo")
    assert run("verify")[0] == 0
    member = file.with_name(MEMBER)
    member.write_bytes(CONTENT)
    code, out, error = run("verify")
    assert code == 4
    assert f"{MEMBER} is damaged" in out
    assert "not as released: choir;" in error
    assert run("verify", "solo")[0] == 0
    assert run("fetch", "choir")[0] == 0
    assert member.read_bytes() == CONTENT[::-1]
    member.unlink()
    code, out, _ = run("verify", "choir")
    assert code == 4
    assert f"{MEMBER} is missing" in out


def test_list_says_what_is_where(run: Run, cache: Path) -> None:
    file = run("fetch", "solo")[1].strip()
    (cache / "choir-0123456789ab").mkdir()
    code, out, _ = run("list")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert list(lines) == ["solo", "solo_int8", "choir", "cache"]
    assert lines["solo"].endswith(file)
    assert "1.0 MB" in lines["solo"]
    assert lines["solo_int8"].rstrip().endswith("MB")
    assert lines["cache"].endswith(str(cache))


def test_unknown_models_are_answered_with_the_known_ones(run: Run, index: Path) -> None:
    for command in ("fetch", "verify"):
        code, _, error = run(command, "sola")
        assert code == 2
        assert "choir, solo, solo_int8" in error
    index.write_text('{"base_url": "", "models": {}}')
    code, _, error = run("fetch", "htdemucs")
    assert code == 2
    assert "demucs-export htdemucs -o models/" in error
    assert "demucs-export htdemucs -o models/" in run("list")[1]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/models",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1/models",
        "file:///etc",
        "https://",
        "https://[",
        "models",
        "http://me:secret@127.0.0.1/models",
        "https://me@example.com",
    ],
)
def test_urls_that_are_not_used(url: str, run: Run, cache: Path) -> None:
    code, _, error = run("fetch", "solo", "--base-url", url)
    assert code == 2
    assert "secret" not in error
    assert files_in(cache) == []


@pytest.mark.parametrize("url", ["http://example.com/x", "ftp://example.com/x", "file:///etc/hostname"])
def test_redirects_that_are_not_followed(url: str, run: Run, mirror: Mirror, cache: Path) -> None:
    mirror.redirect = url
    code, _, error = run("fetch", "solo")
    assert code == 3
    assert "redirect" in error.lower()
    assert files_in(cache) == []


def test_https_is_not_left(mirror: Mirror) -> None:
    request = urllib.request.Request("https://example.com/x")
    with pytest.raises(demucs_native.FetchError, match="not https"):
        _download._Redirects().redirect_request(request, io.BytesIO(), 302, "", HTTPMessage(), mirror.url)


def test_redirects_on_this_machine_keep_the_range(run: Run, mirror: Mirror, cache: Path) -> None:
    with serving() as other:
        other.files = {"elsewhere": CONTENT}
        other.break_after = [1000]
        mirror.redirect = f"{other.url}/elsewhere"
        code, out, _ = run("fetch", "solo")
    assert code == 0
    assert other.requests == [("elsewhere", None), ("elsewhere", "bytes=1000-")]
    assert Path(out.strip()).read_bytes() == CONTENT


def test_the_base_url_may_come_from_the_environment(run: Run, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMUCS_ORT_BASE_URL", f"{mirror.url}/else/")
    assert run("fetch", "solo")[0] == 0
    monkeypatch.setenv("DEMUCS_ORT_BASE_URL", "http://127.0.0.1:9")
    assert run("fetch", "choir")[0] == 3
    assert run("fetch", "choir", "--base-url", mirror.url)[0] == 0


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "/home/me/.cache/demucs-ort"),
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/demucs-ort"),
        ("linux", {"XDG_CACHE_HOME": "caches"}, "/home/me/.cache/demucs-ort"),
        ("darwin", {"XDG_CACHE_HOME": "/caches"}, "/home/me/Library/Caches/demucs-ort"),
        ("win32", {"LOCALAPPDATA": "/Local"}, "/Local/demucs-ort"),
        ("win32", {}, "/home/me/AppData/Local/demucs-ort"),
        ("darwin", {"DEMUCS_ORT_CACHE": "/models"}, "/models"),
    ],
    ids=str,
)
def test_the_cache_lies_where_the_system_has_them(
    platform: str, variables: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "DEMUCS_ORT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert _models.cache_folder() == Path(folder)
    assert _models.cache_folder("/chosen") == Path("/chosen")


def test_a_cache_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, error = run("fetch", "solo", "--cache", tmp_path / "file")
    assert code == 5
    assert "cannot be used" in error


def test_a_full_disk(run: Run, cache: Path) -> None:
    file = Path(run("fetch", "solo")[1].strip())
    file.unlink()
    file.with_name(PLAIN + ".part").symlink_to("/dev/full")
    code, _, error = run("fetch", "solo")
    assert code == 5
    assert "No space left" in error


COMMAND = """
import pathlib, sys
from demucs_native import _models, _models_cli
_models.INDEX_FILE = pathlib.Path(sys.argv[1])
sys.exit(_models_cli.main(sys.argv[2:]))
"""


def start(index: Path, *arguments: object, **options: Any) -> "subprocess.Popen[str]":
    """The command in a process of its own."""
    command = [sys.executable, "-c", COMMAND, str(index), *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, text=True, **{"stdout": pipe, "stderr": pipe, **options})


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_processes_may_fetch_the_same_model_at_once(index: Path, cache: Path, mirror: Mirror) -> None:
    mirror.break_after, mirror.stalls = [500_000], True  # holds the first one until all wait for it
    processes = [start(index, "fetch", "solo") for _ in range(3)]
    wait_for(lambda: bool(mirror.requests))
    time.sleep(0.5)
    assert len(mirror.requests) == 1
    mirror.stalls = False
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda process: process.communicate(timeout=20), processes))
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(set(said)) == 1, said
    assert Path(said[0][0].strip()).read_bytes() == CONTENT
    assert mirror.requests == [(PLAIN, None), (PLAIN, "bytes=500000-")]


def test_who_waits_sees_the_progress_of_another_process(run: Run, cache: Path) -> None:
    file = Path(run("fetch", "solo")[1].strip())
    file.unlink()
    file.with_name(PLAIN + ".part").write_bytes(CONTENT[:1234])
    seen: list[int] = []
    lock = FileLock(file.with_name(f".{PLAIN}.lock"))
    with lock, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(demucs_native.fetch, "solo", progress=lambda name, done, size: seen.append(done))
        wait_for(lambda: bool(seen))
        assert set(seen) == {1234}
        lock.release()
        assert waiting.result() == file
    assert seen[-1] == len(CONTENT)


def test_ctrl_c_leaves_what_the_next_run_continues(run: Run, index: Path, cache: Path, mirror: Mirror) -> None:
    mirror.break_after, mirror.stalls = [400_000], True
    process = start(index, "fetch", "solo")
    wait_for(lambda: any(part.stat().st_size == 400_000 for part in cache.rglob("*.part")))
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert error == "demucs-models: interrupted: the same command goes on from where it was\n"
    mirror.stalls = False
    assert run("fetch", "solo")[0] == 0
    assert mirror.requests[-1] == (PLAIN, "bytes=400000-")


def test_a_terminal_shows_progress_and_a_pipe_does_not(index: Path, cache: Path) -> None:
    terminal, side = pty.openpty()
    process = start(index, "fetch", "solo", stderr=side)
    os.close(side)
    out, _ = process.communicate(timeout=20)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert f"[{'#' * 30}] {PLAIN}, 1.0 of 1.0 MB" in shown
    assert shown.endswith("\r\033[K")
    assert out.endswith(f"{PLAIN}\n")


def test_python_can_watch_and_stop_a_download(index: Path, cache: Path, mirror: Mirror) -> None:
    class Stop(Exception):
        pass

    def stop(name: str, done: int, size: int) -> None:
        assert (name, size) == (PLAIN, len(CONTENT))
        raise Stop

    with pytest.raises(Stop):
        demucs_native.fetch("solo", progress=stop)
    kept = part_of(cache).stat().st_size
    assert kept > 0
    seen: list[int] = []
    assert demucs_native.fetch("solo", progress=lambda name, done, size: seen.append(done)).read_bytes() == CONTENT
    assert seen == sorted(seen)
    assert seen == [] if kept == len(CONTENT) else seen[-1] == len(CONTENT)


def test_the_shipped_index_is_whole() -> None:
    index = _models.read_index()
    for model in index.models.values():
        assert model.load in [file.name for file in model.files]
        assert all(file.bytes > 0 and len(file.sha256) == 64 for file in model.files)
        _download.check_url(index.base_url)


def test_importing_the_package_does_not_wait_for_the_network_modules() -> None:
    code = "import sys, demucs_native; sys.exit('urllib.request' in sys.modules or not callable(demucs_native.fetch))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_fetched_models_separate(
    gains_model: Path, mirror: Mirror, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.files["gains.onnx"] = gains_model.read_bytes()
    index = tmp_path / "index.json"
    entry = {"load": "gains.onnx", "files": {"gains.onnx": pinned(gains_model.read_bytes())}}
    index.write_text(json.dumps({"base_url": mirror.url, "models": {"gains": entry}}))
    monkeypatch.setattr(_models, "INDEX_FILE", index)
    stems = demucs_native.Model(demucs_native.fetch("gains")).separate(np.ones((2, 500), np.float32))
    assert sorted(stems) == ["bass", "drums"]
