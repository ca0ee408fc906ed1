"""Finds the ONNX Runtime library of the package onnxruntime, onnxruntime-gpu or onnxruntime-openvino."""

import importlib.util
from pathlib import Path

_NAMES = ("libonnxruntime.so*", "libonnxruntime.*dylib", "onnxruntime.dll")


def onnxruntime_library() -> Path | None:
    """The shared library in the Python package `onnxruntime`, or None if there is none."""
    spec = importlib.util.find_spec("onnxruntime")
    # In a frozen program the package may be a folder of libraries without Python code, which has no origin.
    folders = () if spec is None else spec.submodule_search_locations or ()
    found = (file for folder in folders for name in _NAMES for file in sorted((Path(folder) / "capi").glob(name)))
    return next(found, None)
