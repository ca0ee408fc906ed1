"""Model in, verified files out; and files verified again."""

import copy
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from demucs.apply import BagOfModels
from demucs.htdemucs import HTDemucs

from . import calibration, eight_bits, metadata, record, repository, verify, writer
from .errors import ExportError, OutputError, UsageError
from .patch import evaluation_view, exportable, segment_frames, with_segment


@dataclass(frozen=True)
class Report:
    """What an export wrote and how well it matches."""

    onnx: Path
    ort: Path | None
    """None for GPUs: minimal builds, which the format is for, are for the processor."""
    json: Path
    metadata: dict[str, str]
    rows: list[verify.Row]

    def __str__(self) -> str:
        return verify.table(self.rows)

    @property
    def files(self) -> list[Path]:
        return [self.onnx] if self.ort is None else [self.onnx, self.ort]

    def moved(self, folder: Path) -> "Report":
        """The same after its files were moved there."""
        ort = self.ort and folder / self.ort.name
        return replace(self, onnx=folder / self.onnx.name, ort=ort, json=folder / self.json.name)


@dataclass(frozen=True)
class BagReport:
    """What the export of a bag wrote: its description, for programs to load, and its members."""

    json: Path
    members: list[Report]

    def __str__(self) -> str:
        return verify.table([row for member in self.members for row in member.rows])

    @property
    def files(self) -> list[Path]:
        return [self.json, *(file for member in self.members for file in member.files)]


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
    plain_weights: bool = False,
    music: str | os.PathLike[str] | None = None,
) -> Report:
    """Write `name`.onnx and `name`.ort of a stock HTDemucs into `directory`, once both match it.

    `name`.json beside them says what they are, their SHA-256, what made them and how well they match.
    `description` goes into the files, for programs to show. The model is left as it is; it is evaluated
    as in `model.eval()`. With `static_batch` the batch axis is the literal one instead of a symbol.
    `precision`: "fp32", "fp16" (weights rounded to half precision) or "int8" (linear layers, and the convolutions that
    music allows, in 8 bits); the arithmetic that is left is float32. "fp32-gpu" is exact and faster than "fp32" on
    GPUs, "fp16-gpu" computes in half precision there; they have no `.ort` file. Each has its tolerance
    (`verify.TOLERANCES`).
    `segment`: seconds that a run hears, at most those the model was trained on (the default); less takes
    less time a run, and sounds worse the less it is.
    `plain_weights`: store every weight of the .onnx file as float32, without the operator that unpacks those which half
    precision holds; such a file is larger, and tools that quantise or convert models take it.
    Existing files of these names are replaced, and only by files that passed. Raises UsageError (the
    name, precision or segment), ExportError (the model, or files that do not match it) or OutputError
    (the folder); then, as on an interrupt, nothing is left behind.
    """
    _check_name(name)
    if precision not in verify.TOLERANCES:
        raise UsageError(f"the precision {precision!r} is none of {', '.join(verify.TOLERANCES)}")
    if segment is not None:
        model = with_segment(model, segment)
    for_gpu = precision in metadata.GPU_PRECISIONS
    source = _rounded(model) if precision == "fp16" else model
    twin = exportable(source, fused=for_gpu, half=precision == "fp16-gpu")
    facts = metadata.describe(model, name, trained, description, precision)
    with _workshop(directory, name) as workshop:
        onnx, ort = workshop / f"{name}.onnx", None if for_gpu else workshop / f"{name}.ort"
        writer.write_onnx(twin, segment_frames(model), facts, onnx, static_batch=static_batch)
        convolutions = {}
        if precision == "int8":
            convolutions = eight_bits.quantise(
                onnx, calibration.folder(model, music) if music else calibration.shipped(model)
            )
        if ort is not None:
            writer.write_ort(onnx, ort)
        if not plain_weights:
            writer.store_half(onnx)
        report = Report(onnx, ort, workshop / f"{name}.json", facts, [])
        report.rows.extend(verify.verify(evaluation_view(model), report.files, facts))
        verify.require_passed(report.rows)
        record.write(report.json, report.files, facts, report.rows, convolutions)
    return report.moved(Path(directory))


def export_bag(
    bag: BagOfModels,
    directory: str | os.PathLike[str],
    *,
    name: str,
    trained: bool,
    static_batch: bool = False,
    precision: str = "fp32",
    segment: Fraction | None = None,
    plain_weights: bool = False,
    music: str | os.PathLike[str] | None = None,
) -> BagReport:
    """Write every model of a bag, as `export` does, and `name`.json, which makes one model of them.

    Members are called `name`_STEM where the bag takes no other stem from them, else `name`_NUMBER. Options and
    errors are those of `export`: all files are written or none.
    """
    _check_name(name)
    members = []
    with _workshop(directory, name) as workshop:
        for label, model in zip(_labels(bag), repository.members(bag), strict=True):
            member = f"{name}_{label}"
            report = export(
                model, workshop, name=member, trained=trained, static_batch=static_batch, precision=precision,
                segment=segment, plain_weights=plain_weights, music=music,
                description=f"{label}: one of the {len(bag.models)} models of {name}",
            )  # fmt: skip
            members.append(report)
        facts = metadata.describe_bag([member.metadata for member in members], bag.weights, name)
        record.write_bag(workshop / f"{name}.json", facts, [member.json for member in members], bag.weights)
    return BagReport(Path(directory) / f"{name}.json", [member.moved(Path(directory)) for member in members])


def _labels(bag: BagOfModels) -> Sequence[str]:
    """What tells the members apart: the one stem that each is for, or their number."""
    stems = [[stem for stem, weight in zip(bag.sources, row, strict=True) if weight] for row in bag.weights]
    specialists = [names[0] for names in stems if len(names) == 1]
    if len(set(specialists)) == len(bag.models):
        return specialists
    return [str(number) for number in range(1, len(bag.models) + 1)]


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[\w.+ -]+", name) or name.startswith("."):
        raise UsageError(f"the model name {name!r} cannot be used as a file name")


@contextmanager
def _workshop(directory: str | os.PathLike[str], name: str) -> Iterator[Path]:
    """A hidden folder in `directory` whose files move there if nothing is raised."""
    target = Path(directory)
    try:
        target.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target))
    except OSError as error:
        raise OutputError(f"cannot write into {target}: {error.strerror}") from error
    try:
        yield workshop
        # Descriptions last: they name the others.
        for file in sorted(workshop.iterdir(), key=lambda file: file.suffix == ".json"):
            file.replace(target / file.name)
    except OSError as error:
        raise OutputError(f"cannot write into {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def check(model: HTDemucs | BagOfModels, file: str | os.PathLike[str]) -> list[verify.Row]:
    """Compare an exported file, or the members of an exported bag (its .json file), with the stock model it was made
    of, as `export` does before it keeps one.

    Raises ExportError when it is no such file, was made of other weights, or does not match.
    """
    path = Path(file)
    if isinstance(model, BagOfModels):
        models = repository.members(model)
        pairs = zip(models, record.members(path, len(models)), strict=True)
        return [row for member, names in pairs for name in names for row in _check_file(member, path.with_name(name))]
    return _check_file(model, path)


def _check_file(model: HTDemucs, path: Path) -> list[verify.Row]:
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
