"""HTDemucs music separation without PyTorch.

>>> import demucs_native
>>> model = demucs_native.Model("htdemucs.onnx")  # or demo_model()
>>> stems = model.separate(mix)  # float32 (2, frames) in, {"drums": (2, frames), ...} out
>>> demucs_native.separate_file("song.mp3", "out", model, format="flac")  # [Path("out/drums.flac"), ...]

ONNX Runtime computes: the library of the package onnxruntime, onnxruntime-gpu or onnxruntime-openvino, whichever is
installed. DEMUCS_ORT_ONNXRUNTIME names another library.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from demucs_native import _core, _runtime
from demucs_native._core import (
    Deck,
    DeckPool,
    DeckState,
    Error,
    Model,
    Stream,
    __version__,
    providers,
    separate_file,
)
from demucs_native._errors import FetchError

if TYPE_CHECKING:
    from demucs_native._models import fetch

# From 1.29 on ONNX Runtime's official builds report to their maker, unless this is said before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if (_library := _runtime.onnxruntime_library()) is not None:
    _core._set_default_library(_library)

__all__ = [
    "Deck",
    "DeckPool",
    "DeckState",
    "Error",
    "FetchError",
    "Model",
    "Stream",
    "__version__",
    "demo_model",
    "demo_model_file",
    "fetch",
    "providers",
    "separate_file",
]


def __getattr__(name: str) -> object:
    # Only who fetches waits for the HTTP and TLS modules to load.
    if name == "fetch":
        from demucs_native._models import fetch

        return fetch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def demo_model_file() -> Path:
    """The file of the demo model. Raises FileNotFoundError if this package was built without it."""
    file = Path(__file__).with_name("htdemucs_demo.onnx")
    if not file.exists():
        raise FileNotFoundError(
            f"{file} is missing, as in every package built with an empty DEMUCS_ORT_DEMO_MODEL: "
            "give demo_model/htdemucs_demo.onnx of the source tree to demucs_native.Model"
        )
    return file


def demo_model(
    *,
    provider: str = "cpu",
    threads: int = 0,
    provider_options: Mapping[str, str] | None = None,
    max_concurrent_runs: int = 0,
    max_batch: int = 0,
    memory_mb: int = 0,
    low_priority: bool = False,
    provider_library: str | os.PathLike[str] | None = None,
) -> Model:
    """The small model that comes with this package: trained on synthesised songs only, for trying and testing.

    For real music export htdemucs with demucs-export. The options are those of Model. Raises FileNotFoundError if the
    package was built without it, and what Model raises.
    """
    return Model(
        demo_model_file(),
        provider=provider,
        threads=threads,
        provider_options=provider_options,
        max_concurrent_runs=max_concurrent_runs,
        max_batch=max_batch,
        memory_mb=memory_mb,
        low_priority=low_priority,
        provider_library=provider_library,
    )
