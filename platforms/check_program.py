"""Checks the program of another system, run by an emulator, against the one that `make build` built here.

Both separate the same song with the demo model; then come names, formats, errors and, on Windows, what only happens
there. Prints what was checked, a line each.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
HERE = ROOT / "build/release/demucs_ort_cli"
SONG = ROOT / "demo_model/song/mixture.ogg"
STEMS = ("bass", "drums", "other", "vocals")
LEAST_SNR = 100  # dB; another processor's products are summed in another order
LEAST_SNR_OF_EIGHT_BITS = 50  # which now and then rounds to the next step; with KleidiAI's kernels it would be 35


class Program:
    """The program to be checked, behind the words that run it."""

    def __init__(self, words: list[str], helpers: Path | None) -> None:
        self.words = words
        self.helpers = helpers

    def run(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        command = [*self.words, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, errors="replace")

    def separate(self, *arguments: object) -> None:
        done = self.run("-q", *arguments)
        assert done.returncode == 0, f"{shlex.join(map(str, arguments))}: {done.stderr}"


def cut_song(folder: Path, seconds: float = 9) -> Path:
    """The start of the demo song: two segments and a half."""
    sound, rate = soundfile.read(SONG, dtype="float32", frames=int(seconds * 44_100))
    soundfile.write(folder / "song.wav", sound, rate, subtype="FLOAT")
    return folder / "song.wav"


def stems_of(folder: Path) -> dict[str, np.ndarray]:
    found = {file.stem: soundfile.read(file, dtype="float32")[0] for file in sorted(folder.glob("*.wav"))}
    assert tuple(found) == STEMS, f"{folder} has {', '.join(found)}"
    return found


def least_snr(expected: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> float:
    """Of the stems, in dB."""
    ratios = [np.square(expected[n]).sum() / max(np.square(found[n] - expected[n]).sum(), 1e-30) for n in STEMS]
    return 10 * float(np.log10(min(ratios)))


def check_parity(program: Program, folder: Path, song: Path) -> str:
    subprocess.run([HERE, "-q", song, folder / "here"], check=True)
    program.separate(song, folder / "there")
    expected, found = stems_of(folder / "here"), stems_of(folder / "there")
    errors = {name: float(np.abs(found[name] - expected[name]).max()) for name in STEMS}
    least = least_snr(expected, found)
    assert least >= LEAST_SNR, f"stems differ: {least:.0f} dB"
    if max(errors.values()) == 0:
        return "stems equal to those of Linux x86-64 to the bit"
    return f"stems as on Linux x86-64 to {least:.0f} dB, largest difference {max(errors.values()):.1e}"


def check_eight_bits(program: Program, folder: Path, song: Path) -> str:
    """A small seeded model in 8 bits, whose integer products are the same on every processor."""
    (folder / "small.json").write_text('{"channels": 16, "bottom_channels": 256, "t_layers": 2, "segment": 2}')
    options = ["--untrained", "0", "--config", str(folder / "small.json"), "--precision", "int8", "--name", "small"]
    command = [sys.executable, "-m", "demucs_export", *options, "-o", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([HERE, "-q", "-m", folder / "small.onnx", song, folder / "here"], check=True)
    program.separate("-m", folder / "small.onnx", song, folder / "there")
    least = least_snr(stems_of(folder / "here"), stems_of(folder / "there"))
    assert least > LEAST_SNR_OF_EIGHT_BITS, f"stems in 8 bits differ: {least:.0f} dB"
    return f"a model in 8 bits as there to {least:.0f} dB"


def check_names(program: Program, folder: Path, song: Path) -> str:
    """Letters of several alphabets, and a song's path longer than the 260 letters of old Windows programs."""
    place = folder / "Ünï 日本 Ж"
    far = place / ("long " + "o" * 90) / ("long " + "p" * 90) / ("long " + "q" * 90)
    far.mkdir(parents=True)
    named = far / "söng 音.wav"
    named.write_bytes(song.read_bytes())
    model = place / "mödel 模.onnx"
    model.write_bytes((ROOT / "demo_model/htdemucs_demo.onnx").read_bytes())
    program.separate("-m", model, named, place / "stéms", "--json", place / "fäcts.json")
    stems_of(place / "stéms")
    facts = json.loads((place / "fäcts.json").read_text(encoding="utf-8"))
    assert facts["model_file"].endswith("mödel 模.onnx"), facts["model_file"]
    playlist = folder / "old.m3u"
    (folder / "Bölzli.wav").write_bytes(song.read_bytes())
    playlist.write_bytes("Bölzli.wav\n".encode("latin-1"))
    program.separate(playlist, folder / "listed")
    stems_of(folder / "listed" / "Bölzli")
    return f"names in three alphabets, {len(str(named))} letters long; a playlist in Latin-1"


def check_formats(program: Program, folder: Path, song: Path) -> str:
    """Written by the FFmpeg of that system, and read back by the one here."""
    formats = ("flac", "mp3", "m4a", "ogg", "stem.mp4")
    for name in formats:
        program.separate(song, folder / name, "--format", name, "--sample-rate", 48_000)
        files = sorted(folder.joinpath(name).rglob(f"*.{name}"))
        assert len(files) == (1 if name == "stem.mp4" else 4), f"{name}: {files}"
        streams = range(5) if name == "stem.mp4" else range(1)
        for file in files:
            for stream in streams:
                command = ["ffmpeg", "-v", "error", "-i", str(file), "-map", f"0:a:{stream}", "-f", "f32le", "-"]
                sound = subprocess.run(command, check=True, capture_output=True).stdout
                assert abs(len(sound) / 8 / 48_000 - 9) < 0.1, f"{file.name}: {len(sound) / 8} frames"
    return f"{', '.join(formats)} at 48 kHz"


def check_resuming(program: Program, folder: Path, song: Path) -> str:
    music = folder / "music"
    for name in ("a/one.wav", "b/two.wav"):
        (music / name).parent.mkdir(parents=True)
        (music / name).write_bytes(song.read_bytes())
    for _ in range(2):
        done = program.run("--recursive", music, folder / "library", "--json", folder / "library.json")
        assert done.returncode == 0, done.stderr
    tracks = json.loads((folder / "library.json").read_text(encoding="utf-8"))["tracks"]
    assert [track["skipped"] for track in tracks] == [True, True], tracks
    return "a library that is finished is not separated again"


def check_errors(program: Program, folder: Path, song: Path) -> str:
    """The same exit codes as here, one sentence, and nothing left behind."""
    (folder / "noise.mp3").write_bytes(bytes(range(256)) * 40)
    (folder / "file").write_bytes(b"")
    calls: tuple[tuple[object, ...], ...] = (
        (),
        ("--nothing",),
        (folder / "nowhere.wav", folder / "out"),
        (folder / "noise.mp3", folder / "out"),
        (song, folder / "file" / "out"),
        ("-m", folder / "noise.mp3", song, folder / "out"),
        ("--provider", "cuda", song, folder / "out"),
    )
    for call in calls:
        here = subprocess.run([str(HERE), *map(str, call)], capture_output=True, text=True)
        there = program.run(*call)
        assert there.returncode == here.returncode != 0, f"{call}: {there.returncode}, {there.stderr}"
        assert "demucs_ort_cli: " in there.stderr, there.stderr
        assert not (folder / "out").exists(), f"{call} left a folder"
    return f"{len(calls)} errors with the exit codes of Linux"


def check_held_file(program: Program, folder: Path, song: Path) -> str:
    """A stem that a player holds open: the old stems stay, all of them. The next run removes what it had to leave."""
    assert program.helpers is not None
    out = folder / "held"
    program.separate(song, out)
    before = {file.name: file.read_bytes() for file in out.glob("*.wav")}
    holder = subprocess.Popen(
        [*program.words[:-1], program.helpers / "hold_open.exe", out / "other.wav"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin and holder.stdout and b"held" in holder.stdout.readline()
    done = program.run("-q", "--force", "--two-stems", "other", song, out)
    assert done.returncode != 0 and "other.wav" in done.stderr, f"{done.returncode}: {done.stderr}"
    assert {file.name: file.read_bytes() for file in out.glob("*.wav")} == before, "the old stems were touched"
    holder.stdin.close()
    assert holder.wait(30) == 0
    program.separate("--force", "--shifts", 1, song, out)
    assert {file.name for file in out.iterdir()} == set(before), "something was left behind"
    assert (out / "other.wav").read_bytes() != before["other.wav"]
    return "a file held open by another program keeps all old stems, and a sentence says so"


def check_long_output(program: Program, folder: Path, song: Path) -> str:
    """This compiler's library cannot work there, so that it is refused."""
    out = folder / ("long " + "o" * 90) / ("long " + "p" * 90) / "out"
    done = program.run("-q", song, out)
    assert done.returncode == 5 and "too long" in done.stderr, f"{done.returncode}: {done.stderr}"
    assert not out.exists() or not list(out.iterdir()), f"left behind: {list(out.iterdir())}"
    return "an output folder with too long a path is refused"


def check_interrupt(program: Program, folder: Path, song: Path) -> str:
    """Ctrl-C needs a console, which Wine makes of a terminal."""
    assert program.helpers is not None
    out = folder / "interrupted"
    separation = subprocess.list2cmdline([program.words[-1].replace("/", "\\"), song, out, "--shifts", "200"])
    line = shlex.join([*program.words[:-1], str(program.helpers / "console_events.exe"), "6000", separation])
    done = subprocess.run(["script", "-qec", line, "/dev/null"], capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 130, f"{done.returncode}: {done.stdout[-300:]!r}"
    assert not out.exists() or not list(out.iterdir()), f"left behind: {list(out.iterdir())}"
    return "Ctrl-C ends with 130 and leaves nothing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs=argparse.REMAINDER, help="the words that run the program")
    parser.add_argument("--windows", type=Path, metavar="DIR", help="where hold_open.exe and console_events.exe lie")
    parser.add_argument("--slow", action="store_true", help="an emulated processor: a short song, 8 bits, errors")
    options = parser.parse_args()
    program = Program(options.program, options.windows)
    checks: list[Callable[[Program, Path, Path], str]] = [
        check_parity,
        check_names,
        check_formats,
        check_resuming,
        check_errors,
    ]
    if options.slow:
        checks = [check_parity, check_eight_bits, check_errors]
    if options.windows:
        checks += [check_held_file, check_long_output, check_interrupt]
    with tempfile.TemporaryDirectory() as name:
        song = cut_song(Path(name), 4.5 if options.slow else 9)  # more than one segment
        for number, check in enumerate(checks):
            folder = Path(name) / str(number)
            folder.mkdir()
            try:
                print(check(program, folder, song), flush=True)
            except AssertionError as error:
                sys.exit(f"check_program: {check.__name__}: {error}")


if __name__ == "__main__":
    main()
