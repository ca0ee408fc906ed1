"""Any audio in: containers, rates, channels and broken files, compared with what `ffmpeg` itself decodes.

The model's two stems are 0.75 and 0.25 of the mix, so their sum tells what the program heard and when.
"""

import os
import struct
import subprocess
import sys
from pathlib import Path

import demucs_native
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from support import Cli, decode, music, write_wav


def ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


def heard(cli: Cli, model: Path, song: Path, out: Path) -> NDArray[np.float32]:
    """What reached the model and came back: the sum of its stems, less the mean that each stem has."""
    done = cli("-m", model, song, out)
    assert done.returncode == 0, done.stderr
    total: NDArray[np.float32] = decode(out / "drums.wav") + decode(out / "bass.wav")
    return total - total.mean() / 2


def snr(reference: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(10 * np.log10((reference**2).sum() / ((reference - other) ** 2).sum()))


ENCODINGS = {
    "wav": ["-c:a", "pcm_s16le"],
    "flac": [],
    "mp3": ["-b:a", "192k"],
    "m4a": ["-c:a", "aac", "-b:a", "192k"],
    "ogg": ["-c:a", "libvorbis"],
    "aiff": [],
    "wv": [],
}


@pytest.mark.parametrize("ending", ENCODINGS)
def test_containers(cli: Cli, gains_model: Path, tmp_path: Path, ending: str) -> None:
    source = write_wav(tmp_path / "source.wav", music(100_001) * 0.5)
    song = tmp_path / f"song.{ending}"
    ffmpeg("-i", source, *ENCODINGS[ending], song)
    expected = decode(song)
    if ending != "m4a":  # FFmpeg's AAC encoder rounds the length up to a packet
        assert expected.shape[1] == 100_001
    got = heard(cli, gains_model, song, tmp_path / "out")
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=2e-6)


def test_opus_and_video_at_48_khz(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    # Twice the samples in the time: no content above 22 kHz, which the model's rate cannot carry.
    source = tmp_path / "source.wav"
    ffmpeg(
        "-i",
        write_wav(tmp_path / "plain.wav", music(44_100) * 0.5, rate=22_050),
        "-ar",
        "48000",
        source,
    )
    opus = tmp_path / "song.opus"
    ffmpeg("-i", source, "-c:a", "libopus", "-b:a", "256k", opus)
    video = tmp_path / "film.mkv"
    picture = ["-f", "lavfi", "-i", "color=size=64x64:rate=10:duration=2"]
    ffmpeg(*picture, "-i", source, "-c:v", "mpeg4", "-c:a", "flac", "-shortest", video)
    for song in (opus, video):
        expected = decode(song)
        got = heard(cli, gains_model, song, tmp_path / f"out_{song.name}")
        assert got.shape == expected.shape
        assert soundfile.info(tmp_path / f"out_{song.name}/drums.wav").samplerate == 48_000
        assert snr(expected, got) > 40


@pytest.mark.parametrize("rate", [8_000, 22_050, 32_000, 48_000, 88_200, 96_000, 192_000])
def test_sample_rates_come_back_aligned_and_at_full_length(
    cli: Cli, gains_model: Path, tmp_path: Path, rate: int
) -> None:
    frames = rate * 2 + 17
    time = np.arange(frames) / rate
    # Tones inside every rate's band, and a click-like burst that tells the time.
    tones = 0.2 * np.sin(2 * np.pi * 440 * time) + 0.1 * np.sin(2 * np.pi * 2500 * time)
    burst = np.exp(-(((time - 1) * 800) ** 2)) * np.sin(2 * np.pi * 1500 * time)
    mix = np.stack([tones + burst, 0.5 * burst]).astype(np.float32)
    song = write_wav(tmp_path / "song.wav", mix, rate=rate)
    got = heard(cli, gains_model, song, tmp_path / "out")
    assert got.shape == mix.shape
    assert soundfile.info(tmp_path / "out/bass.wav").samplerate == rate
    inner = slice(rate // 100, -rate // 100)  # the filters ring at the hard edges of the tones
    assert snr(mix[:, inner], got[:, inner]) > 55
    lag = np.correlate(got[1, inner], mix[1, inner], "full").argmax() - (mix[1, inner].size - 1)
    assert lag == 0


def test_mono_reaches_both_channels_at_its_level(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    mono = music(20_000)[:1]
    got = heard(cli, gains_model, write_wav(tmp_path / "mono.wav", mono), tmp_path / "out")
    assert got.shape == (2, 20_000)
    np.testing.assert_allclose(got, np.repeat(mono, 2, axis=0), atol=2e-6)


def test_six_channels_are_mixed_down_within_full_scale(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    surround = np.concatenate([music(20_000, seed=seed) for seed in range(3)])
    song = tmp_path / "surround.wav"
    plain = write_wav(tmp_path / "plain.wav", surround)
    ffmpeg("-i", plain, "-channel_layout", "5.1", "-c:a", "pcm_f32le", song)
    got = heard(cli, gains_model, song, tmp_path / "out")
    left, right, centre, _, back_left, back_right = surround
    half = np.sqrt(0.5)
    expected = np.stack([left + half * (centre + back_left), right + half * (centre + back_right)])
    np.testing.assert_allclose(got, expected / (1 + 2 * half), atol=1e-5)


def mixed_down(
    cli: Cli, model: Path, folder: Path, channels: NDArray[np.float32], *options: str
) -> NDArray[np.float32]:
    """What the program hears of a song of these channels."""
    plain, song = folder / "plain.wav", folder / "song.wav"
    soundfile.write(plain, channels.T, 44_100, subtype="FLOAT")
    ffmpeg("-i", plain, *options, "-c:a", "pcm_f32le", song) if options else plain.rename(song)
    return heard(cli, model, song, folder / "out")


@pytest.mark.parametrize("count", [9, 10, 12, 13, 14, 16, 24, 64])
def test_channels_without_names_go_left_and_right_in_turn(
    cli: Cli, gains_model: Path, tmp_path: Path, count: int
) -> None:
    channels = np.concatenate([music(5000, seed=seed) for seed in range(32)])[:count]
    got = mixed_down(cli, gains_model, tmp_path, channels)
    pairs, half = count // 2, np.sqrt(0.5) * (count % 2)
    expected = np.stack([channels[side : 2 * pairs : 2].sum(axis=0) + half * channels[-1] for side in (0, 1)])
    np.testing.assert_allclose(got, expected / (pairs + half), atol=1e-5)


@pytest.mark.parametrize("count", range(1, 65))
def test_every_number_of_channels_is_heard(gains_model: Path, tmp_path: Path, count: int) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, np.full((100, count), 0.5, np.float32), 44_100, subtype="FLOAT")
    (file, _) = demucs_native.separate_file(song, tmp_path / "out", demucs_native.Model(gains_model))
    level = np.abs(decode(file)).max()
    assert 0.3 < level <= 0.5001


def test_channels_that_libswresample_leaves_out_are_heard(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    """It mixes the speakers at the ceiling of 22.2 into nothing."""
    channels = np.zeros((24, 5000), np.float32)
    channels[12] = music(5000)[0]  # top front left, by Microsoft's order of channels
    got = mixed_down(cli, gains_model, tmp_path, channels, "-channel_layout", "22.2")
    assert np.abs(got[0]).max() > 0.02
    np.testing.assert_allclose(got[1], 0, atol=1e-6)


def test_ambisonic_sound_is_heard_from_left_and_right(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    """Four components, order ACN, as Opus has them; a source at the left has Y = W."""
    source, song = tmp_path / "source.wav", tmp_path / "song.mka"
    time = np.arange(48_000) / 48_000
    tone = 0.4 * np.sin(2 * np.pi * 300 * time)
    soundfile.write(source, np.stack([tone, tone, 0 * tone, 0 * tone]).T, 48_000, subtype="FLOAT")
    ffmpeg("-channel_layout", "4.0", "-i", source, "-c:a", "libopus", "-mapping_family", "255", "-b:a", "512k", song)
    raw = bytearray(song.read_bytes())
    raw[raw.index(b"OpusHead") + 18] = 2  # the family of ambisonics, which FFmpeg only reads
    song.write_bytes(raw)
    told = subprocess.run(["ffprobe", "-v", "error", "-show_streams", song], check=True, capture_output=True, text=True)
    assert "channel_layout=ambisonic 1" in told.stdout
    left, right = heard(cli, gains_model, song, tmp_path / "out")[:, 4800:-4800]
    assert np.abs(left).max() == pytest.approx(0.4, rel=0.1)
    assert np.abs(right).max() < 0.02


@pytest.mark.parametrize("frames", [1, 2, 999, 1000, 1001])
def test_tiny_tracks_keep_their_length(cli: Cli, gains_model: Path, tmp_path: Path, frames: int) -> None:
    mix = music(frames)
    song = write_wav(tmp_path / "tiny.wav", mix)
    got = heard(cli, gains_model, song, tmp_path / "out")
    assert got.shape == mix.shape
    np.testing.assert_allclose(got, mix, atol=1e-6)


def test_tiny_tracks_at_another_rate_keep_their_length(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    for frames in (1, 5, 100):
        song = write_wav(tmp_path / "tiny.wav", music(frames), rate=48_000)
        got = heard(cli, gains_model, song, tmp_path / f"out{frames}")
        assert got.shape == (2, frames)
        assert np.isfinite(got).all()


def test_silence_gives_finite_silent_stems(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "silence.wav", np.zeros((2, 50_000), np.float32))
    np.testing.assert_array_equal(heard(cli, gains_model, song, tmp_path / "out"), 0)


def test_name_with_a_colon_is_a_file_not_a_protocol(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "plain.wav", music(2000)).rename(tmp_path / "http:x - %d.wav")
    done = cli("-m", gains_model, song.name, "out: a %d", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "out: a %d/bass.wav").frames == 2000


def bad_files(folder: Path) -> dict[str, Path]:
    files = {name: folder / name for name in ("missing.wav", "text.mp3", "empty.flac", "no_frames.wav", "nan.wav")}
    files["text.mp3"].write_text("This is not audio.\n" * 100)
    files["empty.flac"].write_bytes(b"")
    soundfile.write(files["no_frames.wav"], np.zeros((0, 2), np.float32), 44_100)
    mix = music(5000)
    mix[1, 4321] = np.nan
    write_wav(files["nan.wav"], mix)
    files["folder"] = folder / "folder"
    files["folder"].mkdir()
    files["picture.png"] = folder / "picture.png"
    ffmpeg("-f", "lavfi", "-i", "color=size=16x16", "-frames:v", "1", files["picture.png"])
    files["header_only.wav"] = folder / "header_only.wav"
    files["header_only.wav"].write_bytes(b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt ")
    # At the model's rate 20 kB of these would take gigabytes.
    files["one_hertz.wav"] = folder / "one_hertz.wav"
    soundfile.write(files["one_hertz.wav"], np.zeros(20_000), 1, subtype="PCM_U8")
    return files


@pytest.mark.parametrize(
    "name",
    [
        "missing.wav",
        "text.mp3",
        "empty.flac",
        "no_frames.wav",
        "nan.wav",
        "folder",
        "picture.png",
        "header_only.wav",
        "one_hertz.wav",
    ],
)
def test_unusable_audio_ends_with_code_4_and_one_sentence(
    cli: Cli, gains_model: Path, tmp_path: Path, name: str
) -> None:
    done = cli("-m", gains_model, bad_files(tmp_path)[name], tmp_path / "out")
    assert done.returncode == 4
    warning, sentence = done.stderr.strip().splitlines()
    assert "untrained" in warning
    assert sentence.startswith("demucs_ort_cli: ")
    if name == "nan.wav":
        assert "channel 1, frame 4321" in sentence
    if name == "one_hertz.wav":
        assert "sample rate of 1 Hz" in sentence
    out = tmp_path / "out"
    assert not out.exists() or list(out.iterdir()) == []


_PEAK_OF = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def test_a_stated_size_takes_no_memory(cli_path: Path, gains_model: Path, tmp_path: Path) -> None:
    """A title of 1.6 GB in a file of a hundred bytes: FFmpeg would make room for it first."""
    size = 1_600_000_000
    title = b"INAM" + struct.pack("<I", size) + b"..."
    chunks = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 2, 44_100, 176_400, 4, 16)
    chunks += b"LIST" + struct.pack("<I", size + 12) + b"INFO" + title
    song = tmp_path / "liar.wav"
    song.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    command = [sys.executable, "-c", _PEAK_OF, cli_path, "-m", gains_model, song, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "demucs_ort_cli: cannot read" in done.stderr
    assert int(done.stdout) < 400_000, "KB"


def test_pipes_are_refused_instead_of_waited_for(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    done = cli("-m", gains_model, pipe, tmp_path / "out", timeout=20)
    assert done.returncode == 4
    assert "pipe" in done.stderr


@pytest.mark.parametrize("ending", ["mp3", "aac", "ogg"])
def test_a_change_of_rate_and_channels_inside_a_file(cli: Cli, gains_model: Path, tmp_path: Path, ending: str) -> None:
    """Two songs joined byte by byte, as radio recordings are: the second one is mono at 32 kHz."""
    joined = tmp_path / f"joined.{ending}"
    for name, rate, channels in (("first", 44_100, 2), ("second", 32_000, 1)):
        tone = ["-f", "lavfi", "-i", f"sine=frequency=440:duration=8:sample_rate={rate}"]
        part = tmp_path / f"{name}.{ending}"
        ffmpeg(*tone, "-ac", channels, part)
        with joined.open("ab") as file:
            file.write(part.read_bytes())
    expected = decode(joined, "-ac", "2")
    got = heard(cli, gains_model, joined, tmp_path / "out")
    assert soundfile.info(tmp_path / "out/bass.wav").samplerate == 44_100
    assert got.shape[1] == pytest.approx(expected.shape[1], abs=300)
    late = got[0, -5 * 44_100 : -44_100]
    assert np.abs(np.fft.rfft(late)).argmax() * 44_100 / late.size == pytest.approx(440, abs=1)


def test_truncated_audio_gives_what_ffmpeg_still_decodes(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    ffmpeg("-i", write_wav(tmp_path / "source.wav", music(100_000) * 0.5), song)
    song.write_bytes(song.read_bytes()[:20_000])
    got = heard(cli, gains_model, song, tmp_path / "out")
    assert got.shape == decode(song).shape
