"""Model in, verified files out; and files verified again."""

import copy
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from demucs.htdemucs import HTDemucs

from . import metadata, record, verify, writer
from .errors import ExportError, OutputError, UsageError
from .patch import evaluation_view, exportable, segment_frames, with_segment


@dataclass(frozen=True)
class Report:
    """What an export wrote and how well it matches."""

    onnx: Path
    ort: Path
    json: Path
    metadata: dict[str, str]
    rows: list[verify.Row]

    def __str__(self) -> str:
        return verify.table(self.rows)


def export(
    model: HTDemucs,
    directory: str | os.PathLike[str],
    *,
    name: str,
    trained: bool,
    description: str = "",
    static_batch: bool = False,
    precision: str = "fp32",
    segment: Fraction | None = None,
) -> Report:
    """Write `name`.onnx and `name`.ort of a stock HTDemucs into `directory`, once both match it.

    `name`.json beside them says what they are, their SHA-256, what made them and how well they match.
    `description` goes into the files, for programs to show. The model is left as it is; it is evaluated
    as in `model.eval()`. With `static_batch` the batch axis is the literal one instead of a symbol.
    `precision`: "fp32", "fp16" (weights rounded to half precision) or "int8" (linear layers in 8 bits); the
    arithmetic that is left is float32, and each has its tolerance (`verify.TOLERANCES`).
    `segment`: seconds that a run hears, at most those the model was trained on (the default); less takes
    less time a run, and sounds worse the less it is.
    Existing files of these names are replaced, and only by files that passed. Raises UsageError (the
    name, precision or segment), ExportError (the model, or files that do not match it) or OutputError
    (the folder); then, as on an interrupt, nothing is left behind.
    """
    if not re.fullmatch(r"[\w.+ -]+", name) or name.startswith("."):
        raise UsageError(f"the model name {name!r} cannot be used as a file name")
    if precision not in verify.TOLERANCES:
        raise UsageError(f"the precision {precision!r} is none of {', '.join(verify.TOLERANCES)}")
    if segment is not None:
        model = with_segment(model, segment)
    twin = exportable(_rounded(model) if precision == "fp16" else model)
    facts = metadata.describe(model, name, trained, description, precision)
    target = Path(directory)
    try:
        target.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target))
    except OSError as error:
        raise OutputError(f"cannot write into {target}: {error.strerror}") from error
    try:
        files = [workshop / f"{name}.onnx", workshop / f"{name}.ort"]
        writer.write_onnx(twin, segment_frames(model), facts, files[0], static_batch=static_batch)
        if precision == "int8":
            writer.quantise_linear_layers(files[0])
        writer.write_ort(*files)
        writer.store_half(files[0])
        rows = verify.verify(evaluation_view(model), files, facts)
        verify.require_passed(rows)
        files.append(workshop / f"{name}.json")
        record.write(files[2], files[:2], facts, rows)
        for file in files:
            file.replace(target / file.name)
    except OSError as error:
        raise OutputError(f"cannot write into {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    onnx, ort, json = (target / file.name for file in files)
    return Report(onnx, ort, json, facts, rows)


def check(model: HTDemucs, file: str | os.PathLike[str]) -> list[verify.Row]:
    """Compare an exported file with the stock HTDemucs it was made of, as `export` does before it keeps one.

    Raises ExportError when it is no such file, was made of other weights, or does not match.
    """
    path = Path(file)
    facts = verify.metadata_of(path)
    if facts.get("demucs_ort.weights_sha256") != metadata.weights_sha256(model.state_dict()):
        raise ExportError(
            f"{path} was not made of these weights: give the model or checkpoint that it was exported from"
        )
    segment = Fraction(int(facts["demucs_ort.segment_frames"]), model.samplerate)
    rows = verify.verify(with_segment(model, segment), [path], facts)
    verify.require_passed(rows)
    return rows


def _rounded(model: HTDemucs) -> HTDemucs:
    """A copy whose weights half precision holds."""
    rounded: HTDemucs = copy.deepcopy(model).half().float()
    return rounded
