"""Synthesised songs: reproducible, complete, in order, and usable by a program that knows MUSDB18-HQ."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from demucs_songs import RATE, STEMS, Palette, synthesise
from demucs_songs.cli import main as songs_main
from demucs_songs.files import ensure, write
from support import ROOT

SECONDS = 6.0


@pytest.mark.parametrize("palette", ["studio", "foreign"])
def test_the_same_seed_gives_the_same_song_whatever_came_before(palette: Palette) -> None:
    first = synthesise(11, SECONDS, palette)
    other = synthesise(12, SECONDS, palette)
    again = synthesise(11, SECONDS, palette)
    for stem in STEMS:
        np.testing.assert_array_equal(first.stems[stem], again.stems[stem])
    assert not np.array_equal(first.mix, other.mix)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_stems_sum_to_a_mix_that_does_not_clip(seed: int) -> None:
    song = synthesise(seed, SECONDS)
    assert list(song.stems) == list(STEMS)
    for sound in song.stems.values():
        assert sound.shape == (2, round(SECONDS * RATE))
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
    peak = np.abs(song.mix).max()
    assert 0.3 < peak < 0.95
    np.testing.assert_array_equal(song.mix, np.sum(list(song.stems.values()), axis=0, dtype=np.float32))


def test_palettes_share_no_sound() -> None:
    """The foreign palette measures what the model does on sounds it never heard, so it must differ at every seed."""
    studio, foreign = synthesise(21, SECONDS), synthesise(21, SECONDS, "foreign")
    for stem in STEMS:
        assert np.abs(studio.stems[stem] - foreign.stems[stem]).max() > 0.01


def test_every_stem_sounds_and_songs_differ_in_tempo_and_level() -> None:
    songs = [synthesise(seed, SECONDS) for seed in range(30, 36)]
    for stem in STEMS:
        levels = [float(np.sqrt(np.mean(np.square(song.stems[stem])))) for song in songs]
        assert sum(level > 1e-3 for level in levels) >= 5
        assert max(levels) > 1.2 * min(levels)
    assert len({round(song.tempo) for song in songs}) == len(songs)


def test_files_sum_to_the_mixture_to_the_bit(tmp_path: Path) -> None:
    folder = ensure(7, SECONDS, "studio", tmp_path)
    stems = [soundfile.read(folder / f"{stem}.wav", dtype="int16")[0].astype(int) for stem in STEMS]
    mixture, rate = soundfile.read(folder / "mixture.wav", dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(np.sum(stems, axis=0), mixture)
    before = (folder / "mixture.wav").stat().st_mtime_ns
    assert ensure(7, SECONDS, "studio", tmp_path) == folder
    assert (folder / "mixture.wav").stat().st_mtime_ns == before  # kept, not made again
    assert ensure(7, SECONDS + 1, "studio", tmp_path) == folder
    assert {soundfile.info(file).frames for file in folder.glob("*.wav")} == {round((SECONDS + 1) * RATE)}


def test_a_failed_write_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    song = synthesise(7, 2.0)
    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(OSError, match="disk full"):
        write(song, tmp_path / "song")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_songs_of_a_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["demucs_songs", "40:42", "-o", str(tmp_path), "--seconds", "2", "--jobs", "1"])
    assert songs_main() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["studio_0000040", "studio_0000041"]
    mixture, _ = soundfile.read(tmp_path / "studio_0000040/mixture.wav", dtype="float32")
    expected = synthesise(40, 2.0).mix.T
    np.testing.assert_allclose(mixture * 32768 / 32767, expected, atol=3 / 32767)


@pytest.mark.parametrize("seeds", ["x", "5:5", "-3", "3:1"])
def test_the_command_refuses_what_is_no_range(
    seeds: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["demucs_songs", "-o", str(tmp_path), "--", seeds])
    with pytest.raises(SystemExit) as stopped:
        songs_main()
    assert stopped.value.code == 2
    assert "0:300" in capsys.readouterr().err


def test_a_song_does_not_depend_on_what_the_process_did_before(tmp_path: Path) -> None:
    code = """if True:
        import ctypes, sys, numpy
        from demucs_songs import synthesise
        if sys.argv[2] == "used":
            ctypes.CDLL(None).srand(99)
        numpy.save(sys.argv[1], synthesise(40, 2.0).mix)"""
    for name in ("fresh", "used"):
        subprocess.run([sys.executable, "-c", code, tmp_path / name, name], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "used.npy"), np.load(tmp_path / "fresh.npy"))


@pytest.mark.parametrize("package", ["demucs_bench", "demucs_songs", "demucs_training"])
def test_what_is_run_from_the_checkout_is_found_and_is_in_no_wheel(package: str, tmp_path: Path) -> None:
    command, environment = [sys.executable, "-m", package, "--help"], {**os.environ, "CI": "true"}
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert said.stdout.startswith(f"usage: python -m {package}"), said.stderr
    (wheel,) = (ROOT / "dist").glob("demucs_ort-*.whl")
    assert not any(name.startswith(package) for name in zipfile.ZipFile(wheel).namelist())
