"""Makes the files that this folder ships from what makes them: the .onnx from the weights, the song from its seed; and
the music by which the exporter calibrates.

    .venv/bin/python demo_model/remake.py [model] [song] [calibration]

Run by `make demo-model`. Its tests are in tests/python/test_demo_model.py.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from demucs_export import Report, checkpoint, export
from demucs_export.calibration import SEGMENTS, SHIPPED
from demucs_songs import HELD_OUT, RATE, synthesise
from numpy.typing import NDArray

HERE = Path(__file__).parent
NAME = "htdemucs_demo"
DESCRIPTION = "demo model, trained on synthesised songs only: for trying and testing, not for real music"
WEIGHTS = HERE / f"{NAME}.safetensors"
SONG, SECONDS = HERE / "song", 20.0
CALIBRATION_SECONDS = 8.0
# Vorbis: 0 is the best, 1 the smallest. The mixture is what gets separated, so it gets the bits.
_STEM_COMPRESSION, _MIXTURE_COMPRESSION = 0.7, 0.2


def make_model(folder: Path) -> Report:
    """The files that demucs-export makes of the weights, compared with PyTorch."""
    return export(checkpoint(WEIGHTS), folder, name=NAME, trained=True, description=DESCRIPTION)


def make_song(folder: Path) -> None:
    """The first song kept for measuring. The mixture is the sum of the stems as they sound compressed."""
    folder.mkdir(exist_ok=True)
    stems = synthesise(HELD_OUT, SECONDS).stems
    heard = [_write(folder / f"{name}.ogg", stem, _STEM_COMPRESSION) for name, stem in stems.items()]
    _write(folder / "mixture.ogg", np.sum(heard, axis=0, dtype=np.float32), _MIXTURE_COMPRESSION)


def make_calibration(file: Path) -> None:
    """Eight seconds each from the middle of songs that the demo model was trained on."""
    songs = [synthesise(seed, 3 * CALIBRATION_SECONDS).mix for seed in range(SEGMENTS)]
    length = round(CALIBRATION_SECONDS * RATE)
    _write(file, np.concatenate([song[:, length : 2 * length] for song in songs], axis=1), _STEM_COMPRESSION)


def _write(file: Path, sound: NDArray[np.float32], compression: float) -> NDArray[np.float32]:
    """Returns how it sounds in the file."""
    options = {"samplerate": RATE, "channels": len(sound), "subtype": "VORBIS", "compression_level": compression}
    with soundfile.SoundFile(file, "w", **options) as opened:
        for second in range(0, sound.shape[1], RATE):  # libsndfile's Vorbis crashes on much more at a time
            opened.write(sound.T[second : second + RATE])
    decoded, _ = soundfile.read(file, dtype="float32")
    return np.ascontiguousarray(decoded.T, np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["model", "song", "calibration", []], help="default: all")
    what = parser.parse_args().what or ["model", "song", "calibration"]
    if "model" in what:
        with tempfile.TemporaryDirectory(dir=HERE) as folder:
            report = make_model(Path(folder))
            print(report)
            shutil.move(report.onnx, HERE / report.onnx.name)
    if "song" in what:
        make_song(SONG)
    if "calibration" in what:
        make_calibration(SHIPPED)
    for file in (HERE / f"{NAME}.onnx", *sorted(SONG.iterdir()), SHIPPED):
        print(f"{file}  {file.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
