"""Model in, verified files out."""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from demucs.htdemucs import HTDemucs

from . import metadata, verify, writer
from .errors import ExportError, OutputError, UsageError
from .patch import evaluation_view, exportable, segment_frames


@dataclass(frozen=True)
class Report:
    """What an export wrote and how well it matches."""

    onnx: Path
    ort: Path
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
) -> Report:
    """Write `name`.onnx and `name`.ort of a stock HTDemucs into `directory`, once both match it.

    `description` goes into the files, for programs to show. The model is left as it is; it is evaluated
    as in `model.eval()`. With `static_batch` the batch axis is the literal one instead of a symbol.
    Existing files of these names are replaced, and only by files that passed. Raises UsageError (the
    name), ExportError (the model, or files that do not match it) or OutputError (the folder); then, as
    on an interrupt, nothing is left behind.
    """
    if not re.fullmatch(r"[\w.+ -]+", name) or name.startswith("."):
        raise UsageError(f"the model name {name!r} cannot be used as a file name")
    twin = exportable(model)
    facts = metadata.describe(model, name, trained, description)
    target = Path(directory)
    try:
        target.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target))
    except OSError as error:
        raise OutputError(f"cannot write into {target}: {error.strerror}") from error
    try:
        files = [workshop / f"{name}.onnx", workshop / f"{name}.ort"]
        writer.write_onnx(twin, segment_frames(model), facts, files[0], static_batch=static_batch)
        writer.write_ort(*files)
        writer.store_half(files[0])
        rows = verify.verify(evaluation_view(model), files, facts)
        _require_passed(rows)
        for file in files:
            file.replace(target / file.name)
    except OSError as error:
        raise OutputError(f"cannot write into {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return Report(target / files[0].name, target / files[1].name, facts, rows)


def _require_passed(rows: list[verify.Row]) -> None:
    failed = [row for row in rows if not row.passed]
    if failed:
        worst = min(failed, key=lambda row: row.snr_db)
        raise ExportError(
            f"{len(failed)} of {len(rows)} comparisons with PyTorch failed, no file was kept; "
            f"worst: stem {worst.stem} of {worst.signal} in {worst.file}, "
            f"max-abs {worst.max_abs:.1e} at a peak of {worst.peak:.1e}, SNR {worst.snr_db:.1f} dB\n"
            f"{verify.table(rows)}"
        )
