"""Runs exported models, as their users will."""

from pathlib import Path

import onnxruntime  # type: ignore[import-untyped]

from .errors import ExportError


def session(model: Path | bytes) -> onnxruntime.InferenceSession:
    """Of a file or the content of one; raises ExportError when ONNX Runtime cannot load it."""
    options = onnxruntime.SessionOptions()
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waits without burning a core
    options.log_severity_level = 3  # it warns of every constant in half precision
    source, name = (model, "the model") if isinstance(model, bytes) else (str(model), model.name)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ExportError(f"ONNX Runtime cannot load {name}: {error}") from error
