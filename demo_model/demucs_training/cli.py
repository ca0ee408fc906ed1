"""`python -m demucs_training`: trains the demo model on synthesised songs, resumable."""

import argparse
import json
import sys
from fractions import Fraction
from pathlib import Path

import safetensors.torch
from demucs.htdemucs import HTDemucs
from demucs_export import WeightsError, checkpoint
from demucs_songs import HELD_OUT
from tqdm import tqdm

from .trainer import CHECKPOINT, CONFIG, Settings, Trainer


def training_songs(root: Path) -> list[Path]:
    """Song folders in a stable order; raises ValueError when one is kept for measuring."""
    songs = sorted(path.parent for path in root.glob("*/mixture.wav") if not path.parent.name.startswith("."))
    for song in songs:
        palette, _, seed = song.name.rpartition("_")
        if seed.isdecimal() and (int(seed) >= HELD_OUT or palette == "foreign"):
            raise ValueError(f"{song} is held out for measuring: train on seeds below {HELD_OUT} of the studio palette")
    return songs


def _fraction(value: Fraction) -> dict[str, object]:
    """How demucs writes fractions in JSON (`demucs.hf`)."""
    return {"_type": "fraction", "numerator": value.numerator, "denominator": value.denominator}


def write_weights(model: HTDemucs, path: Path) -> None:
    """The model as demucs stores one in safetensors, weights in half precision."""
    kwargs = json.dumps(CONFIG, default=_fraction)
    metadata = {"klass": f"{HTDemucs.__module__}.{HTDemucs.__qualname__}", "args": "[]", "kwargs": kwargs}
    state = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    aside = path.with_suffix(".part")
    safetensors.torch.save_file(state, aside, metadata)
    aside.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demucs_training", description=__doc__)
    parser.add_argument("songs", type=Path, help="a folder of songs, as written by demucs_songs")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the run: checkpoint, log, weights")
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--batch", type=int, default=Settings.batch)
    parser.add_argument("--crop", type=float, default=Settings.crop, help="seconds; doubled for the last third")
    parser.add_argument("--rate", type=float, default=Settings.rate, help="highest learning rate")
    parser.add_argument("--start-from", type=Path, metavar="FILE", help="a checkpoint of the same architecture")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has bfloat16 arithmetic")
    parser.add_argument("--save-every", type=int, default=100, metavar="STEPS")
    options = parser.parse_args()
    if min(options.steps, options.batch, options.save_every) < 1 or min(options.crop, options.rate) <= 0:
        parser.error("--steps, --batch and --save-every must be at least 1, --crop and --rate more than 0")
    settings = Settings(options.steps, options.batch, options.crop, options.rate, options.seed, options.bfloat16)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        start = checkpoint(options.start_from) if options.start_from else None
        trainer = Trainer(training_songs(options.songs), settings, start)
        with (options.out / "losses.tsv").open("a", buffering=1) as log, tqdm(total=settings.steps) as bar:

            def report(step: int, loss: float) -> None:
                log.write(f"{step}\t{loss:.4f}\n")
                bar.update(step + 1 - bar.n)
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

            trainer.run(options.out / CHECKPOINT, options.save_every, report)
        write_weights(trainer.averaged(), options.out / "htdemucs_demo.safetensors")
    except (ValueError, OSError, WeightsError) as error:
        print(f"demucs_training: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demucs_training: stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0
