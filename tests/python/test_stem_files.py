"""Stem files: streams, alignment, boxes, tags. Read by `ffmpeg`, by mutagen and by TagLib, none of which wrote them.

The model's stems are 0.4, 0.3, 0.2 and 0.1 of the mix: drums, bass, other, vocals.
"""

import json
import subprocess
from pathlib import Path

import demucs_native
import mutagen.mp4
import numpy as np
import pytest
import taglib
from mutagen.mp4 import MP4, Atoms
from numpy.typing import NDArray
from support import Cli, decode, music, write_wav
from test_file_formats import TEXT, cover, tagged_song

PLACES = ["drums", "bass", "other", "vocals"]
GAINS = [1, 0.4, 0.3, 0.2, 0.1]  # of the five streams


@pytest.fixture
def four(gains_model: Path) -> Path:
    return gains_model.with_name("four.onnx")


def clicks(frames: int, rate: int) -> NDArray[np.float32]:
    """Clicks at uneven distances, the first one early; each two samples wide, so that every codec keeps it."""
    mix = np.zeros((2, frames), np.float32)
    for at in np.cumsum([50, rate // 5, rate // 3, rate // 7, rate // 2]):
        mix[:, at : at + 2] = 0.9
    return mix


def encoded(folder: Path, ending: str, rate: int = 44_100, *options: str) -> Path:
    """A song of clicks."""
    source = write_wav(folder / "source.wav", clicks(2 * rate + 77, rate), rate=rate)
    song = folder / f"song.{ending}"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(source), *options, str(song)], check=True)
    return song


def streams(file: Path) -> list[NDArray[np.float32]]:
    """All five of them, decoded."""
    result = []
    for index in range(5):
        command = ["ffmpeg", "-v", "error", "-i", str(file), "-map", f"0:a:{index}", "-f", "f32le", "-"]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        result.append(np.frombuffer(raw, np.float32).reshape(-1, 2).T)
    return result


def lag(reference: NDArray[np.float32], other: NDArray[np.float32]) -> int:
    """By how many frames `other` is late."""
    size = 1 << 18
    spectrum = np.fft.rfft(other[0], size) * np.conj(np.fft.rfft(reference[0], size))
    peak = int(np.fft.irfft(spectrum, size).argmax())
    return peak - size if peak > size // 2 else peak


def assert_aligned(song: Path, file: Path, rate: int) -> None:
    """Every stream has the mix's clicks where the song has them, to the frame, and all have one length."""
    expected = decode(song, "-ar", str(rate))
    decoded = streams(file)
    lengths = {stream.shape for stream in decoded}
    assert len(lengths) == 1
    assert 0 <= decoded[0].shape[1] - expected.shape[1] < 1024
    for stream, gain in zip(decoded, GAINS, strict=True):
        assert lag(expected, stream) == 0
        first = np.abs(expected[0, :1000]).argmax()
        assert np.abs(stream[0, first - 20 : first + 20]).max() == pytest.approx(
            gain * np.abs(expected[0, :1000]).max(), rel=0.5
        )


def boxes(file: Path) -> Atoms:
    with file.open("rb") as content:
        return Atoms(content)


def content_of(file: Path, *path: str) -> bytes:
    atom = boxes(file)[".".join(path).encode()]
    return file.read_bytes()[atom.offset + 8 : atom.offset + atom.length]


def manifest(file: Path) -> dict[str, object]:
    return json.loads(content_of(file, "moov", "udta", "stem"))


SOURCES = {
    "wav": ("wav", 44_100),
    "wav48": ("wav", 48_000),
    "wav96": ("wav", 96_000),
    "wav32": ("wav", 32_000),
    "mp3": ("mp3", 44_100, "-b:a", "320k"),
    "m4a": ("m4a", 44_100, "-b:a", "256k"),
    "alac": ("m4a", 48_000, "-c:a", "alac"),
    "flac": ("flac", 44_100),
    "ogg": ("ogg", 48_000, "-q:a", "9"),
}


@pytest.mark.parametrize("codec", ["aac", "alac"])
@pytest.mark.parametrize("source", SOURCES)
def test_every_stream_is_aligned_with_the_song_to_the_frame(
    cli: Cli, four: Path, tmp_path: Path, source: str, codec: str
) -> None:
    song = encoded(tmp_path, *SOURCES[source])
    done = cli("-m", four, "--format", "stem.mp4", "--codec", codec, song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rate = SOURCES[source][1]
    assert_aligned(song, tmp_path / "out/song.stem.mp4", rate if rate in (44_100, 48_000) else 48_000)


@pytest.mark.parametrize(("source", "codec"), [("m4a", "aac"), ("alac", "alac")])
def test_a_preserved_mix_has_the_packets_of_the_song(
    cli: Cli, four: Path, tmp_path: Path, source: str, codec: str
) -> None:
    song = encoded(tmp_path, *SOURCES[source])
    options = ["--format", "stem.mp4", "--codec", codec, "--preserve-mix"]
    done = cli("-m", four, *options, song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "encoded again" not in done.stderr
    file = tmp_path / "out/song.stem.mp4"
    assert packets(file) == packets(song)
    assert_aligned(song, file, SOURCES[source][1])


def packets(file: Path) -> list[str]:
    """Time, length and checksum of the first audio stream's packets."""
    command = ["ffmpeg", "-v", "error", "-i", str(file), "-map", "0:a:0", "-c", "copy", "-f", "framemd5", "-"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("delay", [0, 1024, 2112])
def test_stems_get_the_delay_of_a_preserved_mix(cli: Cli, four: Path, tmp_path: Path, delay: int) -> None:
    """As Apple's encoder has 2112 frames, and files without an edit list none that is declared."""
    song = encoded(tmp_path, "m4a", 44_100, "-b:a", "256k", "-movie_timescale", "44100")
    set_delay(song, delay)
    options = ["--format", "stem.mp4", "--preserve-mix"]
    done = cli("-m", four, *options, song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "encoded again" not in done.stderr
    file = tmp_path / "out/song.stem.mp4"
    starts = [edit_list(file, track) for track in range(5)]
    assert starts == [delay] + [max(delay, 1024)] * 4
    if delay < 2000:  # else the first click is in what is skipped
        assert_aligned(song, file, 44_100)
    expected = decode(song)
    assert [lag(expected, stream) for stream in streams(file)] == [0] * 5


def edit_list(file: Path, track: int) -> int:
    """Where the one edit of a track begins in the media, 0 without edit list."""
    (movie,) = (atom for atom in boxes(file).atoms if atom.name == b"moov")
    trak = [atom for atom in movie.children if atom.name == b"trak"][track]
    (edits,) = [atom for atom in trak.children if atom.name == b"edts"] or [None]
    if edits is None:
        return 0
    raw = file.read_bytes()[edits.offset : edits.offset + edits.length]
    at = raw.index(b"elst")
    assert int.from_bytes(raw[at + 8 : at + 12]) == 1
    assert raw[at + 4] == 0
    return int.from_bytes(raw[at + 16 : at + 20], signed=True)


def set_delay(file: Path, delay: int) -> None:
    """Changes the edit list of a file with one track."""
    raw = bytearray(file.read_bytes())
    at = raw.index(b"elst")
    assert int.from_bytes(raw[at + 16 : at + 20]) == 1024
    raw[at + 16 : at + 20] = delay.to_bytes(4)
    file.write_bytes(raw)


@pytest.mark.parametrize(
    ("source", "codec", "reason"),
    [
        ("mp3", "aac", "the song is no MP4 file"),
        ("m4a", "alac", "the song's codec is not alac"),
        ("mono", "aac", "the song is not stereo"),
        ("rate", "aac", "a stem file has 44.1 or 48 kHz"),
    ],
)
def test_a_mix_that_cannot_be_preserved_is_encoded_again_and_said_so(
    cli: Cli, four: Path, tmp_path: Path, source: str, codec: str, reason: str
) -> None:
    special = {"mono": ("m4a", 44_100, "-ac", "1"), "rate": ("m4a", 32_000)}
    rate = (special | SOURCES)[source][1]
    song = encoded(tmp_path, *(special | SOURCES)[source])
    options = ["--format", "stem.mp4", "--codec", codec, "--preserve-mix"]
    done = cli("-m", four, *options, song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert f"the mix is encoded again: {reason}" in done.stderr
    if source != "mono":
        assert_aligned(song, tmp_path / "out/song.stem.mp4", rate if rate == 44_100 else 48_000)


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_streams_and_boxes_are_those_of_the_format(cli: Cli, four: Path, tmp_path: Path, codec: str) -> None:
    song = write_wav(tmp_path / "song.wav", music(100_001))
    done = cli("-m", four, "--format", "stem.mp4", "--codec", codec, song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["song.stem.mp4"]
    file = tmp_path / "out/song.stem.mp4"
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", str(file)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["streams"]
    assert [stream["codec_name"] for stream in told] == [codec] * 5
    assert [stream["channels"] for stream in told] == [2] * 5
    assert [stream["disposition"]["default"] for stream in told] == [1, 0, 0, 0, 0]
    assert len({(stream["sample_rate"], stream["nb_frames"], stream["start_pts"]) for stream in told}) == 1
    assert {stream["duration_ts"] for stream in told} == {100_001}
    if codec == "aac":
        for stream in told:
            assert int(stream["bit_rate"]) == pytest.approx(256_000, rel=0.1)
    (movie,) = (atom for atom in boxes(file).atoms if atom.name == b"moov")
    flags = []
    for track in (atom for atom in movie.children if atom.name == b"trak"):
        header = next(atom for atom in track.children if atom.name == b"tkhd")
        flags.append(int.from_bytes(file.read_bytes()[header.offset + 9 : header.offset + 12]))
    assert [flag & 1 for flag in flags] == [1, 0, 0, 0, 0]  # enabled
    assert manifest(file) == {
        "version": 1,
        "mastering_dsp": {
            "compressor": {
                "enabled": False,
                "ratio": 3,
                "output_gain": 0.5,
                "release": 0.3,
                "attack": 0.003,
                "input_gain": 0.5,
                "threshold": 0,
                "hp_cutoff": 300,
                "dry_wet": 50,
            },
            "limiter": {"enabled": False, "release": 0.05, "threshold": 0, "ceiling": -0.35},
        },
        "stems": [
            {"name": "Drums", "color": "#009E73"},
            {"name": "Bass", "color": "#D55E00"},
            {"name": "Other", "color": "#CC79A7"},
            {"name": "Vocals", "color": "#56B4E9"},
        ],
    }
    for stream, gain in zip(streams(file), GAINS, strict=True):
        mix = decode(song)
        expected = mix if gain == 1 else gain * (mix - mix.mean()) + mix.mean()
        error = stream[:, :100_001] - expected
        assert 10 * np.log10((expected**2).sum() / (error**2).sum()) > (90 if codec == "alac" else 15)


def test_names_and_colours_can_be_chosen(cli: Cli, four: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(2000))
    options = ["--stem-name", "vocals=Věra", "--stem-name", "drums=Kit", "--stem-color", "bass=#0a0B0c"]
    assert cli("-m", four, "--format", "stem.mp4", *options, song, tmp_path / "out").returncode == 0
    stems = manifest(tmp_path / "out/song.stem.mp4")["stems"]
    assert stems == [
        {"name": "Kit", "color": "#009E73"},
        {"name": "Bass", "color": "#0a0B0c"},
        {"name": "Other", "color": "#CC79A7"},
        {"name": "Věra", "color": "#56B4E9"},
    ]


@pytest.mark.parametrize("source", ["mp3", "flac"])
def test_tags_and_cover(cli: Cli, four: Path, tmp_path: Path, source: str) -> None:
    song = tagged_song(tmp_path, source)
    assert cli("-m", four, "--format", "stem.mp4", song, tmp_path / "out").returncode == 0
    file = tmp_path / "out/tagged.stem.mp4"
    tags = MP4(file).tags
    assert tags is not None
    said = {"title": "©nam", "artist": "©ART", "album": "©alb", "genre": "©gen", "date": "©day"}
    assert {name: tags[box][0] for name, box in said.items()} == {name: TEXT[name] for name in said}
    assert tags["trkn"] == [(3, 9)]
    assert tags["tmpo"] == [128]
    assert bytes(tags["----:com.apple.iTunes:initialkey"][0]) == b"8A"
    assert bytes(tags["covr"][0]) == cover("JPEG")
    with taglib.File(file) as opened:
        assert opened.tags["TITLE"] == [TEXT["title"]]
        assert opened.tags["BPM"] == ["128"]
        assert opened.tags["INITIALKEY"] == ["8A"]
        assert opened.length == pytest.approx(30_000 / 44_100, abs=0.03)
        assert (opened.sampleRate, opened.channels) == (44_100, 2)
    # An independent writer of tags leaves the box where it is.
    before = manifest(file)
    opened = mutagen.mp4.MP4(file)
    opened["©nam"] = "Another " * 1000
    opened.save()
    assert manifest(file) == before
    assert len(streams(file)) == 5


def test_six_stems_are_folded_into_four(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", clicks(100_000, 44_100))
    six = gains_model.with_name("six.onnx")
    base = ["-m", six, "--format", "stem.mp4", "--codec", "alac"]
    assert cli(*base, song, tmp_path / "default").returncode == 0
    assert cli(*base, "--fold", "guitar=vocals", "--fold", "piano=bass", song, tmp_path / "chosen").returncode == 0
    peaks = {
        out: [float(np.abs(stream).max()) for stream in streams(tmp_path / out / "song.stem.mp4")]
        for out in ("default", "chosen")
    }
    assert peaks["default"] == pytest.approx([0.9, 0.27, 0.225, 0.315, 0.09], abs=5e-4)
    assert peaks["chosen"] == pytest.approx([0.9, 0.27, 0.27, 0.18, 0.18], abs=5e-4)


def test_rescale_turns_all_streams_down_alike(cli: Cli, four: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "loud.wav", clicks(100_000, 44_100) * 3)
    options = ["--format", "stem.mp4", "--codec", "alac", "--clip-mode", "rescale"]
    done = cli("-m", four, *options, song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    peaks = [float(np.abs(stream).max()) for stream in streams(tmp_path / "out/loud.stem.mp4")]
    assert peaks == pytest.approx([gain / 1.01 for gain in GAINS], abs=1e-3)
    assert done.stderr.count("turned down by 8.7 dB") == 5


@pytest.mark.parametrize(
    ("model", "options", "reason"),
    [
        ("gains", [], "'other' is not among the stems drums, bass"),
        ("four", ["--two-stems", "vocals"], "'drums' is not among"),
        ("four", ["--stem-color", "drums=green"], "'green' is no colour"),
        ("four", ["--stem-name", "violin=Solo"], "names 'violin'"),
        ("four", ["--stem-name", "Solo"], "has no '='"),
        ("four", ["--fold", "guitar=other"], "no stem of the model"),
        ("six", ["--fold", "guitar=piano"], "fold names 'piano'"),
        ("six", ["--fold", "drums=other"], "has a place of its own"),
        ("four", ["--sample-rate", "96000"], "stem.mp4 has 44100, 48000 Hz"),
        ("four", ["--preserve-mix", "--clip-mode", "clamp"], "keeps its level"),
        ("four", ["--filename", "{track} {stem}.{ext}"], "a stem file holds all of them"),
        ("four", ["flac", "--preserve-mix"], "are for the format stem.mp4"),
    ],
)
def test_refused_settings(
    cli: Cli, gains_model: Path, tmp_path: Path, model: str, options: list[str], reason: str
) -> None:
    song = write_wav(tmp_path / "song.wav", music(1000))
    file = gains_model.with_name(f"{model}.onnx")
    if options[:1] != ["flac"]:
        options = ["stem.mp4", *options]
    done = cli("-q", "-m", file, "--format", *options, song, tmp_path / "out")
    assert done.returncode == 2
    assert reason in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def existing_stems(folder: Path, frames: int = 60_000, rate: int = 44_100) -> list[Path]:
    """One click in each, at its own time."""
    files = []
    for index, place in enumerate(PLACES):
        stem = np.zeros((2, frames), np.float32)
        stem[:, 10_000 * (index + 1) : 10_000 * (index + 1) + 2] = 0.5
        files.append(write_wav(folder / f"{place}.wav", stem, rate=rate))
    return files


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_existing_stems_are_packed_by_their_names(cli: Cli, tmp_path: Path, order: list[int]) -> None:
    files = existing_stems(tmp_path)
    out = tmp_path / "new/packed.stem.mp4"
    done = cli("--from-stems", *(files[index] for index in order), out)
    assert done.returncode == 0, done.stderr
    mix, *stems = streams(out)
    for index, stem in enumerate(stems):
        assert np.abs(stem[0]).argmax() in range(10_000 * (index + 1), 10_000 * (index + 1) + 2)
    whole = sum(decode(file) for file in files)
    assert lag(whole, mix) == 0
    assert manifest(out)["version"] == 1
    assert [path.name for path in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize(
    "pattern",
    [
        "S ({}).wav",
        "Drum & Bass (No. 1) ({}).wav",
        "song_{}.wav",
        "{}_song other.wav",
        "htdemucs/song/{}.wav",
        "{}/Bass Vocals.wav",
        "{}/Artist/Other Album/Vocals.wav",
        "1_song_({}).wav",
        "{}.stem.wav",
    ],
)
@pytest.mark.parametrize(
    "names",
    [
        ("drums", "bass", "other", "vocals"),
        ("01 Drums", "02 Bass", "03 Melody", "04 Vox"),
        ("liveDrums", "BASS", "Others", "voice-2"),
    ],
)
def test_names_of_stems_are_understood(cli: Cli, tmp_path: Path, pattern: str, names: tuple[str, ...]) -> None:
    files = existing_stems(tmp_path, frames=50_000)
    for index, name in enumerate(names):
        target = tmp_path / "in" / pattern.format(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        files[index] = files[index].rename(target)
    out = tmp_path / "packed.stem.mp4"
    done = cli("--from-stems", *sorted(files), out)
    assert done.returncode == 0, done.stderr
    assert places_in(out) == [0, 1, 2, 3]
    said = done.stderr.splitlines()[-1]
    for place, file in zip(PLACES, files, strict=True):
        assert f"{place} '{file}'" in said


def places_in(file: Path) -> list[int]:
    """Which of `existing_stems` each stream after the mix is."""
    return [round(float(np.abs(stream[0]).argmax()) / 10_000) - 1 for stream in streams(file)[1:]]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["S (Drums)", "S (Bass)", "S (Other)", "S (Vocals) [Instrumental]"], "'S (Vocals) [Instrumental].wav' is not"),
        (["drums", "bass", "other", "no_vocals"], "'no_vocals.wav' is not that of one stem"),
        (["drums", "bass", "other", "guitar"], "'guitar.wav' is not that of one stem"),
        (["drums", "bass", "other", "bass drum"], "'bass drum.wav' is not that of one stem"),
        (["drums 1", "drums 2", "other", "vocals"], "are both named as drums"),
    ],
)
def test_names_that_leave_a_doubt_are_refused(cli: Cli, tmp_path: Path, names: list[str], reason: str) -> None:
    files = [write_wav(tmp_path / f"{name}.wav", music(1000)) for name in names]
    done = cli("--from-stems", *(file.name for file in files), "packed.stem.mp4", cwd=tmp_path)
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert reason in sentence
    assert not (tmp_path / "packed.stem.mp4").exists()


def test_a_damaged_mix_is_not_copied_into_a_packed_file(cli: Cli, four: Path, tmp_path: Path) -> None:
    source = write_wav(tmp_path / "source.wav", music(100_000))
    song = tmp_path / "song.m4a"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(source), "-b:a", "256k", str(song)], check=True)
    raw = bytearray(song.read_bytes())
    middle = raw.index(b"mdat") + 20_000
    raw[middle : middle + 3000] = b"\xff" * 3000
    song.write_bytes(raw)
    assert cli("-m", four, "--bit-depth", "16", song, tmp_path / "stems").returncode == 0
    stems = [tmp_path / f"stems/{place}.wav" for place in PLACES]
    done = cli("--from-stems", "--preserve-mix", "--mix", song, *stems, tmp_path / "packed.stem.mp4")
    assert done.returncode == 0, done.stderr
    assert "the mix is encoded again: the song has damaged packets" in done.stderr
    assert packets(tmp_path / "packed.stem.mp4") != packets(song)


def test_stems_of_other_names_are_packed_in_their_order_with_the_mix_and_its_tags(cli: Cli, tmp_path: Path) -> None:
    song = tagged_song(tmp_path, "flac")  # 30 000 frames
    files = [file.rename(file.with_stem(f"{index}")) for index, file in enumerate(existing_stems(tmp_path, 30_000))]
    out = tmp_path / "packed.stem.mp4"
    options = ["--codec", "alac", "--stem-name", "drums=Kit"]
    done = cli("--from-stems", "--mix", song, *options, *files, out)
    assert done.returncode == 0, done.stderr
    mix, drums, *_ = streams(out)
    np.testing.assert_allclose(mix, decode(song), atol=1e-4)
    assert np.abs(drums[0]).argmax() in (10_000, 10_001)
    assert f"drums '{files[0]}', bass '{files[1]}', other '{files[2]}', vocals '{files[3]}'" in done.stderr
    tags = MP4(out).tags
    assert tags is not None
    assert tags["©nam"] == [TEXT["title"]]
    assert manifest(out)["stems"][0]["name"] == "Kit"  # type: ignore[index]


def test_what_cannot_be_packed_is_refused(cli: Cli, tmp_path: Path) -> None:
    files = existing_stems(tmp_path)
    out = tmp_path / "packed.stem.mp4"
    short = write_wav(tmp_path / "short.wav", music(59_999))
    slow = write_wav(tmp_path / "slow.wav", music(60_000), rate=48_000)
    for arguments, code, reason in (
        ([*files[:3], out], 2, "takes four files"),
        ([*files, tmp_path / "packed.mp4"], 2, "NAME.stem.mp4"),
        ([*files[:3], short, out], 2, "by their names or in this order"),
        (["--mix", short, *files, out], 4, "has 59999 frames at 44100 Hz"),
        (["--mix", slow, *files, out], 4, "60000 frames at 48000 Hz"),
        (["--preserve-mix", *files, out], 2, "no mix to preserve"),
        (["--format", "wav", *files, out], 2, "writes stem.mp4, not wav"),
        (["--json", tmp_path / "report.json", *files, out], 2, "leave out --model and --json"),
        ([*files[:3], tmp_path / "nowhere/vocals.wav", out], 4, "there is no such file"),
    ):
        done = cli("--from-stems", *arguments)
        assert (done.returncode, reason in done.stderr) == (code, True), done.stderr
        assert not out.exists()
    assert cli("--from-stems", *files, out).returncode == 0
    before = out.read_bytes()
    done = cli("--from-stems", "--mix", out, *files, out)
    assert (done.returncode, "would overwrite an input" in done.stderr) == (2, True)
    assert out.read_bytes() == before


def test_a_stem_file_as_input_keeps_its_track_name(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    four = gains_model.with_name("four.onnx")
    song = write_wav(tmp_path / "Song.wav", music(1000))
    assert cli("-m", four, "--format", "stem.mp4", song, tmp_path).returncode == 0
    stem_file = tmp_path / "Song.stem.mp4"
    before = stem_file.read_bytes()
    done = cli("-m", four, "--format", "stem.mp4", stem_file, tmp_path)
    assert done.returncode == 2
    assert "would overwrite an input" in done.stderr
    assert stem_file.read_bytes() == before
    assert cli("-m", four, "--format", "stem.mp4", stem_file, tmp_path / "out").returncode == 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["Song.stem.mp4"]
    model = demucs_native.Model(four)
    with pytest.warns(UserWarning, match="of its 5 audio streams"):
        (file,) = demucs_native.separate_file(stem_file, tmp_path / "native", model, format="stem.mp4")
    assert file.name == "Song.stem.mp4"
