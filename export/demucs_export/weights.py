"""Trained weights from a checkpoint file of any HTDemucs.

A checkpoint is data from anywhere, so nothing in it is ever executed: a pickle may name only the
few classes a demucs package is made of, and the class named by a safetensors file is compared,
not imported.
"""

import json
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import safetensors
import torch
from demucs.htdemucs import HTDemucs
from demucs.states import load_model

from .errors import WeightsError

_KLASS = f"{HTDemucs.__module__}.{HTDemucs.__qualname__}"
_PACKAGE: dict[str, type | tuple[type, ...]] = {
    "klass": type,
    "args": (list, tuple),
    "kwargs": dict,
    "state": dict,
}


def checkpoint(path: Path) -> HTDemucs:
    """The HTDemucs stored in a demucs `.th` package or a demucs `.safetensors` file; raises
    WeightsError."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise WeightsError(f"the checkpoint {path} must be a .th or .safetensors file")
    try:
        package = reader(path)
        _check_package(package)
        model = load_model(package)  # type: ignore[no-untyped-call]
    except WeightsError as error:
        raise WeightsError(f"cannot use the checkpoint {path}: {error}") from error
    except OSError as error:
        raise WeightsError(f"cannot read the checkpoint {path}: {error.strerror}") from error
    except Exception as error:
        fault = first_line(error)
        raise WeightsError(f"the checkpoint {path} is not a usable model: {fault}") from error
    return checked(model, str(path))


def _read_th(path: Path) -> dict[str, Any]:
    with torch.serialization.safe_globals([HTDemucs, Fraction]):
        try:
            package: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except OSError:
            raise
        except Exception as error:
            named = re.search(r"GLOBAL ([\w.]+)", str(error))
            if named:
                raise WeightsError(f"it names {named[1]}, which no HTDemucs package holds, and is not loaded") from None
            raise WeightsError("it is damaged, or not a demucs package at all") from error
    return package


def _read_safetensors(path: Path) -> dict[str, Any]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise WeightsError("it is damaged, or not a safetensors file at all") from error
    missing = sorted({"klass", "args", "kwargs"} - metadata.keys())
    if missing:
        raise WeightsError(f"its metadata lack {', '.join(missing)}, which demucs writes")
    if metadata["klass"] != _KLASS:
        raise WeightsError(f"it holds a {metadata['klass']}, not a {_KLASS}")
    if "structure" in metadata:
        raise WeightsError("its weights are quantized, which is not supported")
    args, kwargs = (json.loads(metadata[key], object_hook=_fraction) for key in ("args", "kwargs"))
    return {"klass": HTDemucs, "args": args, "kwargs": kwargs, "state": state}


def _fraction(node: dict[str, Any]) -> object:
    """How demucs writes fractions in JSON (`demucs.hf`)."""
    if node.get("_type") == "fraction":
        return Fraction(node["numerator"], node["denominator"])
    return node


def _check_package(package: object) -> None:
    if not isinstance(package, Mapping):
        raise WeightsError(f"it holds a {type(package).__name__} instead of a demucs package")
    if "best_state" in package:
        raise WeightsError("it is the state of a training: give the best.th that demucs writes beside it")
    for key, kind in _PACKAGE.items():
        if not isinstance(package.get(key), kind):
            raise WeightsError(f"its entry {key!r} is missing or of the wrong type")
    if package["klass"] is not HTDemucs:
        raise WeightsError(f"it holds a {package['klass'].__name__}, not an HTDemucs")
    if package["state"].get("__quantized"):
        raise WeightsError("its weights are quantized, which is not supported")


def checked(model: object, origin: str) -> HTDemucs:
    """The model in evaluation mode; raises WeightsError, naming `origin`, for another kind or weights that are not
    finite."""
    if not isinstance(model, HTDemucs):
        kind = type(model).__name__
        raise WeightsError(f"{origin!r} is a {kind}, and only HTDemucs models can be exported")
    state = model.state_dict()
    bad = [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise WeightsError(f"the weights of {origin!r} are not finite: {', '.join(bad[:3])}")
    usable: HTDemucs = model.eval()
    return usable


_READERS = {".th": _read_th, ".safetensors": _read_safetensors}
SUFFIXES = frozenset(_READERS)
"""Of the files that `checkpoint` reads."""


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
