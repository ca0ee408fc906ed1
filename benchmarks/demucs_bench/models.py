"""The models to measure: an exported file, and the weights it was made of for PyTorch to run."""

import contextlib
import hashlib
import importlib.metadata
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .results import source_digest

if TYPE_CHECKING:
    from demucs.htdemucs import HTDemucs
    from demucs_export.repository import Model

DEMO_WEIGHTS = Path(__file__).parents[2] / "demo_model/htdemucs_demo.safetensors"


class ModelError(Exception):
    """A model cannot be measured; the text says why."""


@dataclass(frozen=True)
class ModelChoice:
    """`file`: the exported model. `weights`: an official name, a checkpoint file, FOLDER/NAME of a local model or bag,
    or untrained:SEED."""

    file: Path
    weights: str | None

    @property
    def name(self) -> str:
        return self.file.stem

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    def can_run(self, backend: str) -> bool:
        """PyTorch runs no exported file: it needs the weights."""
        return not backend.startswith("pytorch") or bool(self.weights)

    @cached_property
    def pytorch(self) -> "Model":
        """The stock model; raises ModelError unless its weights are those of the file."""
        import demucs_export
        import demucs_native
        from demucs_export import metadata

        assert self.weights is not None
        kind, _, seed = self.weights.partition(":")
        if kind == "untrained" and seed.isdecimal():
            model: Model = demucs_export.untrained(int(seed))
        elif Path(self.weights).suffix:
            model = demucs_export.checkpoint(Path(self.weights))
        else:
            folder, _, name = self.weights.rpartition("/")
            model = demucs_export.named(name, Path(folder) if folder else None)
        if metadata.digest(model) != demucs_native.Model(self.file).weights_sha256:
            raise ModelError(f"{self.file} was not made of the weights {self.weights}: PyTorch would run another model")
        return model

    @property
    def members(self) -> "list[HTDemucs]":
        """The stock model, or those of a bag."""
        from demucs_export import repository

        return repository.members(self.pytorch)

    def save(self, folder: Path) -> Path:
        """Writes the stock model to `folder` as demucs' `--repo` takes it; returns FOLDER/NAME of it."""
        import torch
        from demucs.states import get_state

        for place, member in enumerate(self.members):
            args, kwargs = member._init_args_kwargs  # type: ignore[misc]  # demucs has no types
            package = {"klass": type(member), "args": args, "kwargs": kwargs, "training_args": {}}
            state = get_state(member, None, half=True)  # type: ignore[no-untyped-call]
            torch.save({**package, "state": state}, folder / f"member{place}.th")
        weights = getattr(self.pytorch, "weights", None)
        if weights is None:  # a single model
            return folder / "member0"
        bag = {"models": [f"member{place}" for place in range(len(self.members))], "weights": weights}
        (folder / "bag.yaml").write_text(json.dumps(bag))
        return folder / "bag"


@contextlib.contextmanager
def stock_copies(models: Sequence[ModelChoice], backends: Iterable[str]) -> Iterator[Mapping[str, Path | str]]:
    """By model: FOLDER/NAME of a copy that stock demucs loads by itself, or "" where PyTorch does not run it."""
    backends = [name for name in backends if name.startswith("pytorch")]
    with tempfile.TemporaryDirectory() as folder:
        copies: dict[str, Path | str] = {}
        for place, model in enumerate(models):
            copies[model.name] = ""
            if any(model.can_run(name) for name in backends):
                repo = Path(folder, str(place))
                repo.mkdir()
                copies[model.name] = model.save(repo)
        yield copies


def choose(text: str, cache: Path) -> ModelChoice:
    """`demo`, `full`, `dense`, `full-gpu`, `half`, or FILE[@WEIGHTS]; raises ModelError.

    `demo` is the model that comes with demucs_native. `full` has the size of htdemucs and
    untrained weights, for speed; `dense` is the same with plain Fourier transforms, as other exports
    have them, `full-gpu` and `half` the same for GPUs, exact and in half precision. All are exported below `cache` on
    first use.
    """
    if text == "demo":
        import demucs_native

        return ModelChoice(demucs_native.demo_model_file(), str(DEMO_WEIGHTS))
    if text in _FULL_SIZE:
        return _full_size(cache, text)
    name, _, weights = text.partition("@")
    if not Path(name).is_file():
        raise ModelError(f"there is no model {name}: give demo, full, dense, full-gpu, half, or FILE.onnx[@WEIGHTS]")
    return ModelChoice(Path(name).resolve(), weights or None)


def exported(cache: Path, name: str, options: str, export: Callable[[Path], object]) -> Path:
    """NAME.onnx below `cache`, written there by `export(file)` on first use.

    A file is used again only if the same exporter, with the same packages, made it with the same `options`: these name
    the weights and all else that the caller chose.
    """
    key = hashlib.sha256(f"{exporter()} {options}".encode()).hexdigest()[:16]
    file = cache / "models" / key / f"{name}.onnx"
    if not file.exists():
        print(f"exporting {name}, once", flush=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        export(file)
    return file


def exporter() -> str:
    """A digest of what decides about a graph: the exporter's code, `dense_dft`, and the packages they use."""
    import demucs_export

    from . import dense_dft

    packages = [f"{name} {importlib.metadata.version(name)}" for name in ("demucs", "onnx", "onnxruntime", "torch")]
    files = [*Path(str(demucs_export.__file__)).parent.glob("*.py"), Path(dense_dft.__file__)]
    return hashlib.sha256(" ".join([*packages, source_digest(files)]).encode()).hexdigest()


_FULL_SIZE = {
    "full": "htdemucs_untrained", "dense": "htdemucs_dense_dft",
    "full-gpu": "htdemucs_untrained_fp32-gpu", "half": "htdemucs_untrained_fp16-gpu",
}  # fmt: skip
_PRECISIONS = {"full-gpu": "fp32-gpu", "half": "fp16-gpu"}


def _full_size(cache: Path, kind: str) -> ModelChoice:
    import demucs_export

    from . import dense_dft

    def export(file: Path) -> None:
        if kind == "dense":
            dense_dft.export(demucs_export.untrained(0), file)
        else:
            precision = _PRECISIONS.get(kind, "fp32")
            model = demucs_export.untrained(0)
            demucs_export.export(model, file.parent, name=file.stem, trained=False, precision=precision)

    weights = "untrained:0"
    return ModelChoice(exported(cache, _FULL_SIZE[kind], f"{weights} {kind}", export), weights)
