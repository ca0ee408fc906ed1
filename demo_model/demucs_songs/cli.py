"""`python -m demucs_songs`: writes synthesised songs with their stems."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from .files import ensure
from .instruments import MissingInstrument


def seeds(text: str) -> range:
    """A seed, or FIRST:END with END left out."""
    first, _, end = text.partition(":")
    try:
        chosen = range(int(first), int(end) if end else int(first) + 1)
    except ValueError:
        chosen = range(0)
    if not chosen or chosen[0] < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no seed and no range like 0:300")
    return chosen


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m demucs_songs",
        description="Write synthesised songs as in MUSDB18-HQ: OUT/NAME/{mixture,drums,bass,other,vocals}.wav",
        epilog="Songs that are there already with that length are kept. The same seed gives the same song.",
    )
    parser.add_argument("seeds", type=seeds, help="a seed, or FIRST:END (END left out); 1000000 and up: for measuring")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the folder to write into")
    parser.add_argument("--seconds", type=float, default=24.0, help="length of every song (default 24)")
    parser.add_argument("--palette", choices=["studio", "foreign"], default="studio", help="which sound sources play")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    options = parser.parse_args()
    if options.seconds < 1 or options.jobs < 1:
        parser.error("--seconds and --jobs must be at least 1")
    try:
        with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
            work = [pool.submit(ensure, seed, options.seconds, options.palette, options.out) for seed in options.seeds]
            try:
                for done in tqdm(as_completed(work), total=len(work), unit="song", disable=None):
                    done.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    except (MissingInstrument, OSError) as error:
        print(f"demucs_songs: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
