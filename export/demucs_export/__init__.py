"""Turns HTDemucs models into self-contained ONNX and ORT files: waveform in, stems out.

model = demucs_export.named("htdemucs")  # or checkpoint(path), or untrained(seed)
report = demucs_export.export(model, "models", name="htdemucs", trained=True)
"""

import importlib
from typing import TYPE_CHECKING

from .errors import ExportError, OutputError, UsageError, WeightsError

if TYPE_CHECKING:
    from .api import Report, check, export
    from .seeded import untrained
    from .weights import checkpoint, named, official

__all__ = [
    "ExportError",
    "OutputError",
    "Report",
    "UsageError",
    "WeightsError",
    "check",
    "checkpoint",
    "export",
    "named",
    "official",
    "untrained",
]

_HOMES = {
    "Report": "api",
    "check": "api",
    "export": "api",
    "checkpoint": "weights",
    "named": "weights",
    "official": "weights",
    "untrained": "seeded",
}


def __getattr__(name: str) -> object:
    """Load PyTorch on first use only, so that the command line can explain that it is missing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
