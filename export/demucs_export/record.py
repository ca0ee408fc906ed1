"""The JSON file beside an export: what the files are, and how well they match."""

import hashlib
import importlib.metadata
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnxruntime  # type: ignore[import-untyped]

from . import metadata
from .errors import ExportError
from .verify import TOLERANCES, Row

_BY_FILE = ("files", "measured")
_PACKAGES = ("demucs-ort-export", "demucs", "torch", "onnx")


def write(
    path: Path, files: Sequence[Path], facts: Mapping[str, str], rows: Sequence[Row], convolutions: Mapping[str, object]
) -> None:
    """Write `path` about `files`, their metadata `facts`, how they compared with PyTorch, and the convolutions that
    could be stored in 8 bits, if any."""
    stems = facts["demucs_ort.sources"].split(",")
    content = {
        "model": _bare(facts),
        "files": {file.name: _identity(file) for file in files},
        "tolerance": vars(TOLERANCES[facts["demucs_ort.precision"]]),
        "measured": {file.name: {stem: _worst(rows, file.name, stem) for stem in stems} for file in files},
        "versions": _versions(),
        **({"convolutions": convolutions} if convolutions else {}),
    }
    _save(path, content)


def write_bag(
    path: Path, facts: Mapping[str, str], records: Sequence[Path], weights: Sequence[Sequence[float]]
) -> None:
    """Write `path`, which programs load a bag by, from the records of its members and a row of weights for each."""
    read = [json.loads(record.read_text(encoding="utf-8")) for record in records]
    members = [
        {
            "onnx": f"{record.stem}.onnx",
            "ort": f"{record.stem}.ort",
            "weights_sha256": content["model"]["weights_sha256"],
            "weights": [float(weight) for weight in row],
        }
        for record, content, row in zip(records, read, weights, strict=True)
    ]
    merged = {key: {name: entry for content in read for name, entry in content[key].items()} for key in _BY_FILE}
    shared = {key: read[0][key] for key in ("tolerance", "versions")}
    _save(path, {"model": _bare(facts), "members": members, **merged, **shared})


def members(path: Path, count: int) -> list[list[str]]:
    """The files of each of the `count` members of a bag that are there; raises ExportError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["members"]
        names = [[member[kind] for kind in ("onnx", "ort")] for member in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path} is not the description of a bag of models") from error
    if len(names) != count:
        raise ExportError(f"{path} describes a bag of {len(names)} models, not of {count}")
    there = [[name for name in files if path.with_name(Path(name).name).exists()] for files in names]
    if not all(there):
        raise ExportError(f"a member of {path} is missing: {', '.join(names[there.index([])])}")
    return there


def _bare(facts: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(metadata.PREFIX): value for key, value in facts.items()}


def _save(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _versions() -> dict[str, str]:
    packages = {package: importlib.metadata.version(package) for package in _PACKAGES}
    return packages | {"onnxruntime": onnxruntime.__version__}  # several packages bring it


def _identity(file: Path) -> dict[str, int | str]:
    content = file.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _worst(rows: Sequence[Row], file: str, stem: str) -> dict[str, float | None]:
    """The largest error and the lowest SNR over all signals; no SNR if none made the stem sound."""
    found = [row for row in rows if (row.file, row.stem) == (file, stem)]
    snr = min(row.snr_db for row in found)
    return {"max_abs": max(row.max_abs for row in found), "snr_db": None if math.isinf(snr) else round(snr, 2)}
