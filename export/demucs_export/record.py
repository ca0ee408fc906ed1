"""The JSON file beside an export: what the files are, and how well they match."""

import hashlib
import importlib.metadata
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import metadata
from .verify import TOLERANCES, Row

_PACKAGES = ("demucs-ort", "demucs", "torch", "onnx", "onnxruntime")


def write(path: Path, files: Sequence[Path], facts: Mapping[str, str], rows: Sequence[Row]) -> None:
    """Write `path` about `files`, their metadata `facts`, and how they compared with PyTorch."""
    stems = facts["demucs_ort.sources"].split(",")
    content = {
        "model": {key.removeprefix(metadata.PREFIX): value for key, value in facts.items()},
        "files": {file.name: _identity(file) for file in files},
        "tolerance": vars(TOLERANCES[facts["demucs_ort.precision"]]),
        "measured": {file.name: {stem: _worst(rows, file.name, stem) for stem in stems} for file in files},
        "versions": {package: importlib.metadata.version(package) for package in _PACKAGES},
    }
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _identity(file: Path) -> dict[str, int | str]:
    content = file.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _worst(rows: Sequence[Row], file: str, stem: str) -> dict[str, float | None]:
    """The largest error and the lowest SNR over all signals; no SNR if none made the stem sound."""
    found = [row for row in rows if (row.file, row.stem) == (file, stem)]
    snr = min(row.snr_db for row in found)
    return {"max_abs": max(row.max_abs for row in found), "snr_db": None if math.isinf(snr) else round(snr, 2)}
