"""Songs as they are found: delays, damaged and enormous headers, films, covers, several streams.

The model's two stems are 0.75 and 0.25 of the mix, so their sum tells what the program heard and when.
"""

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from support import Cli, decode, music, write_wav
from test_cli_audio import ffmpeg, heard
from test_file_formats import cover, tagged_song
from test_stem_files import clicks, lag

RATE = 44_100


@pytest.mark.parametrize(
    ("ending", "options", "delay"),
    [
        ("mp3", ["-b:a", "320k"], 1105),  # LAME's, and the decoder's
        ("m4a", ["-b:a", "256k"], 1024),  # one packet of AAC
        ("opus", ["-b:a", "256k"], 0),
        ("ogg", ["-q:a", "9"], 0),
    ],
)
def test_the_encoder_delay_of_a_song_is_removed(
    cli: Cli, gains_model: Path, tmp_path: Path, ending: str, options: list[str], delay: int
) -> None:
    rate = 48_000 if ending == "opus" else RATE
    mix = clicks(2 * rate + 77, rate)
    song = tmp_path / f"song.{ending}"
    ffmpeg("-i", write_wav(tmp_path / "source.wav", mix, rate=rate), *options, song)
    if delay > 0:
        command = ["ffprobe", "-v", "error", "-show_entries", "packet_side_data=skip_samples", "-of", "csv", str(song)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert str(delay) in said.split("\n", 1)[0]
    got = heard(cli, gains_model, song, tmp_path / "out")
    assert lag(mix, got) == 0
    assert 0 <= got.shape[1] - mix.shape[1] < (1024 if ending == "m4a" else 1)


def test_an_mp3_with_a_broken_header(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    """The first frame, which holds LAME's tag, is destroyed, and rubbish lies before it and in the middle."""
    song = tmp_path / "song.mp3"
    ffmpeg("-i", write_wav(tmp_path / "source.wav", music(200_000) * 0.5), "-b:a", "128k", song)
    raw = bytearray(song.read_bytes())
    start = raw.index(b"\xff\xfb")
    raw[start : start + 60] = b"?" * 60
    middle = len(raw) // 2
    raw[middle : middle + 700] = np.random.default_rng(0).bytes(700)
    song.write_bytes(b"rubbish" * 50 + raw)
    expected = decode(song)
    assert expected.shape[1] > 190_000
    got = heard(cli, gains_model, song, tmp_path / "out")
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=2e-6)


def test_an_mp3_of_tags_alone_is_refused(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = tagged_song(tmp_path)
    raw = song.read_bytes()
    size = sum((byte & 0x7F) << shift for byte, shift in zip(raw[6:10], (21, 14, 7, 0), strict=True))
    song.write_bytes(raw[: 10 + size])
    done = cli("-m", gains_model, song, tmp_path / "out")
    assert done.returncode == 4
    assert len(done.stderr.strip().splitlines()) == 2  # one warns of the untrained model
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_the_sound_of_a_film_of_variable_frame_rate(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    mix = music(3 * RATE) * 0.5
    source = write_wav(tmp_path / "source.wav", mix)
    film = tmp_path / "film.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=30:duration=3"]
    uneven = ["-vf", "select='not(mod(n,7))+eq(mod(n,5),3)'", "-fps_mode", "vfr", "-c:v", "mpeg4"]
    ffmpeg(*picture, "-i", source, *uneven, "-c:a", "alac", film)
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=duration", "-of", "csv=p=0"]
    times = subprocess.run([*command, str(film)], check=True, capture_output=True, text=True).stdout.split()
    assert len(set(times)) > 2  # the frames do last unequally long
    got = heard(cli, gains_model, film, tmp_path / "out")
    assert got.shape == mix.shape
    np.testing.assert_allclose(got, mix, atol=2e-4)


@pytest.mark.parametrize("ending", ["mp3", "flac", "m4a"])
def test_a_cover_is_no_audio_stream(cli: Cli, gains_model: Path, tmp_path: Path, ending: str) -> None:
    picture = tmp_path / "cover.jpg"
    picture.write_bytes(cover("JPEG"))
    source = write_wav(tmp_path / "source.wav", music(50_000) * 0.5)
    song = tmp_path / f"song.{ending}"
    first = ["-i", picture, "-i", source] if ending == "m4a" else ["-i", source, "-i", picture]
    ffmpeg(*first, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic", song)
    got = heard(cli, gains_model, song, tmp_path / "out")
    expected = decode(song)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=2e-6)
    assert "audio streams" not in cli("-m", gains_model, song, tmp_path / "again").stderr


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_sample_formats_of_wav(cli: Cli, gains_model: Path, tmp_path: Path, subtype: str) -> None:
    mix = music(20_000)
    song = tmp_path / "song.wav"
    soundfile.write(song, mix.T, RATE, subtype=subtype)
    stored = soundfile.read(song, dtype="float64")[0].T
    got = heard(cli, gains_model, song, tmp_path / "out")
    np.testing.assert_allclose(got, stored, atol=3e-7)
    if subtype in ("PCM_24", "FLOAT"):
        assert np.abs(got - mix).max() < 3e-7


def wav_bytes(kind: str, mix: NDArray[np.float32]) -> bytes:
    """A WAV file of 16 bits whose header states more than 4 GB, or nothing, of which only `mix` is there."""
    samples = np.round(mix.T * 32767).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16)
    size = 5_000_000_000 // 4 * 4
    if kind == "rf64":
        sizes = struct.pack("<4sIQQQI", b"ds64", 28, size + 72, size, size // 4, 0)
        return b"RF64\xff\xff\xff\xffWAVE" + sizes + form + b"data\xff\xff\xff\xff" + samples
    if kind == "streamed":  # by a program that could not go back to the header
        return b"RIFF\xff\xff\xff\xffWAVE" + form + b"data\xff\xff\xff\xff" + samples
    if kind == "wrapped":  # the size modulo 4 GB, as old programs write it
        return b"RIFF" + struct.pack("<I", 36 + 4000) + b"WAVE" + form + b"data" + struct.pack("<I", 4000) + samples
    return b"RIFF\0\0\0\0WAVE" + form + b"data\0\0\0\0" + samples


@pytest.mark.parametrize("kind", ["rf64", "streamed", "zero", "wrapped"])
def test_wav_headers_beyond_4_gb_or_without_size(cli: Cli, gains_model: Path, tmp_path: Path, kind: str) -> None:
    mix = music(30_000)
    song = tmp_path / "song.wav"
    song.write_bytes(wav_bytes(kind, mix))
    expected = decode(song)
    assert expected.shape[1] == (1000 if kind == "wrapped" else 30_000)
    got = heard(cli, gains_model, song, tmp_path / "out")
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, mix[:, : got.shape[1]], atol=4e-5)


def test_of_two_audio_streams_the_first_is_taken_and_said_so(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    """Even where the second is larger, has more channels and is the default."""
    quiet = write_wav(tmp_path / "quiet.wav", music(44_100) * 0.2)
    loud = write_wav(tmp_path / "loud.wav", np.concatenate([music(44_100, seed=seed) for seed in (1, 2, 3)]))
    film = tmp_path / "film.mkv"
    streams = ["-i", quiet, "-i", loud, "-map", "0", "-map", "1", "-c:a", "flac"]
    ffmpeg(*streams, "-disposition:a:0", "0", "-disposition:a:1", "default", film)
    done = cli("-m", gains_model, film, tmp_path / "out")
    assert done.returncode == 0
    assert "film.mkv': of its 2 audio streams the first was taken" in done.stderr
    total = decode(tmp_path / "out/drums.wav") + decode(tmp_path / "out/bass.wav")
    np.testing.assert_allclose(total - total.mean() / 2, decode(quiet), atol=2e-4)


@pytest.mark.parametrize(("late", "said"), [(0.5, "500 ms after"), (-0.25, "250 ms before"), (0, "")])
def test_the_offset_of_a_films_sound_is_said(
    cli: Cli, gains_model: Path, tmp_path: Path, late: float, said: str
) -> None:
    source = write_wav(tmp_path / "source.wav", music(2 * RATE) * 0.5)
    film = tmp_path / "film.mkv"
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=20:duration=2"]
    delays = [word for delay in (max(0, -late), max(0, late)) for word in ("-itsoffset", f"{delay}")]
    ffmpeg(*delays[:2], *picture, *delays[2:], "-i", source, "-c:v", "mpeg4", "-c:a", "flac", film)
    done = cli("-m", gains_model, film, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("its picture, and the stems begin with the sound") == (late != 0)
    assert f"film.mkv': its sound begins {said}" in done.stderr if said else True
    assert soundfile.info(tmp_path / "out/drums.wav").frames == 2 * RATE


def test_a_stem_file_is_heard_as_its_mix(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(50_000) * 0.5)
    four = gains_model.with_name("four.onnx")
    assert cli("-m", four, "--format", "stem.mp4", "--codec", "alac", song, tmp_path).returncode == 0
    got = heard(cli, gains_model, tmp_path / "song.stem.mp4", tmp_path / "out")
    np.testing.assert_allclose(got, decode(song), atol=1e-5)
    done = cli("-m", gains_model, tmp_path / "song.stem.mp4", tmp_path / "again")
    assert "of its 5 audio streams the first was taken" in done.stderr
