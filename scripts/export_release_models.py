"""Exports the official models in all precisions, as for a release, with demucs-export, which verifies each.

Every file to load is then loaded with demucs_native. A failure does not stop the others; at the end comes a table, in
Markdown, and the exit code is 1 if anything failed.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import demucs_native
from make_release_index import files_to_load

MODELS = ("htdemucs", "htdemucs_ft", "htdemucs_6s")
PRECISIONS = ("fp32", "fp16", "fp32-gpu", "fp16-gpu", "int8")


def stand_in(text: str) -> tuple[str, str]:
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=FILE")
    return name, file


def export(name: str, precision: str, checkpoint: str | None, folder: Path) -> str:
    """Exports one model and loads it; what to say of it in the table. Raises RuntimeError."""
    full_name = name if precision == "fp32" else f"{name}_{precision}"
    source = [name] if checkpoint is None else ["--checkpoint", checkpoint, "--name", full_name]
    command = [sys.executable, "-m", "demucs_export", *source, "--precision", precision, "-o", str(folder)]
    print("==", *command[2:], flush=True)
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    sys.stderr.write(done.stderr)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"demucs-export ended with code {done.returncode}"]
        raise RuntimeError(said[-1].removeprefix("demucs-export: "))
    files = [folder / file for file in files_to_load(folder / f"{full_name}.json")]
    demucs_native.Model(files[0])
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder to write into")
    parser.add_argument("--models", nargs="+", default=MODELS, help="default: all")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS, help="default: all")
    parser.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        type=stand_in,
        metavar="NAME=FILE",
        help="export these weights under the name of a model: for trying this script without the official ones",
    )
    options = parser.parse_args()
    checkpoints = dict(options.checkpoint)
    rows, failed = [], False
    for name, precision in ((name, precision) for name in options.models for precision in options.precisions):
        start = time.monotonic()
        try:
            result = export(name, precision, checkpoints.get(name), options.output)
        except (RuntimeError, OSError) as error:  # demucs_native.Error is a RuntimeError
            result, failed = f"FAILED: {error}", True
        rows.append(f"| {name} | {precision} | {result} | {time.monotonic() - start:.0f} s |")
    print("\n| model | precision | result | time |\n|---|---|---|---:|", *rows, sep="\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
