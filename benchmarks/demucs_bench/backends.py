"""The ways to run a model, behind one interface."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .sound import RATE, Audio

if TYPE_CHECKING:
    from demucs.htdemucs import HTDemucs
    from demucs_export.repository import Model as Stock

RUNS_BACKENDS = ("cpp", "python")
"""Backends that compute several segments at a time."""

PROVIDERS = {"cpp": "cpu", "cpp-bf16": "openvino-bf16"}
"""What computes in the program, by backend; for the latter DEMUCS_ORT_ONNXRUNTIME names a runtime with OpenVINO."""


class BackendError(Exception):
    """A backend cannot run, or failed on a track; the text says why."""


class Backend(Protocol):
    """A loaded model; `separate` returns the stems and the seconds it took, without loading and file access
    where it can be told apart."""

    def separate(self, mixture: Audio) -> tuple[Mapping[str, Audio], float]: ...


class PyTorch:
    """Stock demucs, as `demucs.api.Separator.separate_tensor` runs it with shifts=0, in one of PyTorch's settings:
    `setting` is the backend's name."""

    def __init__(self, model: "Stock", threads: int, setting: str = "pytorch") -> None:
        import torch
        from demucs.apply import BagOfModels

        if threads:
            torch.set_num_threads(threads)
        self._model, self._bfloat16 = model, setting == "pytorch-bf16"
        self.members: list[HTDemucs] = list(model.models) if isinstance(model, BagOfModels) else [model]  # type: ignore[arg-type]
        for member in self.members:
            if setting == "pytorch-channels-last":
                member.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stub
            elif setting == "pytorch-compiled":
                member.compile()  # when it first runs

    def run(self, segment: Audio) -> None:
        """One segment, [1, channels, frames]."""
        import torch

        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            for member in self.members:
                member(torch.from_numpy(segment))

    def separate(self, mixture: Audio) -> tuple[Mapping[str, Audio], float]:
        import torch
        from demucs.apply import apply_model

        start = time.perf_counter()
        mix = torch.from_numpy(mixture)
        mono = mix.mean(0)
        centre, scale = mono.mean(), mono.std() + 1e-8
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            stems = apply_model(self._model, ((mix - centre) / scale)[None], shifts=0, split=True, overlap=0.25)[0]
        stems = stems * scale + centre
        seconds = time.perf_counter() - start
        return {name: stem.numpy() for name, stem in zip(self._model.sources, stems, strict=True)}, seconds


def run_demucs(model: str, repo: Path, threads: int, mixture: Audio) -> float:
    """Seconds from start to end of demucs' own program, which separates `mixture` with a model of `repo`
    as the other backends do; raises BackendError."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.wav"
        soundfile.write(song, mixture.T, RATE, subtype="FLOAT")
        options = ["-d", "cpu", "-n", model, "--repo", repo, "--shifts", "0", "--float32", "-o", folder]
        command = [sys.executable, "-m", "demucs.separate", *map(str, options), str(song)]
        environment = {**os.environ, **({"OMP_NUM_THREADS": str(threads)} if threads else {})}
        start = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
        if done.returncode != 0 or not list(Path(folder).glob(f"{model}/song/*.wav")):  # it may end well without stems
            raise BackendError(f"demucs' exit code {done.returncode}: {done.stderr.strip()}")
    return seconds


class Python:
    """demucs_native."""

    def __init__(self, model: Path, threads: int, runs: int = 0) -> None:
        import demucs_native

        self.model = demucs_native.Model(model, threads=threads, max_concurrent_runs=runs)

    def separate(self, mixture: Audio) -> tuple[Mapping[str, Audio], float]:
        start = time.perf_counter()
        stems = self.model.separate(mixture)
        return stems, time.perf_counter() - start


class Program:
    """demucs_ort_cli, started for every track, with these further options."""

    def __init__(self, model: Path, threads: int, provider: str, runs: int = 0, options: Sequence[str] = ()) -> None:
        self._model, self._threads, self._provider, self._program = model, threads, provider, find_program()
        self._options = [*(["--runs", str(runs)] if runs else []), *options]
        self._report: dict[str, Any] = {}  # what the program said of its last run
        self.command_seconds = 0.0  # that run from start to end

    def separate(self, mixture: Audio) -> tuple[Mapping[str, Audio], float]:
        import soundfile

        from .tracks import read_wav

        with tempfile.TemporaryDirectory() as folder:
            song, report = Path(folder) / "song.wav", Path(folder) / "report.json"
            soundfile.write(song, mixture.T, RATE, subtype="FLOAT")
            options = ["-q", "-m", self._model, "--threads", self._threads, *self._options]
            options += ["--provider", self._provider, "--json", report]
            command = [str(part) for part in (self._program, *options, song, folder)]
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.command_seconds = time.perf_counter() - start
            if done.returncode != 0:
                raise BackendError(f"exit code {done.returncode}: {done.stderr.strip()}")
            self._report = json.loads(report.read_text())
            track = self._report["tracks"][0]
            stems = {Path(file).stem: read_wav(Path(file)) for file in track["stems"]}
        return stems, float(track["run_seconds"])

    def load_seconds(self) -> float:
        return float(self._report["load_seconds"])

    def peak_memory(self) -> int:
        """Bytes the program had resident at its highest."""
        return int(self._report["peak_memory_bytes"])


def find_program() -> Path:
    """demucs_ort_cli of this checkout's build, or on the PATH; raises BackendError."""
    built = Path.cwd() / "build/release/demucs_ort_cli"
    found = built if built.exists() else shutil.which("demucs_ort_cli")
    if found is None:
        raise BackendError("demucs_ort_cli is neither in build/release nor on the PATH: build it, or leave out cpp")
    return Path(found)


def load(
    name: str, file: Path, threads: int, stock: "Callable[[], Stock]", runs: int = 0, options: Sequence[str] = ()
) -> Backend:
    """`file`: the exported model. `stock` gives the same one for PyTorch, and is called only if that is to run. `runs`:
    segments at a time, of RUNS_BACKENDS only. `options`: more of the program's own."""
    if name in PROVIDERS:
        return Program(file, threads, PROVIDERS[name], runs, options)
    if name == "python":
        return Python(file, threads, runs)
    return PyTorch(stock(), threads, name)
