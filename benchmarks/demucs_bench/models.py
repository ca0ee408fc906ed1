"""The models to measure: an exported file, and the weights it was made of for PyTorch to run."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

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

    def save(self, folder: Path) -> str:
        """Writes the stock model to `folder` as demucs' `--repo` takes it; returns its name there."""
        import torch
        from demucs.states import get_state

        for place, member in enumerate(self.members):
            args, kwargs = member._init_args_kwargs  # type: ignore[misc]  # demucs has no types
            package = {"klass": type(member), "args": args, "kwargs": kwargs, "training_args": {}}
            state = get_state(member, None, half=True)  # type: ignore[no-untyped-call]
            torch.save({**package, "state": state}, folder / f"member{place}.th")
        bag = {"models": [f"member{place}" for place in range(len(self.members))]}
        weights = getattr(self.pytorch, "weights", None)  # a single model has none
        (folder / "bag.yaml").write_text(json.dumps({**bag, **({"weights": weights} if weights else {})}))
        return "bag"


def choose(text: str, cache: Path) -> ModelChoice:
    """`demo`, `full`, `dense`, or FILE[@WEIGHTS]; raises ModelError.

    `demo` is the model that comes with demucs_native. `full` has the size of htdemucs and
    untrained weights, for speed; `dense` is the same with plain Fourier transforms, as other exports
    have them. Both are exported below `cache` on first use.
    """
    if text == "demo":
        import demucs_native

        return ModelChoice(demucs_native.demo_model_file(), str(DEMO_WEIGHTS))
    if text in ("full", "dense"):
        return _full_size(cache / "models", dense=text == "dense")
    name, _, weights = text.partition("@")
    if not Path(name).is_file():
        raise ModelError(f"there is no model {name}: give demo, full, dense, or FILE.onnx[@WEIGHTS]")
    return ModelChoice(Path(name).resolve(), weights or None)


def _full_size(folder: Path, *, dense: bool) -> ModelChoice:
    import demucs_export

    from . import dense_dft

    file = folder / ("htdemucs_dense_dft.onnx" if dense else "htdemucs_untrained.onnx")
    if not file.exists():
        print("exporting a model of the full size, once", flush=True)
        if dense:
            dense_dft.export(demucs_export.untrained(0), file)
        else:
            demucs_export.export(demucs_export.untrained(0), folder, name=file.stem, trained=False)
    return ModelChoice(file, "untrained:0")
