"""
The compiled part of demucs_native; use the package instead.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import os
import pathlib
import typing
__all__: list[str] = ['Deck', 'DeckPool', 'DeckState', 'Error', 'Model', 'Stream', 'providers', 'separate_file']
class Error(RuntimeError):
    """
    What the library raises by itself, besides ValueError and TypeError for unusable arguments.
    
    `status` tells the kind: 'bad_model', 'runtime_missing', 'runtime_failed', 'output_failed'.
    """
    status: typing.ClassVar[str] = 'runtime_failed'
class Model:
    """
    An HTDemucs model exported by demucs-export. Immutable; threads may share it.
    
    Raises Error if the file or ONNX Runtime is unusable.
    """
    @typing.overload
    def __init__(self, data: bytes, *, provider: str = 'cpu', threads: int = 0, provider_options: collections.abc.Mapping[str, str] | None = None, max_concurrent_runs: int = 0, max_batch: int = 0, memory_mb: int = 0, low_priority: bool = False, provider_library: os.PathLike[str] | str | None = None) -> None:
        """
        Loads a model from the bytes of an .onnx or .ort file. Bytes are never taken for a path.
        """
    @typing.overload
    def __init__(self, path: os.PathLike[str] | str, *, provider: str = 'cpu', threads: int = 0, provider_options: collections.abc.Mapping[str, str] | None = None, max_concurrent_runs: int = 0, max_batch: int = 0, memory_mb: int = 0, low_priority: bool = False, provider_library: os.PathLike[str] | str | None = None) -> None:
        """
        Loads an .onnx or .ort file, or the .json file of a bag of models.
        
        threads: threads that compute, of all inferences together; 0: one per physical core that this process may use
            (its affinity mask and, on Linux, the quota of its control group).
        provider: what computes: "cpu", another one of providers(), or "auto" for the first GPU provider that works, else
            "cpu". If the provider you name is missing, fails or computes nonsense, Error is raised: the library never
            switches to another one on its own.
        provider_options: options of the provider, as ONNX Runtime documents them.
        max_concurrent_runs: inferences that run at a time, at most 64; further callers wait. 0 chooses: on "cpu" one for every
            four threads, as many as memory_mb allows, on "cuda" two, and one on other providers. The stems are the same to
            the bit.
        max_batch: segments that one inference computes, at most 64; fewer are filled up with silence. 0 chooses: 2 on "cuda",
            fewer if its memory is too short, and 1 on other providers. More than 1 is possible on "cpu" and "cuda". For decks
            and streams, which compute a segment at a time, 1 is the fastest.
        memory_mb: MiB that may be chosen for inferences at a time, besides the loaded model (htdemucs: 210 each); 0: a quarter
            of what this process may have.
        low_priority: ONNX Runtime's threads use only the time that other programs leave.
        provider_library: the file of a library that adds providers to ONNX Runtime 1.23 or later; `provider` then names one of
            them, or is "auto".
        """
    def run(self, mix: numpy.typing.NDArray[numpy.float32]) -> numpy.typing.NDArray[numpy.float32]:
        """
        Runs the model on segments: float32 (batch, channels, segment_frames) to (batch, stems, channels, segment_frames).
        """
    def separate(self, mix: numpy.typing.NDArray[numpy.float32], sample_rate: int = 44100, overlap: float = 0.25, shifts: int = 0, *, seed: int = 0, shift_offsets: collections.abc.Sequence[int] = [], stems: collections.abc.Sequence[str] | None = None, two_stems: str | None = None, other_method: typing.Literal['add', 'minus'] = 'add', residual_to: str | None = None, priority: typing.Literal['background', 'normal', 'foreground'] = 'normal', progress: collections.abc.Callable[[float], None] | None = None) -> dict[str, numpy.typing.NDArray[numpy.float32]]:
        """
        Separates a whole track, with the arithmetic of demucs.api.Separator.separate_tensor.
        
        mix: float32 array (channels, frames), full scale 1.0.
        sample_rate: of the mix and of the stems in Hz, 8000 to 192000; another than the model's needs a build with a resampler.
        overlap: the share of a segment that the next one covers again, 0 to below 1.
        shifts, seed: the stems are the mean of that many passes, shifted by
            numpy.random.RandomState(seed).randint(0, sample_rate // 2 + 1, shifts) frames; 0: one unshifted pass.
        shift_offsets: demucs' offsets themselves, instead of shifts and seed.
        stems: names of the stems to return; default: all. two_stems: one name; returns that stem and 'no_<name>'.
        other_method: 'no_<name>' is the sum of the other stems ("add") or the mix minus the stem ("minus").
        residual_to: one name; that stem becomes the mix minus all others, so that the stems add up to the mix. The mix's
            mean is then in that stem alone; otherwise it is in every stem, as in demucs.
        priority: where several callers wait for the model, "foreground" goes before "normal", "normal" before "background".
        progress: called with the finished fraction, 0 to 1; an exception that it raises stops the separation at once.
        
        Returns a dict from stem name to a float32 array of mix's shape. Other threads run meanwhile; Ctrl-C stops the call.
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
    def max_batch(self) -> int:
        ...
    @property
    def max_concurrent_runs(self) -> int:
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
    def precision(self) -> str:
        ...
    @property
    def provider(self) -> str:
        ...
    @property
    def rejected_providers(self) -> list[str]:
        """
        What 'auto' tried before `provider`, and why it does not compute.
        """
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
    def threads(self) -> int:
        ...
    @property
    def trained(self) -> bool:
        ...
    @property
    def weights_sha256(self) -> str:
        ...
class DeckPool:
    """
    The threads that separate for any number of decks. The decks share them, and so one thread budget.
    """
    def __init__(self, model: Model, *, workers: int = 1, provisional: Model | None = None, warm: bool = True, preempt: bool = True, low_priority: bool = False) -> None:
        """
        workers: threads, at most the `max_concurrent_runs` that the models were loaded with.
        provisional: the same weights with a shorter segment (demucs-export --segment), for stems sooner.
        warm: run both models once on silence when there is nothing else to do, because a first run is slower.
        preempt: interrupt a run that can wait, for a deck that would run dry before the run ends.
        low_priority: the workers use only the time that other threads leave.
        
        Raises ValueError for models or numbers that do not fit.
        """
    def close(self) -> None:
        """
        Releases the threads; they end with the last deck.
        """
    @property
    def preempted(self) -> int:
        """
        Runs interrupted so far.
        """
    @property
    def warm(self) -> bool:
        """
        Whether the models have been run once.
        """
class DeckState:
    """
    What a deck is doing.
    """
    @property
    def cached_bytes(self) -> int:
        ...
    @property
    def error(self) -> str | None:
        """
        Why the deck failed, e.g. 'bad_audio'; None: it has not.
        """
    @property
    def final_frames(self) -> int:
        """
        The same, counting final stems only.
        """
    @property
    def fraction(self) -> float:
        """
        The share of the track that is final, 0 to 1.
        """
    @property
    def message(self) -> str:
        """
        One sentence about the error, or empty.
        """
    @property
    def provisional(self) -> int:
        """
        Windows that the provisional model has computed so far.
        """
    @property
    def ready_frames(self) -> int:
        """
        Frames that can be read without a gap, from the playhead on.
        """
    @property
    def segments(self) -> int:
        """
        Segments that the model has computed so far.
        """
    @property
    def spilled_bytes(self) -> int:
        ...
    @property
    def stage(self) -> str:
        """
        'measuring', 'separating', 'done' (all that fits the cache is final) or 'failed'.
        """
class Deck:
    """
    A deck: the stems of a loaded track, separated around the playhead first and then everywhere.
    """
    def __enter__(self) -> Deck:
        ...
    def __exit__(self, type: typing.Any, value: typing.Any, traceback: typing.Any) -> None:
        ...
    def __init__(self, pool: DeckPool, track: numpy.typing.NDArray[numpy.float32] | collections.abc.Callable[[int, int], numpy.typing.NDArray[numpy.float32]], *, frames: int | None = None, overlap: float = 0.25, shifts: int = 0, seed: int = 0, shift_offsets: collections.abc.Sequence[int] = [], stems: collections.abc.Sequence[str] | None = None, two_stems: str | None = None, other_method: typing.Literal['add', 'minus'] = 'add', residual_to: str | None = None, cache_mb: int = 512, storage: typing.Literal['exact', 'compact'] = 'exact', spill_folder: os.PathLike[str] | str | None = None, crossfade_frames: int = 882, sample_rate: int = 0) -> None:
        """
        track: float32 array (channels, frames) at the deck's sample rate, which must not change; or a function that
            is given (first, frames) in any order and returns those frames, with the track's length in `frames`.
        overlap, shifts, seed, shift_offsets, stems, two_stems, other_method, residual_to: as of Model.separate.
        cache_mb: MiB for stems in memory; what the playhead would reach last is dropped first.
        storage: "exact" (float32) or "compact" (16 bits: half the memory).
        spill_folder: where to keep what does not fit, in a file that vanishes with the deck.
        crossfade_frames: over which `read` goes from provisional to final stems.
        sample_rate: of the track and of the stems in Hz, 8000 to 192000; 0: the model's. All frames count at this rate.
        
        Returns at once. Raises TypeError and ValueError for unusable arguments.
        """
    def close(self) -> None:
        """
        Interrupts what runs for the deck; the track is not read afterwards.
        """
    def read(self, frame: int, frames: int) -> tuple[dict[str, numpy.typing.NDArray[numpy.float32]], str]:
        """
        The stems from a frame on, as far as they are ready without a gap: a dict from stem name to a float32 array
        (channels, at most `frames`), and "none", "provisional" or "final". From one thread at a time.
        """
    def set_cues(self, frames: collections.abc.Sequence[int]) -> None:
        """
        Where the playhead may jump to. Raises ValueError for a frame beyond the end.
        """
    def set_loop(self, first: int, end: int) -> None:
        """
        The playhead will go back to `first` at `end`; end <= first: no loop.
        """
    def set_playhead(self, frame: int) -> None:
        """
        Where the track plays. A frame beyond the end counts as the last one.
        """
    def state(self) -> DeckState:
        """
        What the deck is doing.
        """
    def wait(self, timeout: float | None = None) -> bool:
        """
        Waits until the deck is done; False after `timeout` seconds. Raises Error or ValueError if it fails.
        """
    @property
    def frames(self) -> int:
        """
        The track's length.
        """
    @property
    def stems(self) -> list[str]:
        """
        Names, in order.
        """
class Stream:
    """
    Separates audio as it arrives, on a thread of its own.
    
    Stems come `latency_frames` after the mix, always. What is not ready in time is replaced and counted in `underruns`.
    """
    @staticmethod
    def latency_of(*, hop: float = 0.5, lookahead: float = 0.25, crossfade: float = 0.05, compute_time: float = 0.5, sample_rate: int = 0, model_sample_rate: int = 44100) -> int:
        """
        `latency_frames` of a stream with these arguments, before there is a model. `model_sample_rate` is that of the one to
        come, 8000 to 768000 Hz.
        
        Raises ValueError for times and rates out of range.
        """
    @staticmethod
    def recommend(model: Model, *, load: float = 0.75, lookahead: float = 0.25, crossfade: float = 0.05, sample_rate: int = 0) -> dict[str, typing.Any]:
        """
        Measures the model on this machine and returns the arguments for Stream: the smallest hop at which computing takes
        no more than `load` of the time, and the compute_time of the slowest run. Blocks for about eight runs of the model.
        
        Raises Error if that hop is too long for the model's segment.
        """
    def __enter__(self) -> Stream:
        ...
    def __exit__(self, type: typing.Any, value: typing.Any, traceback: typing.Any) -> None:
        ...
    def __init__(self, model: Model, *, hop: float = 0.5, lookahead: float = 0.25, crossfade: float = 0.05, compute_time: float = 0.5, underrun: typing.Literal['silence', 'mix'] = 'silence', stems: collections.abc.Sequence[str] | None = None, two_stems: str | None = None, other_method: typing.Literal['add', 'minus'] = 'add', residual_to: str | None = None, priority: typing.Literal['background', 'normal', 'foreground'] = 'foreground', sample_rate: int = 0) -> None:
        """
        Starts the stream's thread and runs the model once. Times are in seconds; the latency is the sum of the first four.
        
        hop: the model runs once every `hop`, on its newest segment of audio.
        lookahead: how far the model hears beyond the newest audio that it delivers stems of.
        crossfade: the time in which each run's stems fade in while those of the run before fade out, at most `hop`.
        compute_time: time for computing: that of a run, plus one block, plus some milliseconds.
        underrun: what replaces stems that are late: "silence", or the "mix", shared equally between the stems.
        stems, two_stems, other_method, residual_to, priority: as of Model.separate.
        sample_rate: of the mix and of the stems in Hz, 8000 to 192000; 0: the model's. Another than that makes the latency some
            milliseconds longer.
        
        Raises ValueError for unusable arguments, also if hop, crossfade and lookahead exceed the model's segment.
        """
    def close(self) -> None:
        """
        Ends the stream's thread, and what it computes.
        """
    def process(self, mix: numpy.typing.NDArray[numpy.float32]) -> dict[str, numpy.typing.NDArray[numpy.float32]]:
        """
        Takes the next frames of the mix, a float32 array (channels, frames) at the stream's sample rate, and returns as
        many of the stems: a dict from stem name to a float32 array of mix's shape, zeros for the first `latency_frames`.
        
        Never waits for the model: for audio that comes at the pace it plays.
        """
    def render(self, mix: numpy.typing.NDArray[numpy.float32]) -> dict[str, numpy.typing.NDArray[numpy.float32]]:
        """
        The same, but waits for stems that are not ready, at any pace. Raises Error if the model failed.
        """
    def reset(self) -> None:
        """
        Forgets all that was heard: the next frame is the stream's first.
        """
    @property
    def failure(self) -> str:
        """
        Why the last run of the model that failed did so; empty: none did.
        """
    @property
    def latency_frames(self) -> int:
        """
        Frames by which stems are later than the mix.
        """
    @property
    def load(self) -> float:
        """
        The share of the time that computing takes: the mean of the last eight windows, divided by `hop`. More than 1: this
        machine cannot keep up. 0 before the first window.
        """
    @property
    def stems(self) -> list[str]:
        """
        Names, in order.
        """
    @property
    def underruns(self) -> int:
        """
        Hops whose stems were replaced.
        """
def _set_default_library(path: os.PathLike[str] | str) -> None:
    ...
def providers(*, provider_library: os.PathLike[str] | str | None = None) -> list[str]:
    """
    The providers that the ONNX Runtime library and `provider_library` offer, as `Model` takes them. Raises Error.
    """
def separate_file(path: os.PathLike[str] | str, out: os.PathLike[str] | str, model: Model | None = None, *, format: typing.Literal['wav', 'flac', 'mp3', 'm4a', 'ogg', 'stem.mp4'] = 'wav', codec: typing.Literal['', 'aac', 'alac'] = '', bit_depth: typing.Literal['', '16', '24', '32f'] = '', bitrate: int = 0, sample_rate: int = 0, clip_mode: typing.Literal['none', 'rescale', 'clamp'] = 'none', filename: str = '', stem_names: collections.abc.Mapping[str, str] = {}, stem_colors: collections.abc.Mapping[str, str] = {}, fold: collections.abc.Mapping[str, str] = {}, preserve_mix: bool = False, overlap: float = 0.25, shifts: int = 0, seed: int = 0, shift_offsets: collections.abc.Sequence[int] = [], stems: collections.abc.Sequence[str] | None = None, two_stems: str | None = None, other_method: typing.Literal['add', 'minus'] = 'add', residual_to: str | None = None, priority: typing.Literal['background', 'normal', 'foreground'] = 'normal', progress: collections.abc.Callable[[float], None] | None = None, track: str = '', report: dict | None = None) -> list[pathlib.Path]:
    """
    Separates a song into files, as demucs_ort_cli does; docs/files.md tells more of each option.
    
    path: any file that FFmpeg decodes, at any sample rate. If it has several audio streams, the first is taken.
    out: the folder to write to; it is made if it does not exist.
    model: default demo_model(), which only shows that everything works.
    format: "wav", "flac", "mp3", "m4a", "ogg" or "stem.mp4". codec: of m4a and stem.mp4, "aac" or "alac".
    bit_depth: "16", "24", or of wav "32f". bitrate: kbit/s of mp3, aac and ogg. Empty and 0: the format's default.
    sample_rate: of the files, in Hz; 0: the song's.
    clip_mode: "none", "rescale" or "clamp", as demucs has them.
    filename: a pattern of {track}, {stem} and {ext}; default "{stem}.{ext}", of stem files "{track}.{ext}".
    stem_names, stem_colors, fold, preserve_mix: of stem files; {"drums": "Kit"}, {"drums": "#009E73"},
        {"guitar": "other"}, and whether the song's own packets are copied where that is possible.
    overlap, shifts, seed, shift_offsets, stems, two_stems, other_method, residual_to, priority, progress: see Model.separate.
    track: what {track} stands for, such as "Artist/Album/Song": a track of a library, whose default filename is
        "{track}/{stem}.{ext}". Default: the file's name without its ending.
    report: gets frames and sample_rate of the song, audio_seconds, run_seconds, model_seconds (of these, while the model
        computed) and warnings, a list of sentences.
    
    Returns the files, which appear together when all are complete. What a person should know, such as samples that were
    clipped, comes as UserWarning, or in the report. Raises ValueError for unusable arguments and for a file that holds no usable audio, Error
    with status 'output_failed' if the files cannot be written, with 'runtime_missing' if this module was built without
    FFmpeg, and what Model.separate raises. Other threads run meanwhile; Ctrl-C stops it and leaves no file.
    """
__version__: str
