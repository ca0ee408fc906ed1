"""The command `demucs-models`."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from demucs_native import _models
from demucs_native._errors import CacheError, DamagedFileError, FetchError

_EPILOG = """\
exit codes: 0 done, 2 wrong usage or no such model, 3 the network or the server, 4 a file that is not
the released one, 5 the cache folder cannot be used, 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (`--help` lists them)."""
    options = _parser().parse_args(argv)
    try:
        options.run(options)
    except FetchError as error:
        return _fail(str(error), error.exit_code)
    except OSError as error:
        return _fail(f"the cache cannot be used: {error}", CacheError.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted: the same command goes on from where it was", 130)
    return 0


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help=f"where models are kept (default: {_models.CACHE_VARIABLE}, else this user's cache folder)",
    )
    parser = argparse.ArgumentParser(
        prog="demucs-models",
        description="Download released models, verified, for demucs_ort_cli -m and demucs_native.Model.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="list|fetch|verify")
    command = commands.add_parser("list", parents=[shared], help="what was released, and what of it is in the cache")
    command.set_defaults(run=_list)
    command = commands.add_parser(
        "fetch", parents=[shared], help="put a model into the cache, and print the file to give to -m"
    )
    command.set_defaults(run=_fetch)
    command.add_argument("name", help="such as htdemucs")
    command.add_argument(
        "--precision", choices=["fp32", "fp16", "fp32-gpu", "fp16-gpu", "int8"], default="fp32", help="default: fp32"
    )
    command.add_argument("--offline", action="store_true", help="only look into the cache")
    command.add_argument(
        "--base-url",
        metavar="URL",
        help=f"where the files lie (default: {_models.URL_VARIABLE}, else this version's release)",
    )
    command = commands.add_parser("verify", parents=[shared], help="compare cached files with the released ones")
    command.set_defaults(run=_verify)
    command.add_argument("name", nargs="?", help="only this model, as it is called in `list`")
    return parser


def _list(options: argparse.Namespace) -> None:
    cache = _models.cache_folder(options.cache)
    models = _models.read_index().models.values()
    if not models:
        print(f"no models were released with this version: {_models.EXPORT_HINT}")
    for model in models:
        print(f"{model.name:24} {_megabytes(model.bytes)}  {_place(model, cache)}")
    print(f"{'cache':24} {_megabytes(_size(cache))}  {cache}")


def _place(model: _models.ReleasedModel, cache: Path) -> str:
    folder = model.folder(cache)
    there = [(folder / file.name).is_file() for file in model.files]
    return str(folder / model.load) if all(there) else "partly in the cache" if any(there) else ""


def _fetch(options: argparse.Namespace) -> None:
    bar = _Bar()
    try:
        file = _models.fetch(
            options.name,
            precision=options.precision,
            cache=options.cache,
            base_url=options.base_url,
            offline=options.offline,
            progress=bar.show,
        )
    finally:
        bar.clear()
    print(file)


def _verify(options: argparse.Namespace) -> None:
    cache = _models.cache_folder(options.cache)
    index = _models.read_index()
    if options.name is not None:
        models = [index.find(options.name)]
    else:
        models = [model for model in index.models.values() if model.folder(cache).exists()]
    faults = {model.name: _models.faults(model, cache) for model in models}
    for name, found in faults.items():
        print(f"{name:24} {', '.join(found) or 'as released'}")
    bad = [name for name, found in faults.items() if found]
    if bad:
        raise DamagedFileError(
            f"not as released: {', '.join(bad)}; `demucs-models fetch NAME` gets what is wrong again"
        )
    if not models:
        print(f"no released model is in the cache {cache}")


class _Bar:
    """A progress bar on standard error; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._next = 0.0

    def show(self, name: str, done: int, size: int) -> None:
        now = time.monotonic()
        if self._terminal and (now >= self._next or done == size):
            self._next = now + 0.1
            filled = 30 * done // max(size, 1)
            bar = "#" * filled + "." * (30 - filled)
            # "\033[K" clears what a longer line left.
            line = f"[{bar}] {name}, {done / 1e6:.1f} of {size / 1e6:.1f} MB"
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._next:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:8.1f} MB"


def _fail(message: str, code: int) -> int:
    print(f"demucs-models: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
