"""The main job once, on this machine: separate a song with demucs_ort_cli, say how it went.

Without --song: a synthesised one that the demo model was not trained on, whose stems are known, so
that the quality can be measured. Run by `make demo`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from demucs_bench.scores import Audio, si_sdr
from demucs_bench.tracks import Track, read_wav
from demucs_songs import HELD_OUT, RATE
from demucs_songs.files import ensure

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demo"
CLI = ROOT / "build/release/demucs_ort_cli"
SECONDS = 24.0


def separate(song: Path, model: Path | None) -> dict[str, Any]:
    """The program's report; the stems lie in a folder named after the song."""
    out = DEMO / "stems" / (song.stem if song.stem != "mixture" else song.parent.name)
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


def print_quality(folder: Path, stems: list[Path]) -> None:
    """The SI-SDR of every stem against the known one, and the picture."""
    known = Track(folder.name, folder).read()
    mix, truth = known.mixture, known.stems
    estimates = {file.stem: read_wav(file) for file in stems if file.stem in truth}  # a model may have more stems
    print("Quality  SI-SDR against the known stems, and what the mix itself has, in dB (higher is better):")
    for name, estimate in estimates.items():
        before, after = si_sdr(mix, truth[name]), si_sdr(estimate, truth[name])
        if before is None or after is None:
            print(f"           {name:7}  silent in this song")
        else:
            print(f"           {name:7} {after:6.1f}   mix {before:6.1f}   gain {after - before:5.1f}")
    picture = DEMO / "spectrograms.png"
    draw(mix, truth, estimates, picture)
    print(f"Picture  {picture}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--song", type=Path, help="an audio file of your own (default: a synthesised one)")
    parser.add_argument("--model", type=Path, help="a model of your own (default: the demo model)")
    options = parser.parse_args()
    known = None if options.song else ensure(HELD_OUT, SECONDS, "studio", DEMO / "songs")
    song = known / "mixture.wav" if known else options.song.resolve()
    facts = separate(song, options.model.resolve() if options.model else None)
    (track,) = facts["tracks"]
    model = facts["model"]
    print(f"\nSong     {song}  ({track['audio_seconds']:.1f} s)")
    print(f"Model    {model['name']}" + (f": {model['description']}" if model["description"] else ""))
    for stem in track["stems"]:
        print(f"Stem     {stem}")
    print(f"Speed    {track['run_seconds']:.1f} s, real-time factor {track['real_time_factor']:.2f} (time / audio)")
    print(f"Memory   {facts['peak_memory_bytes'] / 1e6:.0f} MB at its peak, load {facts['load_seconds']:.1f} s")
    if not model["trained"]:
        print("Quality  none: the weights of this model are untrained, so its stems are no separation.")
    elif known:
        print_quality(known, [Path(stem) for stem in track["stems"]])


if __name__ == "__main__":
    main()
