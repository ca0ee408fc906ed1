"""
The compiled part of demucs_native; use the package instead.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import os
import typing
__all__: list[str] = ['Error', 'Model', 'providers']
class Error(RuntimeError):
    """
    What the library raises by itself, besides ValueError and TypeError for unusable arguments.
    
    `status` tells the kind: 'bad_model', 'runtime_missing', 'runtime_failed'.
    """
    status: typing.ClassVar[str] = 'runtime_failed'
class Model:
    """
    An HTDemucs model exported by demucs-export. Immutable; threads may share it.
    
    Raises Error if the file or ONNX Runtime is unusable.
    """
    @typing.overload
    def __init__(self, data: bytes, *, provider: str = 'cpu', threads: typing.SupportsInt | typing.SupportsIndex = 0, provider_options: collections.abc.Mapping[str, str] | None = None, runs: typing.SupportsInt | typing.SupportsIndex = 1, low_priority: bool = False) -> None:
        """
        Loads a model from the bytes of an .onnx or .ort file.
        """
    @typing.overload
    def __init__(self, path: os.PathLike | str | bytes, *, provider: str = 'cpu', threads: typing.SupportsInt | typing.SupportsIndex = 0, provider_options: collections.abc.Mapping[str, str] | None = None, runs: typing.SupportsInt | typing.SupportsIndex = 1, low_priority: bool = False) -> None:
        """
        Loads an .onnx or .ort file, or the .json file of a bag of models.
        
        threads: threads inside one inference, 0: one per physical core.
        provider: what computes: "cpu", "auto", or another one of providers(). One that is missing, fails or computes
            nonsense raises Error; nothing else takes its place.
        provider_options: passed on to the provider, as ONNX Runtime documents them.
        runs: inferences at a time; with `threads` the thread budget of all that share the model. Others wait.
        low_priority: ONNX Runtime's threads compute only what other programs leave.
        """
    def run(self, mix: numpy.typing.NDArray[numpy.float32]) -> numpy.typing.NDArray[numpy.float32]:
        """
        One raw inference: float32 (batch, channels, segment_frames) to (batch, stems, channels, segment_frames).
        """
    def separate(self, mix: numpy.typing.NDArray[numpy.float32], sample_rate: typing.SupportsInt | typing.SupportsIndex = 44100, overlap: typing.SupportsFloat | typing.SupportsIndex = 0.25, shifts: typing.SupportsInt | typing.SupportsIndex = 0, *, seed: typing.SupportsInt | typing.SupportsIndex = 0, shift_offsets: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], stems: collections.abc.Sequence[str] | None = None, two_stems: str | None = None, other_method: str = 'add', residual_to: str | None = None, priority: str = 'normal', progress: collections.abc.Callable[[float], None] | None = None) -> dict[str, numpy.typing.NDArray[numpy.float32]]:
        """
        Separates a whole track, with the arithmetic of demucs.api.Separator.separate_tensor.
        
        mix: float32 array (channels, frames), full scale 1.0, at the model's sample rate.
        overlap: share of a segment that the next one covers again, 0 to below 1.
        shifts, seed: average that many passes, shifted by
            numpy.random.RandomState(seed).randint(0, sample_rate // 2 + 1, shifts) frames; 0: one unshifted pass.
        shift_offsets: instead of those, demucs' offsets themselves.
        stems: names of the stems to return, default all. two_stems: one name; returns it and 'no_<name>'.
        other_method: 'no_<name>' is the sum of the other stems ("add") or the mix less the stem ("minus").
        residual_to: one name; that stem takes what the others leave of the mix, so that all of them add up to it.
        priority: "foreground" goes before "normal" and that before "background" where several wait for the model.
        progress: called with the finished fraction, 0 to 1; an exception it raises stops the separation at once.
        
        Returns a dict from stem name to a float32 array of mix's shape. Other threads run meanwhile; Ctrl-C stops it.
        Raises TypeError and ValueError for unusable arguments or samples that are not finite, Error otherwise.
        """
    @property
    def channels(self) -> int:
        ...
    @property
    def demucs_version(self) -> str:
        ...
    @property
    def description(self) -> str:
        ...
    @property
    def members(self) -> list[str]:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def onnxruntime_version(self) -> str:
        ...
    @property
    def passed_over(self) -> list[str]:
        """
        What 'auto' tried before `provider`, and why it does not compute.
        """
    @property
    def precision(self) -> str:
        ...
    @property
    def provider(self) -> str:
        ...
    @property
    def sample_rate(self) -> int:
        ...
    @property
    def segment_frames(self) -> int:
        ...
    @property
    def sources(self) -> list[str]:
        ...
    @property
    def trained(self) -> bool:
        ...
    @property
    def weights_sha256(self) -> str:
        ...
def _set_default_library(path: os.PathLike | str | bytes) -> None:
    ...
def providers() -> list[str]:
    """
    The providers that the ONNX Runtime library offers, as `Model` takes them. Raises Error.
    """
__version__: str = '0.1.0'
