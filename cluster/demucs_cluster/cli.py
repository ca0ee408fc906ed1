"""The command `demucs-cluster`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import EXIT_SOME_SONGS, JobError, reason
from .settings import Resources, Settings

_EPILOG = """\
exit codes: 0 all songs are done, 2 wrong usage, 3 the model, 4 the source, 5 the target, 6 Ray,
7 some songs failed (the manifest and `demucs-cluster report` tell which), 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (`--help` lists them)."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except JobError as error:
        return _fail(error.sentence, error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; the same command goes on from here", 130)


def _fail(sentence: str, code: int) -> int:
    print(f"demucs-cluster: {sentence}", file=sys.stderr)
    return code


def _separate(options: argparse.Namespace) -> int:
    from . import job

    words = {name: getattr(options, name) for name in Settings.__dataclass_fields__ if hasattr(options, name)}
    settings = Settings(**{name: value for name, value in words.items() if value is not None})
    resources = Resources(options.cpus, options.gpus, options.songs, options.actors)
    summary = job.separate(
        options.source,
        options.target,
        options.model,
        settings,
        resources,
        column=options.column,
        address=options.address,
        force=options.force,
        progress=job.say,
    )
    print(
        f"\n{summary.done} songs separated, {summary.skipped} were done already, {summary.failed} failed; "
        f"{summary.audio_seconds / 3600:.2f} hours of audio in {summary.wall_seconds / 3600:.2f} hours",
        file=sys.stderr,
    )
    for uri, sentence in summary.failures:
        print(f"  {sentence}" if uri in sentence else f"  {uri}: {sentence}", file=sys.stderr)
    return EXIT_SOME_SONGS if summary.failed else 0


def _report(options: argparse.Namespace) -> int:
    from . import report

    told = report.read(options.target)
    print(report.text(told))
    if options.plot is not None:
        try:
            report.plot(told, options.plot)
        except (OSError, ValueError) as error:
            return _fail(f"cannot write '{options.plot}': {reason(error)}", 5)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demucs-cluster",
        description="Separate a library of music on a Ray cluster, or on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_separate(commands)
    report = commands.add_parser("report", help="say what is done, what failed and how fast it went")
    report.add_argument("target", help="the TARGET of demucs-cluster separate")
    report.add_argument("--plot", type=Path, metavar="FILE", help="also draw it into this PNG or SVG file")
    report.set_defaults(run=_report)
    return parser


def _add_separate(commands: Any) -> None:
    command = commands.add_parser("separate", help="separate all songs of SOURCE into TARGET; what is done is skipped")
    add = command.add_argument
    add("source", help="a folder, a pattern or a list of URIs (.txt, .m3u, .csv, .parquet); local, s3://, gs://, ...")
    add("target", help="the folder to write to; local, shared by all nodes, or s3://, gs://, ...")
    add("-m", "--model", required=True, metavar="FILE", help="the model: .onnx, .ort, or .json of a bag")
    add("--column", default="uri", help="the column of a .csv or .parquet file that has the URIs (default: uri)")
    add("--address", help="of a Ray cluster, such as auto; default: Ray is started on this machine")
    add("--force", action="store_true", help="separate all songs again, also those that are done")
    add("--cpus", type=_count, default=0, help="CPUs and threads of an actor (default: 4, fewer on smaller nodes)")
    add("--gpus", type=float, default=0.0, help="GPUs of an actor (default: 1 with the provider cuda, else 0)")
    add("--songs", type=_count, default=2, help="songs that an actor works on at a time (default: 2)")
    add("--actors", type=_count, default=0, help="actors at most (default: as many as the nodes have room for)")
    _add_settings(command)
    command.set_defaults(run=_separate)


def _add_settings(command: argparse.ArgumentParser) -> None:
    """What demucs_ort_cli calls the same."""
    group = command.add_argument_group("as of demucs_ort_cli (docs/files.md)")
    add = group.add_argument
    for name in ("format", "codec", "bit-depth", "clip-mode", "filename", "two-stems", "residual-to", "other-method"):
        add(f"--{name}")
    for name in ("bitrate", "sample-rate", "shifts", "seed"):
        add(f"--{name}", type=int)
    add("--overlap", type=float)
    add("--stems", type=lambda text: text.split(","), metavar="A,B,...")
    add("--preserve-mix", action="store_true", default=None)
    add("--provider")
    for name, key in _PAIRS.items():
        add(f"--{name}", dest=key, action=_Pair, metavar="NAME=VALUE")


_PAIRS = {
    "provider-option": "provider_options",
    "stem-name": "stem_names",
    "stem-color": "stem_colors",
    "fold": "fold",
}


class _Pair(argparse.Action):
    """An option that may be repeated, each time with NAME=VALUE."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Any = None) -> None:
        name, sign, value = str(values).partition("=")
        if not sign:
            parser.error(f"argument {option}: {values!r} has no '='")
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), name: value})


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1024")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
