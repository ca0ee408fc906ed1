"""Finds the ONNX Runtime library that comes with the `onnxruntime` package (also -gpu, -openvino, ...)."""

import importlib.util
from pathlib import Path


def onnxruntime_library() -> Path | None:
    """The package's shared library, or None if the package is not installed."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        return None
    capi = Path(spec.origin).parent / "capi"
    names = ("libonnxruntime.so*", "libonnxruntime.*dylib", "onnxruntime.dll")
    return next((library for name in names for library in sorted(capi.glob(name))), None)
