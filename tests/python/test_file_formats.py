"""What files the program writes: formats, exact lengths, tags and covers, levels, names.

The model's two stems are 0.75 and 0.25 of the mix, so what should be in a file is known.
"""

import base64
import io
import resource
import struct
import subprocess
import wave
from pathlib import Path

import demucs_native
import mutagen
import mutagen.id3
import numpy as np
import pytest
import soundfile
import torch
from demucs.audio import prevent_clip
from numpy.typing import NDArray
from PIL import Image
from support import Cli, decode, music, write_wav

FORMATS = {
    "wav": ([], "pcm_f32le", 120),
    "flac": (["--bit-depth", "16"], "flac", 62),
    "mp3": ([], "mp3", 25),
    "m4a": ([], "aac", 25),
    "m4a-alac": (["--codec", "alac"], "alac", 105),
    "ogg": ([], "vorbis", 20),
}
TEXT = {"title": "Žluť", "artist": "A & B", "album": "Third", "genre": "House", "date": "1999", "track": "3/9"}


def probe(file: Path, entries: str) -> str:
    command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "default=nk=1:nw=1", str(file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def cover(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(file, kind)
    return file.getvalue()


def tagged_song(folder: Path, ending: str = "mp3") -> Path:
    """A song with text tags, tempo, key, a cover, and tags that are only true of this file."""
    picture = folder / "cover.jpg"
    picture.write_bytes(cover("JPEG"))
    song = folder / f"tagged.{ending}"
    special = {"mp3": ("TBPM", "TKEY"), "flac": ("BPM", "INITIALKEY")}[ending]
    tags = TEXT | {special[0]: "127.6", special[1]: "8A", "REPLAYGAIN_TRACK_GAIN": "-9 dB", "LABEL": "Ours"}
    options = [word for name, value in tags.items() for word in ("-metadata", f"{name}={value}")]
    source = write_wav(folder / "source.wav", music(30_000) * 0.5)
    inputs = [
        "-i",
        str(source),
        "-i",
        str(picture),
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "copy",
        "-disposition:v",
        "attached_pic",
    ]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, *options, str(song)], check=True)
    return song


@pytest.fixture
def four(gains_model: Path) -> Path:
    return gains_model.with_name("four.onnx")


def snr(reference: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(10 * np.log10((reference**2).sum() / ((reference - other) ** 2).sum()))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_formats_keep_length_alignment_and_sound(
    cli: Cli, gains_model: Path, tmp_path: Path, name: str, rate: int
) -> None:
    options, codec, quality = FORMATS[name]
    ending = name.partition("-")[0]
    frames = 100_001
    mix = music(frames, rate=rate) * 0.5
    smooth = np.stack([np.convolve(channel, np.hanning(15) / 7, "same") for channel in mix]).astype(np.float32)
    song = write_wav(tmp_path / "song.wav", smooth, rate=rate)
    done = cli("-m", gains_model, "--format", ending, *options, song, tmp_path / "out")
    assert (done.returncode, "clipped" in done.stderr) == (0, False), done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"bass.{ending}", f"drums.{ending}"]
    file = tmp_path / f"out/drums.{ending}"
    assert probe(file, "stream=codec_name,sample_rate").split() == [codec, str(rate)]
    got = decode(file)
    if codec == "aac":  # FFmpeg decodes the last packet whole; the file's edit list tells the length
        assert 0 <= got.shape[1] - frames < 1024
        assert probe(file, "stream=duration_ts") == str(frames)
    else:
        assert got.shape[1] == frames
    expected = 0.75 * (smooth - smooth.mean()) + smooth.mean()
    assert snr(expected, got[:, :frames]) > min(quality, 55 if rate != 44_100 else quality)
    lag = np.correlate(got[0, :20_000], expected[0, :20_000], "full").argmax() - 19_999
    assert lag == 0


@pytest.mark.parametrize("depth", ["16", "24"])
@pytest.mark.parametrize("format_", [("flac",), ("m4a", "--codec", "alac")])
def test_bit_depths_of_lossless_formats(
    cli: Cli, gains_model: Path, tmp_path: Path, depth: str, format_: tuple[str, ...]
) -> None:
    mix = music(20_000)
    song = write_wav(tmp_path / "song.wav", mix)
    options = ["--format", *format_, "--bit-depth", depth]
    assert cli("-m", gains_model, *options, song, tmp_path / "out").returncode == 0
    file = tmp_path / f"out/drums.{format_[0]}"
    assert probe(file, "stream=bits_per_raw_sample") == depth
    error = np.abs(decode(file) - (0.75 * (mix - mix.mean()) + mix.mean())).max()
    assert 2.0**-26 < error < 2.0 ** (1.5 - int(depth))


def test_bitrate(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", np.random.default_rng(0).normal(0, 0.1, (2, 200_000)).astype(np.float32))
    sizes = {}
    for rate in ("96", "320"):
        done = cli("-m", gains_model, "--format", "mp3", "--bitrate", rate, song, tmp_path / rate)
        assert done.returncode == 0, done.stderr
        sizes[rate] = (tmp_path / rate / "drums.mp3").stat().st_size
        assert sizes[rate] == pytest.approx(int(rate) * 125 * 200_000 / 44_100, rel=0.05)


@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000, 192_000])
@pytest.mark.parametrize("ending", ["mp3", "m4a", "ogg", "flac"])
def test_every_format_takes_songs_of_every_rate(
    cli: Cli, gains_model: Path, tmp_path: Path, ending: str, rate: int
) -> None:
    song = write_wav(tmp_path / "song.wav", music(rate, rate=rate), rate=rate)
    done = cli("-m", gains_model, "--format", ending, song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    written = int(probe(tmp_path / f"out/bass.{ending}", "stream=sample_rate"))
    assert written == (48_000 if rate > {"mp3": 48_000, "ogg": 48_000, "m4a": 96_000}.get(ending, rate) else rate)
    length = decode(tmp_path / f"out/bass.{ending}").shape[1]
    assert length == pytest.approx(written, abs=0 if ending != "m4a" else 1023)


@pytest.mark.parametrize("source", ["mp3", "flac"])
@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "m4a", "ogg"])
def test_tags_and_cover_are_carried_over(cli: Cli, gains_model: Path, tmp_path: Path, source: str, ending: str) -> None:
    song = tagged_song(tmp_path, source)
    assert cli("-m", gains_model, "--format", ending, song, tmp_path / "out").returncode == 0
    file = tmp_path / f"out/bass.{ending}"
    said = probe(file, "format_tags:stream_tags")
    for value in TEXT.values():
        assert value in said
    assert "-9 dB" not in said  # the loudness of the song, not of the stem
    if ending == "wav":
        return
    tags = mutagen.File(file)
    names = {
        "flac": ("bpm", "initialkey", "label"),
        "ogg": ("bpm", "initialkey", "label"),
        "mp3": ("TBPM", "TKEY", "TXXX:LABEL"),
        "m4a": ("tmpo", "----:com.apple.iTunes:initialkey", "----:com.apple.iTunes:LABEL"),
    }[ending]
    tempo, key, label = (tags[name][0] for name in names)
    assert str(tempo) == ("128" if ending == "m4a" else "127.6")
    assert (key, label) == ((b"8A", b"Ours") if ending == "m4a" else ("8A", "Ours"))
    if ending == "flac":
        picture = tags.pictures[0].data
    elif ending == "mp3":
        picture = tags.tags.getall("APIC")[0].data
    elif ending == "m4a":
        picture = bytes(tags["covr"][0])
    else:
        picture = mutagen.flac.Picture(base64.b64decode(tags["metadata_block_picture"][0])).data
    assert picture == cover("JPEG")


@pytest.mark.parametrize(
    ("depth", "rate", "tag"),
    [("16", 44_100, 1), ("24", 44_100, 1), ("32f", 44_100, 3), ("16", 96_000, 1), ("32f", 96_000, 3)],
)
def test_wav_files_name_their_format_plainly(
    cli: Cli, gains_model: Path, tmp_path: Path, depth: str, rate: int, tag: int
) -> None:
    song = write_wav(tmp_path / "song.wav", music(2001, rate=rate), rate=rate)
    assert cli("-m", gains_model, "--bit-depth", depth, song, tmp_path / "out").returncode == 0
    file = tmp_path / "out/drums.wav"
    raw = file.read_bytes()
    assert raw[12:16] == b"fmt "  # where simple readers look for it
    assert struct.unpack_from("<IHHI", raw, 16) == (16 if tag == 1 else 18, tag, 2, rate)
    assert soundfile.info(file).frames == 2001
    assert soundfile.info(file).format == "WAV"
    assert decode(file).shape == (2, 2001)
    if tag == 1:
        with wave.open(str(file)) as opened:
            assert (opened.getnframes(), opened.getsampwidth(), opened.getframerate()) == (2001, int(depth) // 8, rate)


def commented_song(folder: Path) -> Path:
    """An mp3 with comment, lyrics in two languages, a back and a front cover in this order."""
    song = folder / "song.mp3"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(write_wav(folder / "a.wav", music(30_000))), str(song)], check=True
    )
    tags = mutagen.id3.ID3()
    tags.add(mutagen.id3.TIT2(encoding=3, text="Title"))
    tags.add(mutagen.id3.COMM(encoding=3, lang="eng", desc="", text="Čau = hello"))
    tags.add(mutagen.id3.USLT(encoding=3, lang="deu", desc="", text="La\nla"))
    tags.add(mutagen.id3.USLT(encoding=3, lang="fra", desc="live", text="Oh"))
    for kind, image in ((4, "PNG"), (3, "JPEG")):
        tags.add(mutagen.id3.APIC(encoding=3, mime=f"image/{image}", type=kind, desc=image, data=cover(image)))
    tags.save(song)
    return song


def test_comment_lyrics_and_front_cover_of_an_mp3(cli: Cli, four: Path, tmp_path: Path) -> None:
    song = commented_song(tmp_path)
    for ending in ("mp3", "flac", "ogg", "m4a", "stem.mp4"):
        options = ["--format", ending, "--filename", "{track}.{ext}" if ending == "stem.mp4" else "{stem}.{ext}"]
        assert cli("-m", four, *options, song, tmp_path).returncode == 0
    mp3 = mutagen.File(tmp_path / "bass.mp3").tags
    assert [(frame.desc, frame.text) for frame in mp3.getall("COMM")] == [("", ["Čau = hello"])]
    lyrics = {(frame.lang, frame.desc, frame.text) for frame in mp3.getall("USLT")}
    assert lyrics == {("deu", "", "La\nla"), ("fra", "live", "Oh")}
    assert mp3.getall("TXXX") == []
    assert mp3["TIT2"].text == ["Title"]
    assert [(picture.type, picture.data) for picture in mp3.getall("APIC")] == [(3, cover("JPEG"))]
    for name in ("bass.m4a", "song.stem.mp4"):
        mp4 = mutagen.File(tmp_path / name).tags
        assert (mp4["©cmt"], mp4["©lyr"]) == (["Čau = hello"], ["La\nla"])
        assert bytes(mp4["covr"][0]) == cover("JPEG")
    for name in ("bass.flac", "bass.ogg"):
        vorbis = mutagen.File(tmp_path / name)
        assert (vorbis["COMMENT"], vorbis["LYRICS"], vorbis["TITLE"]) == (["Čau = hello"], ["La\nla"], ["Title"])
        assert "DESCRIPTION" not in vorbis
        assert soundfile.info(tmp_path / name).frames == 30_000  # libogg refuses pages with a wrong checksum
    pictures = mutagen.File(tmp_path / "bass.flac").pictures
    assert [(picture.type, picture.data) for picture in pictures] == [(3, cover("JPEG"))]


@pytest.mark.parametrize("source", ["flac", "ogg"])
def test_tags_in_capitals_get_the_names_of_each_format(cli: Cli, four: Path, tmp_path: Path, source: str) -> None:
    song = tmp_path / f"song.{source}"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(write_wav(tmp_path / "a.wav", music(5000))), str(song)], check=True
    )
    tags = mutagen.File(song)
    tags.update({"TITLE": "Title", "COMMENT": "Hello", "UNSYNCEDLYRICS": "La la", "COMPOSER": "Somebody"})
    tags.save()
    for ending in ("mp3", "m4a", "stem.mp4"):
        options = ["--format", ending, "--filename", "{track}.{ext}" if ending == "stem.mp4" else "{stem}.{ext}"]
        assert cli("-m", four, *options, song, tmp_path).returncode == 0
    for name in ("bass.m4a", "song.stem.mp4"):
        mp4 = mutagen.File(tmp_path / name).tags
        assert [mp4[key] for key in ("©nam", "©cmt", "©lyr", "©wrt")] == [["Title"], ["Hello"], ["La la"], ["Somebody"]]
    mp3 = mutagen.File(tmp_path / "bass.mp3").tags
    assert [str(mp3[key]) for key in ("TIT2", "COMM::XXX", "USLT::XXX", "TCOM")] == [
        "Title",
        "Hello",
        "La la",
        "Somebody",
    ]


@pytest.mark.parametrize(
    ("said", "written"), [("174.5", 175), ("174,5", 175), ("174.49", 174), ("99", 99), ("0120.0", 120)]
)
def test_a_tempo_is_rounded_whatever_the_decimal_sign(
    cli: Cli, gains_model: Path, tmp_path: Path, said: str, written: int
) -> None:
    song = tmp_path / "song.flac"
    source = write_wav(tmp_path / "a.wav", music(2000))
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(source), "-metadata", f"BPM={said}", str(song)], check=True)
    assert cli("-m", gains_model, "--format", "m4a", song, tmp_path / "out").returncode == 0
    assert mutagen.File(tmp_path / "out/bass.m4a")["tmpo"] == [written]


@pytest.mark.parametrize(("rate", "expected"), [(48_000, 480_000), (96_000, 960_000), (44_100, 441_000)])
def test_the_time_of_a_broadcast_wave_file_is_kept(
    cli: Cli, gains_model: Path, tmp_path: Path, rate: int, expected: int
) -> None:
    song = tmp_path / "song.wav"
    source = write_wav(tmp_path / "a.wav", music(48_000, rate=48_000), rate=48_000)
    bext = ["-write_bext", "1", "-metadata", "time_reference=480000"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(source), *bext, str(song)], check=True)
    for ending in ("wav", "flac"):
        options = ["--format", ending, "--sample-rate", rate]
        assert cli("-m", gains_model, *options, song, tmp_path / "out").returncode == 0
        assert probe(tmp_path / f"out/bass.{ending}", "format_tags=time_reference") == str(expected)
    assert b"bext" in (tmp_path / "out/bass.wav").read_bytes()[:200]


def test_sample_rates_can_be_chosen(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(48_000, rate=48_000), rate=48_000)
    for ending, rate in (("wav", 44_100), ("wav", 96_000), ("mp3", 22_050), ("m4a", 88_200), ("ogg", 16_000)):
        out = tmp_path / f"{ending}{rate}"
        done = cli("-m", gains_model, "--format", ending, "--sample-rate", rate, song, out)
        assert done.returncode == 0, done.stderr
        assert probe(out / f"bass.{ending}", "stream=sample_rate") == str(rate)
        assert 0 <= decode(out / f"bass.{ending}").shape[1] - rate < (1024 if ending == "m4a" else 1)
    model = demucs_native.Model(gains_model)
    file, _ = demucs_native.separate_file(song, tmp_path / "python", model, sample_rate=44_100)
    assert file.read_bytes() == (tmp_path / "wav44100/drums.wav").read_bytes()


def test_dsd_is_written_at_44_1_khz(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    """DSD64 is decoded at 352.8 kHz, but holds music only up to 22 kHz or little more."""
    blocks = 20
    data = b"\x69" * (4096 * 2 * blocks)
    form = struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 2, 2, 2_822_400, 1, 4096 * 8 * blocks, 4096, 0)
    chunk = struct.pack("<4sQ", b"data", 12 + len(data)) + data
    head = struct.pack("<4sQQQ", b"DSD ", 28, 28 + len(form) + len(chunk), 0)
    song = tmp_path / "song.dsf"
    song.write_bytes(head + form + chunk)
    assert probe(song, "stream=sample_rate") == "352800"
    done = cli("-m", gains_model, song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "out/bass.wav").samplerate == 44_100
    assert soundfile.info(tmp_path / "out/bass.wav").frames == 4096 * blocks // 8
    options = ["--sample-rate", "88200"]
    assert cli("-m", gains_model, *options, song, tmp_path / "out").returncode == 0
    assert soundfile.info(tmp_path / "out/bass.wav").samplerate == 88_200


def test_unusual_covers_are_left_out_and_said_so(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = tagged_song(tmp_path, "flac")
    tags = mutagen.File(song)
    picture = mutagen.flac.Picture()
    picture.data, picture.mime, picture.type = cover("GIF"), "image/gif", 3
    picture.width, picture.height, picture.depth = 30, 20, 8
    tags.clear_pictures()
    tags.add_picture(picture)
    tags.save()
    done = cli("-m", gains_model, "--format", "flac", song, tmp_path / "out")
    assert done.returncode == 0
    assert "its cover picture is neither JPEG nor PNG" in done.stderr
    assert mutagen.File(tmp_path / "out/bass.flac").pictures == []


@pytest.mark.parametrize("mode", ["none", "rescale", "clamp"])
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_clip_modes_are_those_of_demucs(cli: Cli, gains_model: Path, tmp_path: Path, mode: str, rate: int) -> None:
    song = write_wav(tmp_path / "loud.wav", music(50_000, rate=rate) * 3, rate=rate)
    plain = cli("-m", gains_model, song, tmp_path / "plain")
    done = cli("-m", gains_model, "--clip-mode", mode, song, tmp_path / "out")
    assert (plain.returncode, done.returncode) == (0, 0)
    for stem in ("drums", "bass"):
        raw = torch.from_numpy(decode(tmp_path / f"plain/{stem}.wav").copy())
        assert (raw.abs().max() > 1) == (stem == "drums")
        np.testing.assert_allclose(decode(tmp_path / f"out/{stem}.wav"), prevent_clip(raw, mode), atol=1e-6)
    assert (tmp_path / "plain/drums.wav").stat().st_size == (tmp_path / "out/drums.wav").stat().st_size
    peak = np.abs(decode(tmp_path / "plain/drums.wav")).max()
    said = {"none": "", "clamp": "limited to it", "rescale": f"turned down by {20 * np.log10(1.01 * peak):.1f} dB"}
    lines = [line for line in done.stderr.splitlines() if "drums.wav'" in line]
    assert len(lines) == (mode != "none")
    assert all(said[mode] in line for line in lines)
    assert "bass.wav" not in done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["bass.wav", "drums.wav"]


def test_rescale_keeps_integer_formats_from_clipping(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "loud.wav", music(50_000) * 3)
    done = cli("-m", gains_model, "--format", "flac", "--clip-mode", "rescale", song, tmp_path / "out")
    assert done.returncode == 0
    assert "clipped" not in done.stderr
    assert np.abs(decode(tmp_path / "out/drums.flac")).max() == pytest.approx(1 / 1.01, abs=1e-5)


def test_file_name_patterns(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    songs = [write_wav(tmp_path / f"{name}.wav", music(2000)) for name in ("one {stem}", "two")]
    done = cli("-m", gains_model, "--filename", "{stem}/{track} ({stem}).{ext}", *songs, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    files = sorted(str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*.wav"))
    assert files == [f"{stem}/{song} ({stem}).wav" for stem in ("bass", "drums") for song in ("one {stem}", "two")]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--format", "mp4"], "choose one of flac, m4a, mp3"),
        (["--format", "flac", "--bit-depth", "32f"], "flac holds 16 or 24 bits"),
        (["--format", "mp3", "--bit-depth", "16"], "mp3 has no bit depth"),
        (["--format", "flac", "--bitrate", "320"], "what is lossless"),
        (["--format", "mp3", "--bitrate", "0.5"], "bitrate"),
        (["--format", "mp3", "--bitrate", "5"], "8 to 512"),
        (["--format", "mp3", "--sample-rate", "96000"], "mp3 has 8000, 11025"),
        (["--format", "ogg", "--sample-rate", "96000"], "ogg has at most 48000 Hz"),
        (["--sample-rate", "441000"], "it is 8000 to 192000 Hz"),
        (["--format", "mp3", "--codec", "aac"], "only m4a and stem.mp4"),
        (["--format", "m4a", "--codec", "opus"], "choose one of aac, alac"),
        (["--clip-mode", "tanh"], "choose one of clamp, none, rescale"),
        (["--filename", "{track}.{ext}"], "put {stem} into it"),
        (["--filename", "../{stem}.{ext}"], "inside of the output folder"),
        (["--filename", "/tmp/{stem}.{ext}"], "inside of the output folder"),
        (["--filename", "{title}/{stem}.{ext}"], "{track}, {stem} and {ext}"),
        (["--filename", "{stem}.mp3"], "gives wav files another ending"),
        (["--filename", "{stem}/{track}"], "gives wav files another ending"),
        (["--filename", "{stem}.wav", "--format", "flac"], "gives flac files another ending"),
        (["--filename", "{stem}.mp4", "--format", "m4a"], "gives m4a files another ending"),
        (["--filename", "{track}.mp4", "--format", "stem.mp4"], "gives stem.mp4 files another ending"),
    ],
)
def test_what_does_not_go_together_is_refused(
    cli: Cli, gains_model: Path, tmp_path: Path, options: list[str], reason: str
) -> None:
    song = write_wav(tmp_path / "song.wav", music(1000))
    done = cli("-m", gains_model, *options, song, tmp_path / "out")
    assert done.returncode == 2
    assert reason in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_ending_may_be_spelled_out(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(1000))
    assert cli("-m", gains_model, "--filename", "{stem}.WAV", song, tmp_path / "out").returncode == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["bass.WAV", "drums.WAV"]


def test_a_pattern_without_track_is_refused_for_several_inputs(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    songs = [write_wav(tmp_path / f"{name}.wav", music(1000)) for name in "ab"]
    done = cli("-m", gains_model, "--filename", "{stem}.{ext}", *songs, tmp_path / "out")
    assert done.returncode == 2
    assert "put {track} into it" in done.stderr


def test_a_bitrate_that_the_encoder_refuses(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(1000))
    done = cli("-m", gains_model, "--format", "ogg", "--bitrate", "512", song, tmp_path / "out")
    assert done.returncode == 5
    assert "FFmpeg's encoder libvorbis refuses 44100 Hz at 512 kbit/s" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_while_samples_wait_for_their_peak(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(100_000))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    options = ["--clip-mode", "rescale", "--bit-depth", "16"]
    done = cli("-m", gains_model, *options, song, tmp_path / "out", preexec_fn=limit)
    assert done.returncode == 5
    assert "cannot" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []
    assert soundfile.info(song).frames == 100_000
