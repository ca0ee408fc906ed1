"""Stems of demucs_native for the tests in the browser. Usage: make_references.py MODEL OUTPUT NAME=FRAMES[@OVERLAP]...

Writes the first FRAMES of the demo song (0: all of it) as NAME.mix.f32 [channel][frame], and what the C++ core makes of
them as NAME.stems.f32 [stem][channel][frame]: float32, little-endian.
"""

import sys
from pathlib import Path

import demucs_native
import numpy as np
import soundfile

SONG = Path(__file__).parents[2] / "demo_model/song/mixture.ogg"


def main() -> None:
    model = demucs_native.Model(Path(sys.argv[1]))
    output = Path(sys.argv[2])
    output.mkdir(parents=True, exist_ok=True)
    song = soundfile.read(SONG, dtype="float32", always_2d=True)[0].T
    for argument in sys.argv[3:]:
        name, spacing = argument.split("=")
        frames, _, overlap = spacing.partition("@")
        mix = np.ascontiguousarray(song[:, : int(frames) or None])
        stems = model.separate(mix, overlap=float(overlap or 0.25))
        mix.tofile(output / f"{name}.mix.f32")
        np.stack([stems[stem] for stem in model.sources]).tofile(output / f"{name}.stems.f32")


if __name__ == "__main__":
    main()
