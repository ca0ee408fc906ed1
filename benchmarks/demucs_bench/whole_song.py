"""One whole song, separated by stock demucs' own program and by ours: how far the stems differ, and what each took.

Each command is started by a small process, since a program's peak of memory counts what its starter held.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import isolated
from .backends import BackendError, find_program
from .sound import RATE

OFFLINE = {"HF_HUB_OFFLINE": "1"}
"""For demucs once it has its weights: the network has no part in its time, and no other weights come meanwhile."""


@dataclass(frozen=True)
class Difference:
    """How a stem differs from stock demucs' one."""

    stem: str
    peak: float
    max_abs: float
    snr_db: float
    passed: bool
    """Whether that is within the tolerance that the exporter has for this precision."""


def decode(song: Path, target: Path) -> float:
    """Writes the song as both are to hear it, so that no decoder makes a difference; its seconds. Raises
    BackendError."""
    import soundfile

    wanted = ["-map", "0:a:0", "-ac", "2", "-ar", str(RATE), "-c:a", "pcm_f32le"]
    try:
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-i", str(song), *wanted, str(target)], capture_output=True, check=False
        )
    except FileNotFoundError:
        raise BackendError("the program ffmpeg is missing: `make setup` installs it") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise BackendError(f"{song} cannot be read as music: {lines[-1]}")
    return float(soundfile.info(target).duration)


def separate_stock(model: str, song: Path, folder: Path) -> dict[str, Any]:
    """Seconds and peak of memory of demucs' own program with an official model, or its error; stems in `folder`."""
    return isolated.run(__name__, "stock", model, song, folder)


def separate_ours(model: Path, song: Path, folder: Path) -> dict[str, Any]:
    """The same of demucs_ort_cli with an exported model, and its ONNX Runtime."""
    return isolated.run(__name__, "ours", model, song, folder)


def compare(stock: Path, ours: Path, precision: str) -> list[Difference]:
    """Every stem of two folders; raises BackendError where they do not hold the same stems."""
    import soundfile
    from demucs_export.verify import TOLERANCES
    from demucs_export.verify import compare as measure

    names, others = (sorted(file.stem for file in folder.glob("*.wav")) for folder in (stock, ours))
    if names != others or not names:
        raise BackendError(f"demucs wrote the stems {', '.join(names)}, demucs_ort_cli {', '.join(others)}")
    found = []
    for name in names:
        reference, stem = (soundfile.read(folder / f"{name}.wav", dtype="float32")[0] for folder in (stock, ours))
        if reference.shape != stem.shape:
            raise BackendError(f"{name} has {len(stem)} frames, demucs' one {len(reference)}")
        peak, max_abs, _, snr, passed = measure(reference, stem, TOLERANCES[precision])
        found.append(Difference(name, peak, max_abs, snr, passed))
    return found


def _stock(model: str, song: str, folder: str) -> Mapping[str, Any]:
    options = ["-d", "cpu", "-n", model, "--shifts", "0", "--float32", "--clip-mode", "none"]
    names = ["-o", folder, "--filename", "{stem}.{ext}"]
    figures = _run([sys.executable, "-m", "demucs.separate", *options, *names, song])
    stems = list(Path(folder, model).glob("*.wav"))
    if not stems:  # it may end well without any
        raise BackendError("demucs wrote no stems")
    for stem in stems:
        stem.replace(Path(folder, stem.name))
    return figures


def _ours(model: str, song: str, folder: str) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as aside:
        said = Path(aside, "report.json")
        figures = _run([str(find_program()), "-q", "-m", model, "--json", str(said), song, folder])
        facts = json.loads(said.read_text(encoding="utf-8"))
    return {**figures, **{key: facts[key] for key in ("onnxruntime_version", "demucs_ort_version", "threads")}}


def _run(command: Sequence[str]) -> dict[str, Any]:
    """Seconds from start to end of a program, and the most bytes it had resident."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=os.environ | OFFLINE)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
    if process.returncode != 0:
        raise BackendError(f"{Path(command[0]).name} ended with code {process.returncode}: {lines[-1]}")
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return {"seconds": seconds, "peak_memory_bytes": usage.ru_maxrss * kilobyte}


def measured(task: str, *arguments: str) -> Mapping[str, Any]:
    """`task` is "stock" or "ours"."""
    return {"stock": _stock, "ours": _ours}[task](*arguments)


if __name__ == "__main__":
    sys.exit(isolated.answer(measured))
