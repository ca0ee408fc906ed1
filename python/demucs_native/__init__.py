"""HTDemucs music separation without PyTorch.

>>> import demucs_native
>>> model = demucs_native.Model("htdemucs.onnx")
>>> stems = model.separate(mix)  # float32 (2, frames) in, {"drums": (2, frames), ...} out
"""

from demucs_native import _runtime
from demucs_native._core import Error, Model, __version__

_runtime.use_onnxruntime_package()

__all__ = ["Error", "Model", "__version__"]
