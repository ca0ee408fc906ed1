"""Times one backend in this process, which imports that backend and nothing of another one.

So the peak of memory is the backend's own: a process with ONNX Runtime has no PyTorch in it, and the other way round.
"""

import importlib
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from . import isolated
from .backends import PROVIDERS, Program, Python, PyTorch, load, run_demucs
from .sound import RATE, Audio, music

if TYPE_CHECKING:
    from demucs_export.repository import Model as Stock

FIGURES = (
    "load_seconds",
    "first_segment_seconds",
    "segment_seconds",
    "track_seconds",
    "command_seconds",  # start, load and all; none where there is no such command
    "peak_memory_bytes",
)


def peak_memory() -> int:
    """Bytes this process had resident at its highest."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would be inherited from the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if platform.system() == "Darwin" else 1024)


def load_stock(copy: Path) -> "Stock":
    """PyTorch's model: FOLDER/NAME of a folder that demucs takes as `--repo`."""
    from demucs.pretrained import get_model

    return cast("Stock", get_model(copy.name, copy.parent))


def _time_pytorch(setting: str, stock: Path, threads: int, segments: int, track: Audio) -> dict[str, Any]:
    importlib.import_module("demucs.htdemucs")  # loading a model would import it
    start = time.perf_counter()
    model = load_stock(stock)
    loaded = time.perf_counter() - start
    backend = PyTorch(model, threads, setting)
    segment = music(int(backend.members[0].segment * RATE) / RATE, 1)[None]
    first, steady = _first_and_steady(partial(backend.run, segment), segments)
    _, seconds = backend.separate(track)
    memory = peak_memory()
    command = run_demucs(stock.name, stock.parent, threads, track) if setting == "pytorch" else None
    return _figures(loaded, first, steady, seconds, command, memory)


def _time_python(model: Path, threads: int, segments: int, track: Audio) -> dict[str, Any]:
    importlib.import_module("demucs_native")
    start = time.perf_counter()
    backend = Python(model, threads)
    loaded = time.perf_counter() - start
    segment = music(backend.model.segment_frames / RATE, 1)[None]
    first, steady = _first_and_steady(partial(backend.model.run, segment), segments)
    _, seconds = backend.separate(track)
    return _figures(loaded, first, steady, seconds, None, peak_memory())


def _first_and_steady(run: Callable[[], object], segments: int) -> tuple[float, float]:
    times = []
    for _ in range(1 + segments):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times[0], statistics.median(times[1:])


def _time_program(provider: str, model: Path, threads: int, segments: int, track: Audio) -> dict[str, Any]:
    """The steady time is what a segment adds to a track; reading and writing are included."""
    import demucs_native

    stride = int(0.75 * demucs_native.Model(model).segment_frames)  # a track so short is one segment
    program = Program(model, threads, provider)
    _, first = program.separate(music(stride / RATE, 1))
    _, long = program.separate(music((1 + segments) * stride / RATE, 1))
    _, seconds = program.separate(track)
    steady = (long - first) / segments
    return _figures(program.load_seconds(), first, steady, seconds, program.command_seconds, program.peak_memory())


def _figures(*values: float | None) -> dict[str, Any]:
    return dict(zip(FIGURES, values, strict=True))


def _speed(name: str, file: str, stock: str, threads: str, segments: str, seconds: str) -> Mapping[str, Any]:
    settings, track = (int(threads), int(segments)), music(float(seconds))
    if name in PROVIDERS:
        figures = _time_program(PROVIDERS[name], Path(file), *settings, track)
    elif name == "python":
        figures = _time_python(Path(file), *settings, track)
    else:
        figures = _time_pytorch(name, Path(stock), *settings, track)
    return {**figures, "audio_seconds": float(seconds), "threads": int(threads)}


def _track(
    name: str, file: str, stock: str, threads: str, seconds: str, runs: str = "0", *options: str
) -> Mapping[str, Any]:
    backend = load(name, Path(file), int(threads), partial(load_stock, Path(stock)), int(runs), options)
    _, taken = backend.separate(music(float(seconds)))
    memory = backend.peak_memory() if isinstance(backend, Program) else peak_memory()
    return {"seconds": taken, "peak_memory_bytes": memory}


def _floor(threads: str) -> Mapping[str, Any]:
    """Products and sums a second of matrices that stay in the cache of a core, in float32: no model can be faster."""
    import numpy as np
    import onnxruntime  # type: ignore[import-untyped]
    from onnx import TensorProto, helper, numpy_helper

    size, repeated = 256, 64
    nodes = [helper.make_node("MatMul", [f"x{i}", "w"], [f"x{i + 1}"]) for i in range(repeated)]
    shape = [16, size, size]  # threads share the first axis
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x0", f"x{repeated}")]
    weight = numpy_helper.from_array(np.eye(size, dtype=np.float32), "w")
    graph = helper.make_graph(nodes, "products", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    run = partial(session.run, None, {"x0": np.ones(shape, np.float32)})
    _, seconds = _first_and_steady(run, 9)
    return {"products_per_second": 2 * repeated * 16 * size**3 / seconds}


def measured(task: str, *arguments: str) -> Mapping[str, Any]:
    """`task` is "speed" (every figure), "track" (time and memory of one track) or "floor" (what the processor can)."""
    tasks: dict[str, Callable[..., Mapping[str, Any]]] = {"speed": _speed, "track": _track, "floor": _floor}
    return tasks[task](*arguments)


if __name__ == "__main__":
    sys.exit(isolated.answer(measured))
