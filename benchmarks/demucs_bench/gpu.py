"""What a GPU makes of exported files: time, exactness and memory, beside PyTorch and the processor's cores.

Needs onnxruntime-gpu and no network. Every measurement that is not possible is named in the notes, with its reason.
"""

import importlib
import json
import math
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import psutil

from . import cores, isolated
from .results import Row, write_aside
from .sound import RATE, Audio, music

LIBRARY = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
"""How the library sets CUDA up (cpp/src/model/provider_settings.cpp)."""

DEVICE = "cuda"  # where inputs and outputs are kept


class NoGpu(Exception):
    """There is nothing to measure; the text says why."""


@dataclass
class Measured:
    """Rows, and what could not be measured."""

    seconds: float
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    begin: float = field(default_factory=time.monotonic)

    def add(self, what: str, measure: Callable[[], Mapping[str, Any]]) -> None:
        """One row, unless the time is up or it fails."""
        if time.monotonic() - self.begin > self.seconds:
            self.notes.append(f"{what}: not measured, since {self.seconds:g} s were over")
            return
        try:
            row = {"what": what, **measure()}
        except Exception as error:  # whatever a provider or PyTorch raises is the row's fault, not the run's
            self.notes.append(f"{what}: failed ({str(error).strip().splitlines()[0][:200] or type(error).__name__})")
            return
        self.rows.append(row)
        print(json.dumps(row), flush=True)


def require_gpu() -> None:
    """Raises NoGpu where there is none that ONNX Runtime can use."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise NoGpu(
            f"ONNX Runtime {onnxruntime.__version__} has no CUDA provider here, so no GPU was measured: install "
            "onnxruntime-gpu, or measure the processor alone with --parts cores"
        )
    try:
        card()
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoGpu(
            "nvidia-smi finds no GPU here, so none was measured: --parts cores measures the processor"
        ) from error


def measure(
    files: Sequence[Path], parts: Sequence[str], batches: Sequence[int], track: float, limit: float
) -> Measured:
    """`parts` of GPU_PARTS. `batches`: segments at once. `track`: seconds of the track."""
    found = Measured(limit)
    if "segments" in parts:
        _segments(found, files, batches)
    if "pytorch" in parts:
        _pytorch(found, batches)
    if "track" in parts:
        _track(found, files, music(track))
    if "cores" in parts:
        _cores(found, files[0])
    return found


def _segments(found: Measured, files: Sequence[Path], batches: Sequence[int]) -> None:
    references: dict[str, Any] = {}  # by weights: what the first file of them gives on the processor
    for file in files:
        plain = cores.cpu_session(str(file), 0)
        facts = plain.get_modelmeta().custom_metadata_map
        mix = cores.segments(plain, max(batches))
        weights = facts.get("demucs_ort.weights_sha256", file.name)
        if weights not in references:
            references[weights] = plain.run(None, {"mix": mix[:1]})[0]
        del plain
        for name, options in _settings(facts.get("demucs_ort.precision", "")).items():
            _batches(found, f"{file.stem}, {name}", _OnGpu(file, options), batches, mix, references[weights])


def _batches(
    found: Measured, what: str, loaded: "_OnGpu", batches: Sequence[int], mix: Audio, reference: Audio
) -> None:
    """A function of its own, so that the GPU's memory is free again after it."""
    for batch in batches:
        found.add(f"{what}, batch {batch}", partial(loaded.row, mix[:batch], reference))


def _settings(precision: str) -> Mapping[str, Mapping[str, str]]:
    """What the caller may say for files of this precision, by its name."""
    return {"half": {}} if precision == "fp16-gpu" else {"float32": {}, "TF32": {"use_tf32": "1"}}


@dataclass
class _OnGpu:
    """A file that is loaded when it is first needed, and what the GPU held before."""

    file: Path
    options: Mapping[str, str]

    def __post_init__(self) -> None:
        self._before = _gpu_memory()

    @cached_property
    def _session(self) -> Any:
        settings = onnxruntime.SessionOptions()
        settings.enable_mem_pattern, settings.log_severity_level = False, 3
        providers = [("CUDAExecutionProvider", {**LIBRARY, **self.options}), "CPUExecutionProvider"]
        return onnxruntime.InferenceSession(str(self.file), settings, providers=providers)

    def row(self, mix: Any, reference: Any) -> dict[str, Any]:
        """Input and output stay on the GPU."""
        start = time.perf_counter()
        binding = self._session.io_binding()
        loaded = time.perf_counter() - start
        shape = (len(mix), *reference.shape[1:])
        target = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, np.float32, DEVICE, 0)
        binding.bind_ortvalue_input("mix", onnxruntime.OrtValue.ortvalue_from_numpy(mix, DEVICE, 0))
        binding.bind_ortvalue_output("stems", target)
        times = _timed(lambda: self._session.run_with_iobinding(binding), 7)
        return {
            **({"load_s": loaded} if loaded > 0.1 else {}),
            "ms_a_segment": 1e3 * statistics.median(times[1:]) / len(mix),
            "first_ms": 1e3 * times[0],
            "snr_db": _snr(reference, target.numpy()[:1]),
            "gpu_mb": _gpu_memory() - self._before,
        }


def _timed(run: Callable[[], object], runs: int) -> list[float]:
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def _pytorch(found: Measured, batches: Sequence[int]) -> None:
    """Stock demucs of htdemucs' size, weights from a seed."""
    try:
        torch = importlib.import_module("torch")
        model = importlib.import_module("demucs_export.seeded").untrained(0)
    except ModuleNotFoundError as error:
        found.notes.append(f"PyTorch: not measured, since the package {error.name} is missing")
        return
    if not torch.cuda.is_available():
        found.notes.append(f"PyTorch: not measured, since PyTorch {torch.__version__} sees no GPU")
        return
    model = model.cuda()
    frames = int(model.segment * RATE)
    mix = torch.from_numpy(np.stack([music(frames / RATE, seed) for seed in range(max(batches))])).cuda()
    expected: list[Any] = []
    for name, tf32, dtype in (
        ("float32", False, None),
        ("TF32", True, None),
        ("autocast float16", True, torch.float16),
    ):
        for batch in batches:

            def run(batch: int = batch, tf32: bool = tf32, dtype: Any = dtype) -> Any:
                torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
                with torch.no_grad(), torch.autocast("cuda", dtype, enabled=dtype is not None):
                    output = model(mix[:batch])
                torch.cuda.synchronize()
                return output

            def row(run: Callable[[], Any] = run, batch: int = batch) -> dict[str, Any]:
                times = _timed(run, 4)
                output = run()[:1].float().cpu().numpy()
                expected.append(output)
                return {
                    "ms_a_segment": 1e3 * statistics.median(times[1:]) / batch,
                    "first_ms": 1e3 * times[0],
                    "snr_db": _snr(expected[0], output),
                }

            found.add(f"PyTorch, {name}, batch {batch}", row)


def _track(found: Measured, files: Sequence[Path], mix: Audio) -> None:
    try:
        native = importlib.import_module("demucs_native")
    except ImportError as error:
        found.notes.append(f"track: not measured, since the module cannot be loaded ({error})")
        return
    references: dict[str, Any] = {}
    for file in files:
        plain = native.Model(file)
        if plain.weights_sha256 not in references:
            references[plain.weights_sha256] = _stems(plain, mix)
        expected = references[plain.weights_sha256]
        for name, options in _settings(plain.precision).items():

            def row(
                file: Path = file, options: Mapping[str, str] = options, expected: Any = expected
            ) -> dict[str, Any]:
                start = time.perf_counter()
                model = native.Model(file, provider="cuda", provider_options=dict(options))
                loaded = time.perf_counter() - start
                stems: list[Any] = []
                times = _timed(lambda: stems.append(_stems(model, mix)), 3)
                return {
                    "load_s": loaded,
                    "first_ms": 1e3 * times[0],
                    "track_s": statistics.median(times[1:]),
                    "snr_db": _snr(expected, stems[-1]),
                }

            found.add(f"module, {file.stem}, {name}, {mix.shape[1] / RATE:g} s", row)


def _stems(model: Any, mix: Audio) -> Any:
    return np.stack(list(model.separate(mix).values()))


def _cores(found: Measured, file: Path) -> None:
    """One run of all cores, of half of them, ... of one, then several at a time that share all."""
    count = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else psutil.cpu_count()
    powers = [2**power for power in range(int(math.log2(count)) + 1)]
    points = [(1, threads) for threads in reversed(powers)] + [(runs, count) for runs in powers[1:]]
    for runs, threads in points:
        what = f"processor, {runs} at a time, {threads} threads"
        found.add(what, partial(_core_row, file, runs, threads, 2 if threads > 2 else 1))


def _core_row(file: Path, *task: int) -> dict[str, Any]:
    row = isolated.run(cores.__name__, file, *task)
    if row.pop("status") != "ok":
        raise RuntimeError(row["error"])
    return row


def _snr(reference: Any, output: Any) -> float | None:
    """In dB; None: equal."""
    noise = float(np.square(output.astype(np.float64) - reference).sum())
    return 10 * math.log10(float(np.square(reference.astype(np.float64)).sum()) / noise) if noise else None


def card() -> dict[str, str]:
    """Name and driver of the first GPU."""
    name, driver = _query("name,driver_version").split(", ")
    return {"gpu": name, "driver": driver}


def _gpu_memory() -> int:
    """MB that are taken on the first GPU."""
    return int(_query("memory.used"))


def _query(what: str) -> str:
    command = ["nvidia-smi", "-i", "0", f"--query-gpu={what}", "--format=csv,noheader,nounits"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def table(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Markdown: a row for each measurement, then what is missing."""
    columns = {
        "ms_a_segment": ("ms a segment", "{:.1f}"), "seconds_a_segment": ("s a segment", "{:.2f}"),
        "track_s": ("s a track", "{:.2f}"), "snr_db": ("SNR, dB", "{:.0f}"), "load_s": ("load, s", "{:.1f}"),
        "first_ms": ("first run, ms", "{:.0f}"), "gpu_mb": ("GPU memory, MB", "{}"),
        "peak_memory_bytes": ("peak memory, bytes", "{}"),
    }  # fmt: skip
    there = [key for key in columns if any(key in row for row in rows)]
    lines = ["| " + " | ".join(["", *(columns[key][0] for key in there)]) + " |", "|---" + "|---:" * len(there) + "|"]
    for row in rows:
        cells = ["" if row.get(key) is None else columns[key][1].format(row[key]) for key in there]
        lines.append("| " + " | ".join([row["what"], *cells]) + " |")
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def write(folder: Path, found: Measured, with_card: bool) -> str:
    """gpu.json and gpu.md in `folder`; returns the table."""
    folder.mkdir(parents=True, exist_ok=True)
    system = {**(card() if with_card else {}), "onnxruntime": onnxruntime.__version__, "system": platform.platform()}
    text = table(found.rows, found.notes)
    content = {"system": system, "rows": found.rows, "notes": found.notes}
    write_aside(folder / "gpu.json", json.dumps(content, indent=1))
    write_aside(folder / "gpu.md", ", ".join(system.values()) + "\n\n" + text)
    return text
