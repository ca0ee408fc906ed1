"""The facts an exported file carries about itself, as strings in the ONNX `metadata_props`."""

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from demucs.apply import BagOfModels
from demucs.htdemucs import HTDemucs

from . import known_answer
from .errors import ExportError
from .patch import segment_frames

SCHEMA_VERSION = "1"
PREFIX = "demucs_ort."
GPU_PRECISIONS = ("fp32-gpu", "fp16-gpu")
"""Of the files for GPUs, which have an operator of ONNX Runtime's own."""


def describe(
    model: HTDemucs, name: str, trained: bool, description: str = "", precision: str = "fp32"
) -> dict[str, str]:
    """The metadata of `model`; raises ExportError for source names that a list cannot hold."""
    sources = [str(source) for source in model.sources]
    if any(not source or "," in source for source in sources) or len(set(sources)) != len(sources):
        raise ExportError(f"the parameter sources={sources} must hold distinct names, no commas")
    facts = {
        "schema_version": SCHEMA_VERSION,
        "model_name": name,
        "sample_rate": str(model.samplerate),
        "channels": str(model.audio_channels),
        "segment_frames": str(segment_frames(model)),
        "sources": ",".join(sources),
        "precision": precision,
        "trained": "true" if trained else "false",
        "weights_sha256": weights_sha256(model.state_dict()),
        "demucs_version": importlib.metadata.version("demucs"),
    }
    if description:
        facts["description"] = description
    facts["known_answer"] = known_answer.of(model)
    return {PREFIX + key: value for key, value in facts.items()}


def describe_bag(members: Sequence[Mapping[str, str]], weights: Sequence[Sequence[float]], name: str) -> dict[str, str]:
    """The facts of a bag, from those of its members and their weights."""
    facts = dict(members[0])
    facts[PREFIX + "model_name"] = name
    for key in ("description", "known_answer"):
        facts.pop(PREFIX + key, None)
    digests = [member[PREFIX + "weights_sha256"] for member in members]
    facts[PREFIX + "weights_sha256"] = _bag_sha256(digests, weights)
    return facts


def digest(model: HTDemucs | BagOfModels) -> str:
    """What the exported model, or bag, says of its weights."""
    if isinstance(model, BagOfModels):
        return _bag_sha256([weights_sha256(member.state_dict()) for member in model.models], model.weights)
    return weights_sha256(model.state_dict())


def _bag_sha256(digests: Sequence[str], weights: Sequence[Sequence[float]]) -> str:
    rows = [[float(weight) for weight in row] for row in weights]
    return hashlib.sha256(repr(list(zip(digests, rows, strict=True))).encode()).hexdigest()


def weights_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over every tensor of `state` in the order of the names.

    Each adds its name, a zero byte, its shape as decimal numbers joined by `x`, a zero byte and
    its values as little-endian float32 in C order, so the same weights give the same digest in
    whatever file.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        values = state[name].detach().to("cpu", torch.float32).numpy()
        shape = "x".join(str(size) for size in values.shape)
        digest.update(f"{name}\0{shape}\0".encode())
        digest.update(np.ascontiguousarray(values, dtype="<f4").data)
    return digest.hexdigest()
