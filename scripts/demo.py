"""The main job once, on this machine: separate a song with demucs_ort_cli, say how it went.

Without --song: the one in demo_model/song, whose stems are known, so that the quality can be measured. Run by
`make demo`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import demucs_native
import matplotlib
import numpy as np
import soundfile
from numpy.typing import NDArray

matplotlib.use("Agg")
import matplotlib.pyplot as plt

Audio = NDArray[np.float32]
ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demo"
CLI = ROOT / "build/release/demucs_ort_cli"
KNOWN = ROOT / "demo_model/song"
STEMS = ("drums", "bass", "other", "vocals")
RATE = 44_100


def si_sdr(estimate: Audio, reference: Audio) -> float:
    """Scale-invariant signal-to-distortion ratio in dB, the channels taken as one signal (Le Roux et al. 2019)."""
    found, true = (sound.astype(np.float64).ravel() for sound in (estimate, reference))
    target = true * (found @ true) / (true @ true)
    return float(10 * np.log10((target @ target) / np.square(found - target).sum()))


def read(file: Path) -> Audio:
    samples, _ = soundfile.read(file, dtype="float32")
    return np.ascontiguousarray(samples.T, np.float32)


def separate(song: Path, out: Path, model: Path | None) -> dict[str, Any]:
    """The program's report; the stems lie in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    report = out / "report.json"
    choice = ["-m", str(model)] if model else []
    code = subprocess.run([str(CLI), *choice, str(song), str(out), "--json", str(report)], check=False).returncode
    if code != 0:
        sys.exit(code)
    facts: dict[str, Any] = json.loads(report.read_text())
    return facts


def draw(mix: Audio, truth: Mapping[str, Audio], estimates: Mapping[str, Audio], file: Path) -> None:
    """Spectrograms: the mix on top, then every stem as it is on the left and as separated on the right."""
    dither = np.random.default_rng(0).normal(0, 1e-7, (mix.shape[1],))  # silence has no logarithm
    figure, panels = plt.subplots(1 + len(estimates), 2, figsize=(13, 2.2 * (1 + len(estimates))), sharex=True)
    for name, row in zip(["mix", *estimates], panels, strict=True):
        pair = (mix, None) if name == "mix" else (truth[name], estimates[name])
        for sound, axes, kind in zip(pair, row, ("original", "separated"), strict=True):
            if sound is None:
                axes.axis("off")
                continue
            axes.specgram(
                sound.mean(0) + dither[: sound.shape[1]],
                NFFT=2048,
                Fs=RATE,
                noverlap=1024,
                vmin=-140,
                vmax=-50,
                cmap="magma",
            )
            axes.set_yscale("symlog", linthresh=500)
            axes.set_ylim(30, 18_000)
            axes.set_title(name if name == "mix" else f"{name}, {kind}", fontsize="medium")
            axes.set_ylabel("Hz")
    for axes in panels[-1]:
        axes.set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(file, dpi=80)
    plt.close(figure)


def print_quality(stems: list[Path]) -> None:
    """The SI-SDR of every stem against the known one, and the picture."""
    mix, truth = read(KNOWN / "mixture.ogg"), {stem: read(KNOWN / f"{stem}.ogg") for stem in STEMS}
    estimates = {file.stem: read(file) for file in stems if file.stem in truth}  # a model may have more stems
    print("Quality  SI-SDR against the known stems, and what the mix itself has, in dB (higher is better):")
    for name, estimate in estimates.items():
        before, after = si_sdr(mix, truth[name]), si_sdr(estimate, truth[name])
        print(f"           {name:7} {after:6.1f}   mix {before:6.1f}   gain {after - before:5.1f}")
    picture = DEMO / "spectrograms.png"
    draw(mix, truth, estimates, picture)
    print(f"Picture  {picture}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--song", type=Path, help="an audio file of your own (default: a synthesised one)")
    parser.add_argument("--model", type=Path, help="a model of your own (default: the demo model)")
    options = parser.parse_args()
    song = options.song.resolve() if options.song else KNOWN / "mixture.ogg"
    out = DEMO / "stems" / (song.stem if options.song else "song")
    facts = separate(song, out, options.model.resolve() if options.model else None)
    (track,) = facts["tracks"]
    model = facts["model"]
    print(f"\nProgram  {CLI}")
    print(f"Module   demucs_native {demucs_native.__version__} in {Path(demucs_native.__file__).parent}")
    print(f"Model    {facts['model_file']}" + (f"\n         {model['description']}" if model["description"] else ""))
    print(f"Song     {song}  ({track['audio_seconds']:.1f} s)")
    for stem in track["stems"]:
        print(f"Stem     {stem}")
    print(f"Speed    {track['run_seconds']:.1f} s, real-time factor {track['real_time_factor']:.2f} (time / audio)")
    print(f"Memory   {facts['peak_memory_bytes'] / 1e6:.0f} MB at its peak, load {facts['load_seconds']:.1f} s")
    if not model["trained"]:
        print("Quality  none: the weights of this model are untrained, so its stems are no separation.")
    elif not options.song:
        print_quality([Path(stem) for stem in track["stems"]])


if __name__ == "__main__":
    main()
