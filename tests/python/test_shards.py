"""--shard: one library cut into parts for machines that do not know of each other."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Cli, music, write_wav

NAMES = [
    f"{artist}/{album}/{artist}{album}{number} song.wav" for artist in "ABC" for album in "xy" for number in range(1, 7)
]


def shard_of(place: str, count: int) -> int:
    """The shard of a track as docs/cluster.md defines it, which no later version may change."""
    most, number = 2**64 - 1, 0xCBF29CE484222325
    for byte in place.encode():
        number = (number ^ byte) * 0x100000001B3 & most
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        number = (number ^ number >> 33) * factor & most
    return (number ^ number >> 33) % count + 1


SECOND_OF_FOUR = [name for name in NAMES if shard_of(name, 4) == 2]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "music"
    mix = music(300)
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(folder / name, mix)
    return folder


Tracks = Callable[..., list[str]]


@pytest.fixture
def tracks(cli: Cli, gains_model: Path, tmp_path: Path) -> Tracks:
    """What a run with these arguments separates, as its report tells: paths of the inputs."""

    def run(*arguments: object, out: Path = tmp_path / "out") -> list[str]:
        report = tmp_path / "report.json"
        done = cli("-q", "-m", gains_model, "--json", report, *arguments, out)
        assert done.returncode == 0, done.stderr
        return [track["input"] for track in json.loads(report.read_text())["tracks"] if not track["skipped"]]

    return run


def below(folder: Path, paths: list[str]) -> list[str]:
    return [str(Path(path).relative_to(folder)) for path in paths]


@pytest.mark.parametrize("count", [1, 3, 5])
def test_every_track_is_in_one_shard(tracks: Tracks, library: Path, count: int) -> None:
    parts = [tracks("--recursive", "--shard", f"{number}/{count}", library) for number in range(1, count + 1)]
    assert sorted(itertools.chain(*parts)) == sorted(str(library / name) for name in NAMES)
    assert all(parts)


def test_shards_are_those_of_every_version_machine_and_way_to_name_them(
    cli: Cli, tracks: Tracks, library: Path, tmp_path: Path
) -> None:
    assert SECOND_OF_FOUR[:2] == ["A/x/Ax5 song.wav", "A/y/Ay5 song.wav"]
    cut = ("--force", "--recursive", "--shard", "2/4")
    assert below(library, tracks(*cut, library)) == SECOND_OF_FOUR
    mounted = tmp_path / "elsewhere/again"
    mounted.parent.mkdir()
    mounted.symlink_to(library)
    assert below(mounted, tracks(*cut, mounted)) == SECOND_OF_FOUR
    assert below(library, tracks(*cut, f"{library}/")) == SECOND_OF_FOUR
    assert below(library, tracks(*cut, library / "*")) == SECOND_OF_FOUR
    assert below(library, tracks(*cut, library / "?/*/*.wav")) == SECOND_OF_FOUR
    playlist = library / "all.m3u"
    playlist.write_text("\n".join(NAMES) + "\n")
    assert below(library, tracks(*cut, playlist)) == SECOND_OF_FOUR
    playlist.write_text("\n".join(str(library / name) for name in NAMES) + "\n")
    assert below(library, tracks(*cut, playlist)) == SECOND_OF_FOUR
    playlist.unlink()
    assert cli("--help").stdout.count("--shard NUMBER/COUNT") == 1


def test_shards_may_be_cut_again_and_done_tracks_are_skipped(
    cli: Cli, gains_model: Path, tracks: Tracks, library: Path, tmp_path: Path
) -> None:
    first = tracks("--recursive", "--shard", "1/3", library)
    assert tracks("--recursive", "--shard", "1/3", library) == []
    rest = [tracks("--recursive", "--shard", f"{number}/2", library) for number in (1, 2)]
    assert sorted(itertools.chain(first, *rest)) == sorted(str(library / name) for name in NAMES)
    assert len(list((tmp_path / "out").rglob("drums.wav"))) == len(NAMES)
    assert tracks("--recursive", library) == []


def test_twins_keep_their_endings_in_every_shard(tracks: Tracks, tmp_path: Path) -> None:
    for name in ("Song.wav", "Song.WAV", "Song.flac", "Other.wav"):
        (tmp_path / "music").mkdir(exist_ok=True)
        write_wav(tmp_path / "music/new.wav", music(300)).rename(tmp_path / "music" / name)
    for number in range(1, 9):
        tracks("--shard", f"{number}/8", tmp_path / "music")
    written = sorted(file.parent.name for file in (tmp_path / "out").rglob("drums.wav"))
    assert written == ["Other", "Song.WAV", "Song.flac", "Song.wav"]


def test_what_leads_to_no_song_is_told_by_every_shard(
    cli: Cli, gains_model: Path, library: Path, tmp_path: Path
) -> None:
    codes = []
    for number in (1, 2):
        shard = ("--recursive", "--shard", f"{number}/2")
        done = cli(
            "-m", gains_model, *shard, library / "A", tmp_path / "none*", tmp_path / "lost.wav", tmp_path / "out"
        )
        assert "no file matches" in done.stderr
        codes.append((done.returncode, "lost.wav': " in done.stderr))
    assert sorted(codes) == [(7, False), (7, True)]


def test_a_shard_may_be_empty(cli: Cli, gains_model: Path, library: Path, tmp_path: Path) -> None:
    said = []
    for number in range(1, 4):
        song = library / NAMES[0]
        done = cli("-m", gains_model, "--shard", f"{number}/3", song, tmp_path / f"out {number}")
        assert done.returncode == 0, done.stderr
        said.append(f"shard {number}/3: 1 of 1 tracks" in done.stderr)
        assert f"shard {number}/3: {int(said[-1])} of 1 tracks" in done.stderr
        assert (tmp_path / f"out {number}/drums.wav").exists() == said[-1]
    assert sum(said) == 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "a/4", "3/b", "/4", "3/", "-1/4", "1/0", "1/4/2", "1/99999999999"])
def test_unusable_shards(cli: Cli, gains_model: Path, library: Path, tmp_path: Path, text: str) -> None:
    done = cli("-m", gains_model, f"--shard={text}", library, tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr == (
        f"demucs_ort_cli: --shard takes NUMBER/COUNT such as 3/16, from 1/16 to 16/16, not '{text}'\n"
    )
    assert not (tmp_path / "out").exists()
