"""Times several runs of one exported file at a time, which share one pool of threads, in this process."""

import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]

from . import isolated
from .sound import RATE, music
from .timed import peak_memory


def cpu_session(file: str, threads: int) -> Any:
    """As the library sets it up (cpp/src/model/model_session.cpp)."""
    options = onnxruntime.SessionOptions()
    options.enable_mem_pattern, options.intra_op_num_threads, options.log_severity_level = False, threads, 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def segments(session: Any, count: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Noise [count, channels, frames] of the model's length."""
    frames = session.get_inputs()[0].shape[2]
    return np.stack([music(frames / RATE, seed) for seed in range(count)])


def measured(file: str, runs: str, threads: str, rounds: str) -> Mapping[str, Any]:
    """Seconds a segment of `runs` runs at a time that share `threads` threads, `rounds` segments a run, and peak
    memory."""
    count, started, ended = int(runs), threading.Barrier(int(runs) + 1), threading.Barrier(int(runs) + 1)
    session = cpu_session(file, int(threads))

    def work(_: int) -> None:
        mix = segments(session, 1)
        session.run(None, {"mix": mix})
        started.wait()
        for _ in range(int(rounds)):
            session.run(None, {"mix": mix})
        ended.wait()

    with ThreadPoolExecutor(count) as pool:
        done = [pool.submit(work, index) for index in range(count)]
        started.wait()
        start = time.perf_counter()
        ended.wait()
        seconds = time.perf_counter() - start
        for one in done:
            one.result()
    return {"seconds_a_segment": seconds / (count * int(rounds)), "peak_memory_bytes": peak_memory()}


if __name__ == "__main__":
    sys.exit(isolated.answer(measured))
