"""HTDemucs music separation without PyTorch.

>>> import demucs_native
>>> model = demucs_native.Model("htdemucs.onnx")
>>> stems = model.separate(mix)  # float32 (2, frames) in, {"drums": (2, frames), ...} out

The `onnxruntime` package's library does the computing; DEMUCS_ORT_ONNXRUNTIME names another one.
"""

from demucs_native import _core, _runtime
from demucs_native._core import Error, Model, __version__

if (_library := _runtime.onnxruntime_library()) is not None:
    _core._set_default_library(_library)

__all__ = ["Error", "Model", "__version__"]
