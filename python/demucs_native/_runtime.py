"""Finds the ONNX Runtime library that comes with the `onnxruntime` package (also -gpu, -openvino, ...)."""

import importlib.util
from pathlib import Path

from demucs_native import _core


def use_onnxruntime_package() -> None:
    """Names that library to the compiled part, which loads it with the first model.

    Without the package the system's library is used; DEMUCS_ORT_ONNXRUNTIME names another one and wins.
    """
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        return
    capi = Path(spec.origin).parent / "capi"
    for pattern in ("libonnxruntime.so*", "libonnxruntime.*dylib", "onnxruntime.dll"):
        for library in sorted(capi.glob(pattern)):
            _core._set_default_library(library)
            return
