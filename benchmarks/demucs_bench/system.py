"""What a result was measured on."""

import importlib.metadata
import platform
from datetime import datetime, timezone
from typing import Any

import cpuinfo
import psutil

_PACKAGES = ("demucs-ort", "demucs", "torch", "onnxruntime", "numpy", "torchmetrics")


def describe() -> dict[str, Any]:
    """Hardware, versions and time, as they go into every result file."""
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processor": cpuinfo.get_cpu_info().get("brand_raw", platform.processor()),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
