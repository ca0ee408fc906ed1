"""The main job once, on this machine: export a model, separate a song with demucs_ort_cli, say how it went.

Finished steps are not repeated. Run by `make demo`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "models"
DEMO = ROOT / "demo"
CLI = ROOT / "build/release/demucs_ort_cli"
RATE = 44_100
WEIGHTS_UNAVAILABLE = 3  # exit code of demucs-export


def export(*arguments: str) -> int:
    command = [str(Path(sys.executable).parent / "demucs-export"), *arguments, "-o", str(MODELS)]
    return subprocess.run(command, check=False).returncode


def find_or_export_model() -> Path:
    """The official model if its weights can be had; else the same architecture with untrained weights."""
    official, untrained = MODELS / "htdemucs.onnx", MODELS / "htdemucs_untrained.onnx"
    for model in (official, untrained):
        if model.exists():
            return model
    print("Exporting htdemucs with the official weights", flush=True)
    code = export("htdemucs")
    if code == 0:
        return official
    if code != WEIGHTS_UNAVAILABLE:
        sys.exit(code)
    print(
        "\nGoing on with UNTRAINED weights: same size, same speed, but the stems are no separation.",
        flush=True,
    )
    code = export("--untrained", "0", "--name", untrained.stem)
    if code != 0:
        sys.exit(code)
    return untrained


def synthesise_song(seconds: int = 20, tempo: float = 112.0) -> NDArray[np.float64]:
    """A small arrangement (2, frames): drums, bass, chords and a lead with vibrato, seeded."""
    random = np.random.default_rng(2026)
    time = np.arange(seconds * RATE) / RATE
    beat = time * tempo / 60
    roots = np.array([45, 41, 48, 43])[(beat // 4).astype(int) % 4]

    def pitch(note: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sin(2 * np.pi * np.cumsum(440 * 2 ** ((note - 69) / 12)) / RATE)

    kick = np.sin(80 * np.exp(-(beat % 1) * 12)) * np.exp(-(beat % 1) * 9)
    snare = random.standard_normal(time.size) * np.exp(-((beat + 1) % 2) * 14)
    hat = random.standard_normal(time.size) * np.exp(-(beat * 2 % 1) * 25)
    bass = np.tanh(3 * pitch(roots - 12.0)) * np.exp(-(beat * 2 % 1) * 2)
    chords = sum(pitch(roots + interval) for interval in (12.0, 16.0, 19.0)) * (0.7 + 0.3 * np.cos(np.pi * beat))
    melody = roots + np.array([24, 28, 31, 28, 26, 24, 31, 33])[(beat * 2).astype(int) % 8]
    lead = np.tanh(2 * pitch(melody + 0.3 * np.sin(2 * np.pi * 5.5 * time))) * ((beat // 8) % 2)
    left = 0.5 * kick + 0.15 * snare + 0.05 * hat + 0.3 * bass + 0.06 * chords + 0.10 * lead
    right = 0.5 * kick + 0.15 * snare + 0.10 * hat + 0.3 * bass + 0.10 * chords + 0.09 * lead
    mix = np.stack([left, right])
    return np.asarray(0.8 * mix / np.abs(mix).max())


def find_or_make_song() -> Path:
    song = DEMO / "song.wav"
    if not song.exists():
        DEMO.mkdir(exist_ok=True)
        soundfile.write(song, synthesise_song().T, RATE, subtype="PCM_16")
    return song


def separate(model: Path, song: Path) -> Path:
    """Separates unless the report of the same work, newer than all it was made of, is there."""
    out = DEMO / "stems" / song.stem
    report = out / "report.json"
    sources = (model, song, CLI)
    if report.exists() and all(report.stat().st_mtime > source.stat().st_mtime for source in sources):
        facts = json.loads(report.read_text())
        if facts["model_file"] == str(model) and facts["tracks"][0]["input"] == str(song):
            return report
    out.mkdir(parents=True, exist_ok=True)
    code = subprocess.run([CLI, "-m", model, song, out, "--json", report], check=False).returncode
    if code != 0:
        sys.exit(code)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--song", type=Path, help="an audio file of your own (default: a synthesised one)")
    arguments = parser.parse_args()
    model = find_or_export_model()
    song = arguments.song.resolve() if arguments.song else find_or_make_song()
    facts = json.loads(separate(model, song).read_text())
    track = facts["tracks"][0]
    print(f"\nSong     {song}  ({track['audio_seconds']:.1f} s)")
    for stem in track["stems"]:
        print(f"Stem     {stem}")
    print(f"Speed    {track['run_seconds']:.1f} s, real-time factor {track['real_time_factor']:.2f} (time / audio)")
    print(f"Memory   {facts['peak_memory_bytes'] / 1e6:.0f} MB at its peak, load {facts['load_seconds']:.1f} s")
    if facts["model"]["trained"]:
        print("Quality  that of htdemucs: the file was checked against PyTorch when it was exported (SNR above 80 dB)")
    else:
        print("Quality  none: the official weights could not be downloaded, so these stems are not a separation.")
        print("         They equal what PyTorch computes from the same weights (checked at export, SNR above 80 dB).")
        print(f"         To try again, delete {model}.")


if __name__ == "__main__":
    main()
