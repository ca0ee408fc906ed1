"""Turns HTDemucs models into self-contained ONNX and ORT files: waveform in, stems out.

model = demucs_export.named("htdemucs")  # or checkpoint(path), or untrained(seed)
report = demucs_export.export(model, "models", name="htdemucs", trained=True)  # export_bag for a bag of models
"""

import importlib
from typing import TYPE_CHECKING

from .errors import ExportError, OutputError, UsageError, WeightsError

if TYPE_CHECKING:
    from .api import BagReport, Report, check, export, export_bag
    from .repository import named
    from .seeded import untrained
    from .weights import checkpoint

__all__ = [
    "BagReport",
    "ExportError",
    "OutputError",
    "Report",
    "UsageError",
    "WeightsError",
    "check",
    "checkpoint",
    "export",
    "export_bag",
    "named",
    "untrained",
]

_HOMES = {
    "BagReport": "api",
    "Report": "api",
    "check": "api",
    "export": "api",
    "export_bag": "api",
    "checkpoint": "weights",
    "named": "repository",
    "untrained": "seeded",
}


def __getattr__(name: str) -> object:
    """Load PyTorch on first use only, so that the command line can explain that it is missing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
