"""Songs as folders in the layout of MUSDB18-HQ: `NAME/{mixture,drums,bass,other,vocals}.wav`."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from .instruments import RATE
from .song import Palette, Song, synthesise


def name_of(seed: int, palette: Palette) -> str:
    return f"{palette}_{seed:07d}"


def write(song: Song, folder: Path) -> None:
    """Writes 16-bit files that sum to the mixture to the bit; the folder appears when all are there.

    It replaces one of the same name.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        stems = {stem: np.rint(sound * 32767).astype(np.int32) for stem, sound in song.stems.items()}
        for name, samples in {**stems, "mixture": np.sum(list(stems.values()), axis=0)}.items():
            soundfile.write(aside / f"{name}.wav", samples.T.astype(np.int16), RATE, subtype="PCM_16")
        aside.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def ensure(seed: int, seconds: float, palette: Palette, root: Path) -> Path:
    """The folder of this song under `root`, synthesised unless it is there with that length."""
    folder = root / name_of(seed, palette)
    mixture = folder / "mixture.wav"
    if not mixture.exists() or soundfile.info(mixture).frames != round(seconds * RATE):
        write(synthesise(seed, seconds, palette), folder)
    return folder
