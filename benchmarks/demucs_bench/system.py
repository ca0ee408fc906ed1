"""What a result was measured on, and how much memory this process took."""

import importlib.metadata
import platform
import resource
from datetime import datetime, timezone
from pathlib import Path
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


def peak_memory() -> int:
    """Bytes this process had resident at its highest."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would be inherited from the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if platform.system() == "Darwin" else 1024)
