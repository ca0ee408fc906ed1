"""Many tracks in one run: what is taken, what is skipped, what fails, what an interruption leaves."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import soundfile
from support import Cli, music, obey_permissions, shown_on_a_terminal, write_wav


def song(path: Path, frames: int = 2000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_wav(path.with_name("new.wav"), music(frames)).rename(path)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Three songs in two albums and one beside them, among files that are none."""
    folder = tmp_path / "music"
    for name in ("A/one/1 first.wav", "A/one/2 second.wav", "B/1 first.wav", "single.WAV"):
        song(folder / name)
    (folder / "A/one/._1 first.wav").write_bytes(b"what macOS notes of 1 first.wav")
    song(folder / ".Trash-1000/old.wav")
    (folder / "A/one/cover.jpg").write_bytes(b"no music")
    (folder / "B/mix.stem.mp4").write_bytes(b"made by this program")
    return folder


def tracks_in(out: Path) -> list[str]:
    return sorted(str(file.parent.relative_to(out)) for file in out.rglob("drums.wav"))


ALL = ["A/one/1 first", "A/one/2 second", "B/1 first", "single"]


def test_folders(cli: Cli, gains_model: Path, library: Path, tmp_path: Path) -> None:
    done = cli("-m", gains_model, "--recursive", library, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert tracks_in(tmp_path / "out") == ALL
    assert "[4/4]" in done.stderr
    done = cli("-m", gains_model, library, tmp_path / "flat")
    assert done.returncode == 0
    assert tracks_in(tmp_path / "flat") == ["single"]
    done = cli("-m", gains_model, library / "A", tmp_path / "none")
    assert done.returncode == 4
    assert "--recursive looks into its subfolders" in done.stderr


def test_names_with_leading_dots_are_music_and_what_is_left_out_is_counted(
    cli: Cli, gains_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "music"
    for name in ("...And Justice/01.wav", "...Baby.wav", ".38 Special/.wav.wav", "...wav", "Toxic.wav"):
        song(folder / name)
    for name in ("._Toxic.wav", ".DS_Store", "Thumbs.db", "cover.JPG", "@eaDir/Toxic.wav", "x.stem.mp4", "README"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"no music")
    (folder / "again").symlink_to(folder)
    report = tmp_path / "report.json"
    done = cli("-m", gains_model, "--json", report, "--recursive", folder, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert tracks_in(tmp_path / "out") == ["...And Justice/01", "...Baby", "...wav", ".38 Special/.wav", "Toxic"]
    counted = {"links to folders": 1, "no audio": 4, "of the system": 2, "stem files": 1}
    assert json.loads(report.read_text())["left_out"] == counted
    said = "1 links to folders; 4 no audio (.db, .jpg, without ending); 2 of the system; 1 stem files\n"
    assert f"left out of the folders: {said}" in done.stderr
    done = cli("-m", gains_model, "--json", report, folder / "*.wav", tmp_path / "pattern")
    assert tracks_in(tmp_path / "pattern") == ["...Baby", "...wav", "Toxic"]
    assert json.loads(report.read_text())["left_out"] == {"of the system": 1}
    done = cli("-m", gains_model, "--json", report, folder, folder / "Toxic stems")
    assert json.loads(report.read_text())["left_out"]["subfolders, without --recursive"] == 2
    cli("-m", gains_model, "--json", report, "--recursive", folder, folder / "Toxic stems")
    assert json.loads(report.read_text())["left_out"]["made by this program"] == 1


@pytest.mark.parametrize("ending", ["caf", "w64", "mkv", "MOV", "spx", "mpga", "m4r", "avi", "rf64"])
def test_endings_that_are_taken(cli: Cli, gains_model: Path, tmp_path: Path, ending: str) -> None:
    source = song(tmp_path / "source.wav")
    file = tmp_path / f"music/song.{ending}"
    file.parent.mkdir()
    codec = {
        "spx": ["-c:a", "libspeex", "-ar", "16000"],
        "m4r": ["-f", "ipod"],
        "mpga": ["-f", "mp3"],
        "rf64": ["-rf64", "always", "-f", "wav"],
    }
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, *codec.get(ending, []), file], check=True)
    done = cli("-m", gains_model, file.parent, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert tracks_in(tmp_path / "out") == ["song"]


def test_songs_that_differ_in_their_endings_keep_them(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song(tmp_path / "music/Other.wav")
    song(tmp_path / "music/Song.flac")
    source = song(tmp_path / "source.wav", 3000)
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, tmp_path / "music/Song.mp3"], check=True)
    for said in (False, True):
        done = cli("-m", gains_model, tmp_path / "music", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        assert tracks_in(tmp_path / "out") == ["Other", "Song.flac", "Song.mp3"]
        assert ("3 of 3 tracks are done already" in done.stderr) == said
    # What still has the same name fails alone.
    done = cli("-m", gains_model, song(tmp_path / "other/Song.flac"), tmp_path / "music/*", tmp_path / "names")
    assert done.returncode == 7
    assert tracks_in(tmp_path / "names") == ["Other", "Song.mp3"]
    assert done.stderr.count("two inputs would both be written to") == 4


def test_what_cannot_be_read_fails_alone(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    song(folder / "a.wav")
    song(folder / "secret/b.wav")
    song(folder / "secret.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    for place in ("secret", "secret.wav"):
        (folder / place).chmod(0)
    playlist = tmp_path / "list.m3u"
    playlist.touch(mode=0)
    inputs = (folder, playlist, tmp_path / ("x" * 300 + ".wav"), tmp_path / "loop", tmp_path / "loop/x.wav")
    (tmp_path / "loop").symlink_to("loop")
    out = tmp_path / "out"
    done = cli("-q", "-m", gains_model, "--recursive", *inputs, out, preexec_fn=obey_permissions)
    (folder / "secret").chmod(0o700)
    assert done.returncode == 7
    assert tracks_in(out) == ["a"]
    *_, head, loop, secret_folder, secret, _, long, loop_itself, behind = done.stderr.strip().splitlines()
    assert head == "demucs_ort_cli: 7 of 8 tracks failed:"
    assert "Permission denied" in secret_folder
    assert f"cannot read the folder '{folder}/secret'" in secret_folder
    assert secret.endswith(f"cannot read '{folder}/secret.wav': Permission denied")
    assert f"cannot read '{playlist}': Permission denied" in done.stderr
    assert "File name too long" in long
    for line in (loop, loop_itself, behind):
        assert "Too many levels of symbolic links" in line


def test_names_as_long_as_the_file_system_takes(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    names = ["x" * 234, "ü" * 117, "y" * 247]
    for name in names:
        song(tmp_path / f"music/{name}.wav")
    arguments = ("-m", gains_model, tmp_path / "music", tmp_path / "out")
    assert cli(*arguments).returncode == 0
    done = cli(*arguments)
    assert done.returncode == 0
    assert "3 of 3 tracks are done already" in done.stderr
    four = gains_model.with_name("four.onnx")
    done = cli("-q", "-m", four, "--format", "stem.mp4", tmp_path / "music", tmp_path / "stem files")
    assert done.returncode == 7
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("demucs_ort_cli:   "))
    assert line.startswith("demucs_ort_cli:   5  ")
    assert line.endswith(f"cannot write '{tmp_path}/stem files/{names[2]}.stem.mp4': File name too long")


def test_names_that_are_not_utf_8_are_known_again(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    for name in (b"gr\xfcn.wav", b"wei\xdf.wav"):
        song(tmp_path / "music" / os.fsdecode(name))
    for said in (False, True):
        arguments = ("-m", gains_model, "--recursive", "--filename", "{track} {stem}.{ext}")
        done = cli(*arguments, tmp_path / "music", tmp_path / "music", errors="surrogateescape")
        assert done.returncode == 0
        assert ("2 of 2 tracks are done already" in done.stderr) == said


@pytest.mark.parametrize("words", ["<(cat song.wav) out", "/dev/stdin out < <(cat song.wav)"])
def test_pipes_are_refused(cli_path: Path, gains_model: Path, tmp_path: Path, words: str) -> None:
    song(tmp_path / "song.wav")
    command = ["bash", "-c", f"'{cli_path}' -q -m '{gains_model}' {words}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 4
    assert "it is a pipe or device, and a song is read twice; save it first" in done.stderr


def test_an_output_folder_among_the_songs_is_not_taken_for_songs(cli: Cli, gains_model: Path, library: Path) -> None:
    out = library / "stems"
    for _ in range(2):
        assert cli("-m", gains_model, "--recursive", library, out).returncode == 0
        assert tracks_in(out) == ALL
    single = library / "B"
    for _ in range(2):
        done = cli("-m", gains_model, "--recursive", single, single)
        assert done.returncode == 0, done.stderr
        assert tracks_in(single) == ["1 first"]


def test_playlists(cli: Cli, gains_model: Path, library: Path, tmp_path: Path) -> None:
    song(library / "Čeština.wav")
    song(library / "grün.wav")
    song(library / "a b.wav")
    song(library / "100%20.wav")
    song(library / "100 .wav")
    lines = [
        "\ufeff#EXTM3U",
        "#EXTINF:1,one",
        "A\\one\\1 first.wav",
        "",
        f"file://{library}/A/one/2%20second.wav\r",
        "Čeština.wav",
        "A/one/1 first.wav",
        "a%20b.wav",
        "100%20.wav",
        f"FILE://localhost{library}/A/one/2%20second.wav",
        f"file:{library}/single.WAV",
    ]
    playlist = library / "list.m3u8"
    playlist.write_text("\n".join(lines), encoding="utf-8")
    done = cli("-m", gains_model, playlist, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    both = ["1 first", "100%20", "2 second", "a b", "single", "Čeština"]
    assert tracks_in(tmp_path / "out") == both
    old = library / "old.M3U"
    old.write_bytes("grün.wav\nhttp://radio.example/stream\nfile://server/share/x.mp3\nnowhere.mp3\n".encode("latin-1"))
    done = cli("-m", gains_model, old, tmp_path / "old")
    assert done.returncode == 7
    assert tracks_in(tmp_path / "old") == ["grün"]
    assert "'http://radio.example/stream' of" in done.stderr
    assert "'file://server/share/x.mp3' of" in done.stderr
    assert done.stderr.count("it is no local file") == 4
    folder = tmp_path / "playlists"
    folder.mkdir()
    (folder / "new.m3u").write_text("../music/single.WAV\n")
    assert cli("-m", gains_model, folder / "*.m3u", tmp_path / "pattern").returncode == 0
    assert tracks_in(tmp_path / "pattern") == ["single"]
    assert "nowhere.mp3': there is no such file" in done.stderr


def test_patterns(cli: Cli, gains_model: Path, library: Path, tmp_path: Path) -> None:
    done = cli("-m", gains_model, library / "*/*/*.wav", library / "s?ngle.*", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert tracks_in(tmp_path / "out") == ["1 first", "2 second", "single"]
    done = cli("-m", gains_model, "*.mp3", tmp_path / "none", cwd=library)
    assert done.returncode == 4
    assert "no file matches '*.mp3'" in done.stderr
    strange = song(library / "what? [1].wav")
    assert cli("-m", gains_model, strange, tmp_path / "strange").returncode == 0
    assert (tmp_path / "strange/drums.wav").exists()


def test_the_same_file_twice_is_separated_once(cli: Cli, gains_model: Path, library: Path, tmp_path: Path) -> None:
    file = library / "single.WAV"
    done = cli("-m", gains_model, file, library / "A/../single.WAV", tmp_path / "out")
    assert done.returncode == 0
    assert tracks_in(tmp_path / "out") == ["single"]


def times(out: Path) -> dict[str, int]:
    return {str(file.relative_to(out)): file.stat().st_mtime_ns for file in out.rglob("*.wav")}


def test_what_is_done_is_skipped_until_something_changes(
    cli: Cli, gains_model: Path, library: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    report = tmp_path / "report.json"

    def again(*options: object, model: Path = gains_model) -> list[str]:
        """The tracks that were separated, the others having been left alone."""
        before = times(out)
        done = cli("-m", model, *options, "--json", report, "--recursive", library, out)
        assert done.returncode == 0, done.stderr
        told = [not track["skipped"] for track in json.loads(report.read_text())["tracks"]]
        changed = {str(Path(name).parent) for name, time in times(out).items() if before.get(name) != time}
        assert sum(told) == len(changed)
        if len(changed) < 4:
            assert f"{4 - len(changed)} of 4 tracks are done already" in done.stderr
        return sorted(changed)

    assert again() == ALL
    assert again() == []
    assert again("--jobs", "2") == []
    (out / "single/bass.wav").unlink()
    assert again() == ["single"]
    (out / "single/bass.wav").write_bytes(b"cut off")
    assert again() == ["single"]
    os.utime(library / "B/1 first.wav", ns=(0, 0))
    assert again() == ["B/1 first"]
    assert again("--overlap", "0.5") == ALL
    assert again("--overlap", "0.5", "--bit-depth", "16") == ALL
    assert again("--overlap", "0.5", "--bit-depth", "16") == []
    assert again("--overlap", "0.5", "--bit-depth", "16", model=gains_model.with_name("other.onnx")) == ALL
    assert again("--force") == ALL
    (out / "single/.single.demucs_ort.json").write_text("[1, 2")
    assert again() == ["single"]


def test_stem_files_are_skipped_unless_their_labels_change(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    songs = [song(tmp_path / f"{name}.wav") for name in "ab"]
    base = ["-m", gains_model.with_name("four.onnx"), "--format", "stem.mp4", *songs, tmp_path / "out"]
    for options, said in (([], False), ([], True), (["--stem-name", "bass=Low"], False), (["--fold", "x=bass"], None)):
        done = cli(*options, *base)
        if said is None:
            assert done.returncode == 2
        else:
            assert ("2 of 2 tracks are done already" in done.stderr) == said
    assert sorted(file.name for file in (tmp_path / "out").glob("*.mp4")) == ["a.stem.mp4", "b.stem.mp4"]


def test_a_single_input_leaves_no_record_and_is_never_skipped(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    file = song(tmp_path / "song.wav")
    for _ in range(2):
        assert "frames" in cli("-m", gains_model, file, tmp_path / "out").stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bass.wav", "drums.wav"]


def test_failures_end_in_a_table(cli: Cli, gains_model: Path, library: Path, tmp_path: Path) -> None:
    (library / "B/broken.mp3").write_bytes(b"no music " * 100)
    done = cli("-q", "-m", gains_model, "--recursive", library, tmp_path / "gone.wav", tmp_path / "out")
    assert done.returncode == 7
    assert tracks_in(tmp_path / "out") == ALL
    *_, head, first, second = done.stderr.strip().splitlines()
    assert head == "demucs_ort_cli: 2 of 6 tracks failed:"
    assert first.startswith(f"demucs_ort_cli:   4  {library}/B/broken.mp3  cannot read")
    assert second.startswith(f"demucs_ort_cli:   4  {tmp_path}/gone.wav  cannot read")
    # Only the failed ones are tried again.
    done = cli("-m", gains_model, "--recursive", library, tmp_path / "gone.wav", tmp_path / "out")
    assert done.returncode == 7
    assert "4 of 6 tracks are done already" in done.stderr


def test_if_all_tracks_fail_the_code_is_that_of_the_first(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    done = cli("-m", gains_model, tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "out")
    assert done.returncode == 4
    assert "2 of 2 tracks failed" in done.stderr


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_an_interruption_keeps_finished_tracks_and_the_next_run_goes_on(
    cli: Cli, cli_path: Path, gains_model: Path, tmp_path: Path, jobs: str
) -> None:
    short = song(tmp_path / "music/1 short.wav", 3000)
    for name in ("2 long", "3 long"):
        song(tmp_path / f"music/{name}.wav", 500_000)
    out = tmp_path / "out"
    command = [cli_path, "-m", gains_model.with_name("slow.onnx"), "--jobs", jobs, tmp_path / "music", out]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    while "3000 frames" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "tracks failed" not in stderr
    assert tracks_in(out) == ["1 short"]
    assert [file.name for file in out.iterdir()] == ["1 short"]
    finished = times(out)
    (tmp_path / "music/2 long.wav").unlink()
    song(tmp_path / "music/3 long.wav", 5000)
    done = cli(*command[1:])
    assert done.returncode == 0, done.stderr
    assert "1 of 2 tracks are done already" in done.stderr
    assert tracks_in(out) == ["1 short", "3 long"]
    assert finished.items() <= times(out).items()
    assert short.exists()


def test_several_jobs_write_what_one_writes(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    for index in range(7):
        write_wav(tmp_path / f"music/{index}.wav", music(20_000 + index, seed=index))
    (tmp_path / "music/bad.wav").write_bytes(b"x")
    reports = {}
    for jobs in ("1", "4"):
        report = tmp_path / f"{jobs}.json"
        done = cli("-m", gains_model, "--jobs", jobs, "--json", report, tmp_path / "music", tmp_path / jobs)
        assert done.returncode == 7
        reports[jobs] = json.loads(report.read_text())["tracks"]
    assert [track["exit_code"] for track in reports["4"]] == [track["exit_code"] for track in reports["1"]]
    for index in range(7):
        for stem in ("drums", "bass"):
            file = f"{index}/{stem}.wav"
            assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "4" / file).read_bytes()


def test_jobs_share_threads_and_runs(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    """However many tracks at a time: as many threads as were asked for, and as many runs as suit these."""
    for name in "ab":
        song(tmp_path / f"music/{name}.wav", 3000)
    facts = {}
    for threads, runs in (("2", "0"), ("8", "0"), ("2", "3")):
        report = tmp_path / f"{threads} {runs}.json"
        options = ["-m", gains_model, "--threads", threads, "--runs", runs, "--jobs", "2", "--json", report]
        assert cli(*options, "--force", tmp_path / "music", tmp_path / "out").returncode == 0
        told = json.loads(report.read_text())
        facts[threads, runs] = (told["threads"], told["max_concurrent_runs"], told["max_batch"], told["jobs"])
    assert facts == {("2", "0"): (2, 1, 1, 2), ("8", "0"): (8, 2, 1, 2), ("2", "3"): (2, 3, 1, 2)}


@pytest.mark.parametrize("options", [["--jobs", "0"], ["--jobs", "65"], ["--jobs", "two"]])
def test_unusable_numbers_of_jobs(cli: Cli, gains_model: Path, tmp_path: Path, options: list[str]) -> None:
    done = cli("-m", gains_model, *options, tmp_path / "a.wav", tmp_path / "out")
    assert done.returncode == 2
    assert "--jobs" in done.stderr


def test_a_terminal_shows_one_bar_for_all_tracks(cli_path: Path, gains_model: Path, tmp_path: Path) -> None:
    for name in "ab":
        song(tmp_path / f"music/{name}.wav", 30_000)
    slow = gains_model.with_name("slow.onnx")
    shown = shown_on_a_terminal(cli_path, "-m", slow, tmp_path / "music", tmp_path / "out")
    assert b"50 %" in shown
    assert b"1/2 100 % a.wav" in shown
    assert b"2/2 100 % b.wav" in shown
    assert soundfile.info(tmp_path / "out/b/bass.wav").frames == 30_000
