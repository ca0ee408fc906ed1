"""Models, exports and the program, shared by the tests; each is made once per session through the public API."""

import contextlib
import hashlib
import io
import json
import os
import pickle
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

# PyTorch's threads wait for each other in loops: beside another busy process two of them are ten times slower than one,
# and tests that run side by side are such processes. What the tests start inherits it.
os.environ["OMP_NUM_THREADS"] = "1"

import demucs_export
import onnx
import pytest
import torch
from demucs.htdemucs import HTDemucs
from demucs_export import writer
from demucs_export.cli import main as export_main
from filelock import FileLock
from support import ROOT, Cli

# A shell starts background jobs with Ctrl-C ignored, nohup those with hanging up ignored. What the tests start would
# inherit that, but no handler.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

# The packages with OpenVINO exist for few platforms; that with the plug-in finds devices of Intel only.
collect_ignore = ["test_openvino.py", "test_openvino_plugin.py"]
if (sys.platform, platform.machine()) == ("linux", "x86_64"):
    intel = "GenuineIntel" in Path("/proc/cpuinfo").read_text()
    collect_ignore = [] if intel else ["test_openvino_plugin.py"]

SMALL = {"channels": 16, "bottom_channels": 64, "t_layers": 2, "segment": 2}
TINY = {
    "sources": ["left", "right"],
    "channels": 8,
    "depth": 2,
    "dconv_mode": 0,
    "bottom_channels": 16,
    "t_layers": 1,
    "segment": 0.5,
}


Made = TypeVar("Made")

# What a module holds beside its settings; `contents` reads it by itself.
HELD = {"modules", "parameters", "buffers", "non_persistent_buffers_set"}


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """What `make(folder)` returns: the first process of a run that asks makes it, the others read it."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    made = root / f"{name}.pickle"
    with FileLock(root / f"{name}.lock"):
        if not made.exists():
            (root / name).mkdir()
            content = pickle.dumps(make(root / name))
            made.write_bytes(content)
        return pickle.loads(made.read_bytes())  # type: ignore[no-any-return]


def contents(model: torch.nn.Module) -> str:
    """A digest of all that a model computes with: its modules, their settings and their weights."""
    digest = hashlib.sha256()
    for name, module in model.named_modules():
        settings = {key: value for key, value in vars(module).items() if key.strip("_") not in HELD}
        said = {key: getattr(value, "__qualname__", None) or repr(value) for key, value in sorted(settings.items())}
        digest.update(repr((name, type(module).__qualname__, said)).encode())
        for tensor in (*module._parameters.values(), *module._buffers.values()):
            digest.update(b"" if tensor is None else tensor.detach().numpy().tobytes())
    return digest.hexdigest()[:16]


@pytest.fixture(scope="session", autouse=True)
def traced_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """PyTorch traces each model once a run: most of an export's time, for the same graph every time."""
    trace = writer._to_proto

    def traced(model: HTDemucs, frames: int, static_batch: bool) -> onnx.ModelProto:
        name = f"traced-{frames}-{static_batch}-{contents(model)}"
        return once(tmp_path_factory, name, lambda _: trace(model, frames, static_batch))

    writer._to_proto = traced
    yield
    writer._to_proto = trace


@pytest.fixture(scope="session")
def small_model() -> HTDemucs:
    """Stock HTDemucs, every kind of layer, two seconds."""
    return demucs_export.untrained(1, SMALL)


@pytest.fixture(scope="session")
def tiny_model() -> HTDemucs:
    """The least HTDemucs that exports, for tests that export again."""
    return demucs_export.untrained(2, TINY)


@pytest.fixture(scope="session")
def full_model() -> HTDemucs:
    """Stock HTDemucs of the official size."""
    return demucs_export.untrained(0)


@pytest.fixture(scope="session")
def small_export(small_model: HTDemucs, tmp_path_factory: pytest.TempPathFactory) -> demucs_export.Report:
    """`small_model` as files: `.onnx`, `.ort`, `.metadata`."""
    return once(
        tmp_path_factory,
        "small",
        lambda folder: demucs_export.export(small_model, folder, name="small", trained=False),
    )


@pytest.fixture(scope="session")
def full_export(full_model: HTDemucs, tmp_path_factory: pytest.TempPathFactory) -> demucs_export.Report:
    """`full_model` as files."""
    return once(
        tmp_path_factory,
        "full",
        lambda folder: demucs_export.export(full_model, folder, name="htdemucs_untrained", trained=False),
    )


@pytest.fixture(scope="session")
def gains_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two fixed gains, drums 0.75 and bass 0.25 of the mix; slow and broken ones lie beside it."""

    def make(folder: Path) -> Path:
        subprocess.run([sys.executable, ROOT / "tests/cpp/make_models.py", folder], check=True)
        return folder / "gains.onnx"

    return once(tmp_path_factory, "gains", make)


@pytest.fixture(scope="session")
def cli_path() -> Path:
    """The program that `make build` built, or the one of another build, named in the environment."""
    return Path(os.environ.get("DEMUCS_ORT_CLI", ROOT / "build/release/demucs_ort_cli"))


@pytest.fixture(scope="session")
def cli(cli_path: Path) -> Cli:
    """Runs the program; its output is text, its arguments may be paths."""

    def run(*arguments: object, **options: object) -> "subprocess.CompletedProcess[str]":
        command = [cli_path, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, **options)

    return run


@dataclass(frozen=True)
class CommandLineExport:
    """What one run of the command line said and wrote."""

    code: int
    out: str
    err: str
    onnx: Path
    ort: Path


@pytest.fixture(scope="session")
def tiny_export(tmp_path_factory: pytest.TempPathFactory) -> CommandLineExport:
    """`tiny_model` with a literal batch of 1, through the command line."""

    def make(folder: Path) -> CommandLineExport:
        config = folder / "tiny.json"
        config.write_text(json.dumps(TINY))
        source = ["--untrained", "2", "--config", str(config), "--name", "tiny model"]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = export_main([*source, "--static-batch", "-o", str(folder / "out")])
        written = folder / "out" / "tiny model"
        onnx, ort = written.with_suffix(".onnx"), written.with_suffix(".ort")
        return CommandLineExport(code, out.getvalue(), err.getvalue(), onnx, ort)

    return once(tmp_path_factory, "tiny", make)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    """Nothing here trains."""
    with torch.no_grad():
        yield
