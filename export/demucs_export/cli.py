"""The command `demucs-export`."""

import argparse
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ExportError, UsageError

if TYPE_CHECKING:
    from .repository import Model

_EPILOG = """\
exit codes: 0 written and verified, 2 wrong usage, 3 no usable weights, 4 export or verification
failed, 5 cannot write the files, 130 interrupted
"""
_UNTRAINED_NOTICE = "THIS MODEL IS UNTRAINED: it runs like the real one but does not separate anything."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (`--help` lists them)."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        _check(options)
        if options.list:
            _list()
        else:
            _run(options)
    except ModuleNotFoundError as error:
        return _fail(f"the package {error.name!r} is missing: pip install 'demucs-ort-export[cpu]'", 2)
    except ExportError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted, nothing was written", 130)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demucs-export",
        description="Write an HTDemucs model as NAME.onnx and NAME.ort, verified against PyTorch.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("model", nargs="?", help="htdemucs or another official model or signature, or hf://USER/NAME")
    add = source.add_argument
    add("--checkpoint", type=Path, metavar="FILE", help="a .th or .safetensors file of any HTDemucs")
    add("--untrained", type=int, metavar="SEED", help="the official architecture with seeded random weights, for tests")
    add("--list", action="store_true", help="say which official models there are, and stop")
    add = parser.add_argument
    add("--repo", type=Path, metavar="DIR", help="look for the model in this folder, as demucs --repo does")
    add("--config", type=Path, metavar="FILE.json", help="other hyper-parameters for --untrained")
    add("--name", help="name of the files and of the model in them")
    add(
        "--precision",
        choices=["fp32", "fp16", "fp32-gpu", "fp16-gpu", "int8"],
        default="fp32",
        help="exact (default), weights rounded to half precision, exact for GPUs, arithmetic in half precision for "
        "GPUs, or large layers in 8 bits",
    )
    add(
        "--calibrate",
        type=Path,
        metavar="DIR",
        help="with --precision int8: songs by which it is decided what is rounded; default: six synthesised ones",
    )
    add(
        "--segment",
        type=_seconds,
        metavar="SECONDS",
        help="what one run hears; default and maximum: the length of its training",
    )
    add("--verify", type=Path, metavar="FILE", help="write nothing; compare this earlier export with PyTorch")
    add(
        "--plain-weights",
        action="store_true",
        help="weights as tools that quantise or convert models expect them; larger",
    )
    add("--static-batch", action="store_true", help="a fixed batch of 1, for tools that need fixed shapes")
    add("-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder to write to (default: .)")
    return parser


def _seconds(text: str) -> Fraction:
    try:
        seconds = Fraction(text)  # exact, where 3.9 in binary is a frame short
        float(seconds)
        return seconds
    except (ValueError, OverflowError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds like 3.9") from None


def _check(options: argparse.Namespace) -> None:
    if options.verify is not None and (options.segment is not None or options.precision != "fp32"):
        raise UsageError("--verify takes segment and precision from the file: leave out --segment and --precision")
    if options.calibrate is not None and options.precision != "int8":
        raise UsageError("--calibrate goes with --precision int8: nothing else depends on music")
    if options.repo is not None and options.model is None:
        raise UsageError("--repo is for the name of a model in that folder, which is missing")
    if options.config is not None and options.untrained is None:
        raise UsageError("--config goes with --untrained: trained weights bring their own parameters")


def _list() -> None:
    from . import repository

    for name, note in repository.available().items():
        print(f"{name:24} {note}")


def _run(options: argparse.Namespace) -> None:
    from demucs.apply import BagOfModels

    from . import verify
    from .api import BagReport, Report, check, export, export_bag

    start = time.monotonic()
    model, name = _model(options)
    if options.verify is not None:
        print(verify.table(check(model, options.verify)))
        return
    trained = options.untrained is None
    if not trained:
        print(_UNTRAINED_NOTICE, file=sys.stderr)
    how = {
        "name": options.name or name + _suffix(options),
        "trained": trained,
        "static_batch": options.static_batch,
        "precision": options.precision,
        "segment": options.segment,
        "plain_weights": options.plain_weights,
        "music": options.calibrate,
    }
    report: BagReport | Report
    if isinstance(model, BagOfModels):
        report = export_bag(model, options.output, **how)
    else:
        report = export(model, options.output, **how)
    print(report)
    for file in report.files:
        print(f"{file}  {file.stat().st_size / 1e6:.1f} MB")
    print(f"verified against PyTorch in {time.monotonic() - start:.0f} s in all")


def _suffix(options: argparse.Namespace) -> str:
    """What tells the files of these options from those of the defaults."""
    length = f"_{float(options.segment):g}s" if options.segment is not None else ""
    precision = "" if options.precision == "fp32" else f"_{options.precision}"
    return length + precision + ("_plain" if options.plain_weights else "")


def _model(options: argparse.Namespace) -> "tuple[Model, str]":
    """The asked model and its default name."""
    from . import repository, seeded, weights

    if options.checkpoint is not None:
        return weights.checkpoint(options.checkpoint), options.checkpoint.stem
    if options.untrained is not None:
        config = seeded.read_config(options.config) if options.config else None
        return seeded.untrained(options.untrained, config), "htdemucs_untrained"
    if options.repo is None:
        print(f"loading {options.model}, which demucs may have to download first", file=sys.stderr)
    return repository.named(options.model, options.repo), options.model.rpartition("/")[2]


def _fail(message: str, code: int) -> int:
    print(f"demucs-export: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
