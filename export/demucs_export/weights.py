"""Trained weights: the official download, or a checkpoint file of any HTDemucs.

A checkpoint is data from anywhere, so nothing in it is ever executed: a pickle may name only the
few classes a demucs package is made of, and the class named by a safetensors file is compared,
not imported.
"""

import json
import logging
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import demucs.pretrained
import safetensors
import torch
import yaml  # type: ignore[import-untyped]
from demucs.apply import BagOfModels
from demucs.htdemucs import HTDemucs
from demucs.states import load_model

from .errors import WeightsError

DEMO = "htdemucs_demo"
"""The small model that comes with this package."""
DEMO_DESCRIPTION = "demo model, trained on synthesised songs only: for trying and testing, not for real music"
DEMO_FILE = Path(__file__).with_name(f"{DEMO}.safetensors")
OTHER_WAYS = "give weights with --checkpoint FILE, or make an untrained model with --untrained SEED"
_KLASS = f"{HTDemucs.__module__}.{HTDemucs.__qualname__}"
_PACKAGE: dict[str, type | tuple[type, ...]] = {
    "klass": type,
    "args": (list, tuple),
    "kwargs": dict,
    "state": dict,
}


def named(name: str) -> HTDemucs:
    """The demo model, or the official one of this name; raises WeightsError."""
    return checkpoint(DEMO_FILE) if name == DEMO else official(name)


def available() -> dict[str, str]:
    """What `named` is asked for, by name, with a word on each; nothing is downloaded."""
    notes = {DEMO: "comes along; " + DEMO_DESCRIPTION}
    for name, members in sorted(_bags().items()):
        if not name.startswith("htdemucs"):
            notes[name] = "no HTDemucs, cannot be exported"
        elif len(members) > 1:
            notes[name] = f"a bag of {len(members)}, to be exported one at a time: {', '.join(members)}"
        else:
            notes[name] = "downloaded by demucs on first use"
    return notes


def official(name: str) -> HTDemucs:
    """The official model or bag of one, from demucs' cache or the network; raises WeightsError."""
    _refuse_before_download(name)
    # It would warn of each of its retries before we can say what to do instead.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        model = demucs.pretrained.get_model(name)
    # SystemExit: how demucs reports a missing package.
    except (Exception, SystemExit) as error:
        raise WeightsError(
            f"the weights of {name!r} could not be loaded or downloaded ({_sentence(error)}): {OTHER_WAYS}"
        ) from error
    if isinstance(model, BagOfModels):
        (model,) = model.models
    return _checked(model, name)


def checkpoint(path: Path) -> HTDemucs:
    """The HTDemucs stored in a demucs `.th` package or a demucs `.safetensors` file; raises
    WeightsError."""
    readers = {".th": _read_th, ".safetensors": _read_safetensors}
    reader = readers.get(path.suffix.lower())
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
        fault = _sentence(error)
        raise WeightsError(f"the checkpoint {path} is not a usable model: {fault}") from error
    return _checked(model, str(path))


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
    for key, kind in _PACKAGE.items():
        if not isinstance(package.get(key), kind):
            raise WeightsError(f"its entry {key!r} is missing or of the wrong type")
    if package["klass"] is not HTDemucs:
        raise WeightsError(f"it holds a {package['klass'].__name__}, not an HTDemucs")
    if package["state"].get("__quantized"):
        raise WeightsError("its weights are quantized, which is not supported")


def _refuse_before_download(name: str) -> None:
    """Let through only what demucs lists, so that no other place is asked, and no bag of
    several."""
    bags = _bags()
    if name in bags:
        members = bags[name]
        if len(members) > 1:
            raise WeightsError(
                f"{name!r} is a bag of {len(members)} models, which one file cannot hold: "
                f"export its members one at a time ({', '.join(members)})"
            )
    elif name not in _signatures():
        known = ", ".join(sorted(bags))
        raise WeightsError(f"demucs has no model named {name!r} (it has {known}): {OTHER_WAYS}")


def _bags() -> dict[str, list[str]]:
    """By name, the signatures of the members of demucs' bags; most have one."""
    files = demucs.pretrained.REMOTE_ROOT.glob("*.yaml")
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8"))["models"] for file in files}


def _signatures() -> set[str]:
    listing = (demucs.pretrained.REMOTE_ROOT / "files.txt").read_text(encoding="utf-8")
    return {line.split("-")[0] for line in listing.splitlines() if line.endswith(".th")}


def _checked(model: object, origin: str) -> HTDemucs:
    if not isinstance(model, HTDemucs):
        kind = type(model).__name__
        raise WeightsError(f"{origin!r} is a {kind}, and only HTDemucs models can be exported")
    state = model.state_dict()
    bad = [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise WeightsError(f"the weights of {origin!r} are not finite: {', '.join(bad[:3])}")
    usable: HTDemucs = model.eval()
    return usable


def _sentence(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
