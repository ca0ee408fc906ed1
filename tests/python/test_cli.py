"""The command line program: what it writes, says and returns. A model of two fixed gains stands in for a network."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import demucs_native
import numpy as np
import pytest
import soundfile
from demucs_export import Report
from support import ROOT, Cli, decode, music, shown_on_a_terminal, write_wav


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "song.wav", music(30_000))


def test_writes_every_stem_at_the_length_and_rate_of_the_song(
    cli: Cli, gains_model: Path, song: Path, tmp_path: Path
) -> None:
    done = cli("-m", gains_model, song, tmp_path / "out")
    assert (done.returncode, done.stdout) == (0, "")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["bass.wav", "drums.wav"]
    mix, rate = soundfile.read(song, dtype="float32")
    for stem, gain in (("drums", 0.75), ("bass", 0.25)):
        samples, stem_rate = soundfile.read(tmp_path / f"out/{stem}.wav", dtype="float32")
        assert stem_rate == rate
        assert soundfile.info(tmp_path / f"out/{stem}.wav").subtype == "FLOAT"
        mean = mix.mean()
        np.testing.assert_allclose(samples, gain * (mix - mean) + mean, atol=1e-6)


def test_chooses_stems(cli: Cli, gains_model: Path, song: Path, tmp_path: Path) -> None:
    assert cli("-m", gains_model, "--stems", "bass", song, tmp_path / "one").returncode == 0
    assert [p.name for p in (tmp_path / "one").iterdir()] == ["bass.wav"]
    assert cli("-m", gains_model, "--two-stems", "bass", song, tmp_path / "two").returncode == 0
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == ["bass.wav", "no_bass.wav"]
    done = cli("-m", gains_model, "--stems", "piano", song, tmp_path / "none")
    assert done.returncode == 2
    assert "no stem 'piano'; it has drums, bass" in done.stderr
    assert not (tmp_path / "none").exists()


def test_providers_are_listed(cli: Cli) -> None:
    assert cli("--list-providers").stdout.split() == demucs_native.providers()
    assert demucs_native.providers()[-1] == "cpu"


def test_providers_that_are_not_there_are_refused_not_replaced(
    cli: Cli, gains_model: Path, song: Path, tmp_path: Path
) -> None:
    for provider, code, reason in (
        ("openvino", 6, "onnxruntime-openvino"),
        ("cuda", 6, "does not offer the provider cuda, only"),
        ("abacus", 2, "'abacus'; this version knows"),
    ):
        done = cli("-m", gains_model, "--provider", provider, song, tmp_path / "out")
        assert done.returncode == code
        assert reason in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("depth", "subtype"), [("16", "PCM_16"), ("24", "PCM_24"), ("32f", "FLOAT")])
def test_bit_depth_and_clipping(cli: Cli, gains_model: Path, tmp_path: Path, depth: str, subtype: str) -> None:
    mix = music(20_000) * 8
    song = write_wav(tmp_path / "loud.wav", mix)
    done = cli("-m", gains_model, "--bit-depth", depth, song, tmp_path / "out")
    assert done.returncode == 0
    stem = tmp_path / "out/drums.wav"
    assert soundfile.info(stem).subtype == subtype
    samples = soundfile.read(stem)[0].T
    expected = 0.75 * (mix - mix.mean()) + mix.mean()
    if depth == "32f":
        assert "clipped" not in done.stderr
    else:
        clipped = int((np.abs(expected) > 1).sum())
        assert clipped > 100
        assert f"{clipped} samples beyond full scale were clipped" in done.stderr
        expected = np.clip(expected, -1, 1)
    np.testing.assert_allclose(samples, expected, atol=2.0 ** -(15 if depth == "16" else 21))


def test_several_inputs_get_a_folder_each_and_a_bad_one_does_not_stop_the_rest(
    cli: Cli, gains_model: Path, tmp_path: Path
) -> None:
    first = write_wav(tmp_path / "Erster Gang.wav", music(3000))
    bad = tmp_path / "notes.txt"
    bad.write_text("no music here")
    last = write_wav(tmp_path / "Žluťoučký kůň 音楽.wav", music(4000))
    report = tmp_path / "report.json"
    done = cli("-m", gains_model, "--json", report, first, bad, last, tmp_path / "out")
    assert done.returncode == 7
    assert "notes.txt" in done.stderr
    assert soundfile.info(tmp_path / "out/Erster Gang/drums.wav").frames == 3000
    assert soundfile.info(tmp_path / "out/Žluťoučký kůň 音楽/bass.wav").frames == 4000
    assert not (tmp_path / "out/notes").exists()
    tracks = json.loads(report.read_text())["tracks"]
    assert [track["exit_code"] for track in tracks] == [0, 4, 0]
    assert "notes.txt" in tracks[1]["error"]


def test_two_inputs_of_one_name_are_refused(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / "song.wav", music(1000))
    done = cli("-m", gains_model, tmp_path / "a/song.wav", tmp_path / "b/song.wav", tmp_path / "out")
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


def test_never_overwrites_an_input(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "bass.wav", music(1000))
    (tmp_path / "bass").mkdir()
    other = write_wav(tmp_path / "bass/drums.wav", music(2000))
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    before = song.read_bytes(), other.read_bytes()
    for arguments, code in (((song, tmp_path), 2), ((song, link), 2), ((song, other, tmp_path), 7)):
        done = cli("-m", gains_model, *arguments)
        assert done.returncode == code
        assert "would overwrite an input" in done.stderr
    assert (song.read_bytes(), other.read_bytes()) == before
    assert (tmp_path / "drums/bass.wav").exists()  # the other track goes on


def test_json_report(cli: Cli, gains_model: Path, song: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert cli("-m", gains_model, "--json", report, "--shifts", "2", song, tmp_path / "out").returncode == 0
    facts = json.loads(report.read_text())
    assert facts["model"]["sources"] == ["drums", "bass"]
    assert facts["provider"] == "cpu"
    assert facts["shifts"] == 2
    assert facts["load_seconds"] > 0
    assert facts["peak_memory_bytes"] > 10_000_000
    (track,) = facts["tracks"]
    assert (track["frames"], track["sample_rate"]) == (30_000, 44_100)
    assert track["audio_seconds"] == pytest.approx(30_000 / 44_100)
    assert track["real_time_factor"] == pytest.approx(track["run_seconds"] / track["audio_seconds"])
    assert [Path(stem).name for stem in track["stems"]] == ["drums.wav", "bass.wav"]


def test_quiet_says_nothing_and_info_describes_the_model(
    cli: Cli, gains_model: Path, song: Path, tmp_path: Path
) -> None:
    done = cli("-q", "-m", gains_model, song, tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    info = cli("--info", gains_model)
    assert info.returncode == 0
    assert "drums, bass" in info.stdout
    assert "no separation" in info.stdout
    assert cli("--version").stdout.startswith("demucs_ort_cli ")


def test_untrained_weights_are_never_presented_as_a_separation(
    cli: Cli, gains_model: Path, song: Path, tmp_path: Path
) -> None:
    assert "untrained weights" in cli("-m", gains_model, song, tmp_path / "out").stderr


def test_same_seed_same_stems(cli: Cli, small_export: Report, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(100_000))
    for out, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        arguments = ("-m", small_export.onnx, "--shifts", "1", "--seed", seed, "--stems", "bass")
        assert cli(*arguments, song, tmp_path / out).returncode == 0
    a, b, c = ((tmp_path / out / "bass.wav").read_bytes() for out in "abc")
    assert a == b
    assert a != c


def test_best_is_the_documented_setting(cli: Cli, gains_model: Path, song: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert cli("-m", gains_model, "--best", "--json", report, song, tmp_path / "out").returncode == 0
    facts = json.loads(report.read_text())
    named = re.search(r"`--best` is `--shifts (\d+)`", (ROOT / "docs/cli.md").read_text())
    assert named
    assert (facts["overlap"], facts["shifts"]) == (0.25, int(named[1]))


@pytest.mark.parametrize(
    "arguments",
    [
        ("only-one-path",),
        ("-m", "MODEL", "--overlap", "1", "SONG", "OUT"),
        ("-m", "MODEL", "--bit-depth", "12", "SONG", "OUT"),
        ("-m", "MODEL", "--threads", "many", "SONG", "OUT"),
        ("-m", "MODEL", "--threads", "4294967295", "SONG", "OUT"),
        ("-m", "MODEL", "--shifts", "4000000000", "SONG", "OUT"),
        ("-m", "MODEL", "--best", "--shifts", "2", "SONG", "OUT"),
        ("-m", "MODEL", "--stems", "bass", "--two-stems", "bass", "SONG", "OUT"),
        ("-m", "MODEL", "--frobnicate", "SONG", "OUT"),
    ],
)
def test_wrong_command_lines_end_with_code_2_and_one_sentence(
    cli: Cli, gains_model: Path, song: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    places = {"MODEL": gains_model, "SONG": song, "OUT": tmp_path / "out"}
    done = cli(*(places.get(argument, argument) for argument in arguments))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["nowhere", "truncated", "garbage", "empty", "no_sources", "wrong_shape"])
def test_unusable_models_end_with_code_3(cli: Cli, gains_model: Path, song: Path, tmp_path: Path, name: str) -> None:
    done = cli("-m", gains_model.with_name(f"{name}.onnx"), song, tmp_path / "out")
    assert done.returncode == 3
    assert f"{name}.onnx" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_damaged_ort_files_end_with_code_3(cli: Cli, small_export: Report, song: Path, tmp_path: Path) -> None:
    whole = small_export.ort.read_bytes()
    torn = bytearray(whole)
    torn[:20_000] = np.random.default_rng(0).bytes(20_000)
    for name, content in {"short": whole[: len(whole) // 2], "torn": bytes(torn), "empty": b""}.items():
        file = tmp_path / f"{name}.ort"
        file.write_bytes(content)
        done = cli("-m", file, song, tmp_path / "out")
        assert done.returncode == 3
        assert f"{name}.ort" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_missing_onnxruntime_ends_with_code_6(cli: Cli, gains_model: Path, song: Path, tmp_path: Path) -> None:
    for wrong in ("/nowhere/libonnxruntime.so", shutil.which("true")):
        environment = os.environ | {"DEMUCS_ORT_ONNXRUNTIME": str(wrong)}
        done = cli("-m", gains_model, song, tmp_path / "out", env=environment)
        assert done.returncode == 6
        assert "ONNX Runtime" in done.stderr


def test_unwritable_output_ends_with_code_5(cli: Cli, gains_model: Path, song: Path, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    for folder in (in_the_way, in_the_way / "sub", Path("/proc/nowhere")):
        done = cli("-m", gains_model, song, folder)
        assert done.returncode == 5
        assert str(folder) in done.stderr
    occupied = tmp_path / "occupied"
    (occupied / "drums.wav").mkdir(parents=True)
    assert cli("-m", gains_model, song, occupied).returncode == 5


def test_places_of_files_are_checked_before_the_work(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    """No model and no usable song are needed to find out."""
    song = write_wav(tmp_path / "song.wav", np.full((2, 1000), np.nan, np.float32))
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder").mkdir()
    (tmp_path / "taken.stem.mp4").mkdir()
    out = tmp_path / "out"
    (out / "file").mkdir(parents=True)
    (out / "song").write_text("not a folder")
    for report in ("nowhere/x.json", "file/x.json", "folder", f"{'x' * 300}.json"):
        done = cli("-m", gains_model.with_name("nowhere.onnx"), "--json", tmp_path / report, song, out)
        assert done.returncode == 5, done.stderr
        assert str(tmp_path / report) in done.stderr
    four = [write_wav(tmp_path / f"{name}.wav", music(1000)) for name in ("drums", "bass", "other", "vocals")]
    done = cli("--from-stems", *four, tmp_path / "taken.stem.mp4")
    assert done.returncode == 5
    assert "there is a folder of that name" in done.stderr
    for pattern in ("{track}/{stem}.{ext}", "x" * 300 + "/{stem}.{ext}", "{stem} " + "x" * 250 + ".{ext}"):
        done = cli("-q", "-m", gains_model, "--filename", pattern, song, out)
        assert done.returncode == 5, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert "cannot write" in done.stderr
    assert sorted(file.name for file in out.iterdir()) == ["file", "song"]


def test_the_report_may_lie_in_the_new_output_folder_or_go_down_a_pipe(
    cli: Cli, gains_model: Path, song: Path, tmp_path: Path
) -> None:
    done = cli("-q", "-m", gains_model, "--json", tmp_path / "out/report.json", song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out/report.json").read_text())["tracks"][0]["frames"] == 30_000
    pipe = tmp_path / "pipe"  # not /dev/stdout, which a program at fault would replace on this machine
    os.mkfifo(pipe)
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)) as reader:
        assert cli("-q", "-m", gains_model, "--json", pipe, song, tmp_path / "out").returncode == 0
        assert json.loads(reader.read())["tracks"][0]["frames"] == 30_000
    assert pipe.is_fifo()
    link = tmp_path / "link.json"
    link.symlink_to("out/report.json")
    assert cli("-q", "-m", gains_model, "--json", link, "--shifts", "1", song, tmp_path / "out").returncode == 0
    assert json.loads((tmp_path / "out/report.json").read_text())["shifts"] == 1
    assert link.is_symlink()


def test_full_disk_leaves_no_stem(cli: Cli, gains_model: Path, song: Path, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = cli("-m", gains_model, song, tmp_path / "out", preexec_fn=limit)
    assert done.returncode == 5
    assert "cannot write" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_full_disk_is_noticed_when_the_last_bytes_are_flushed(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "short.wav", music(1000))
    frames_fit_but_not_the_header = 500

    def limit() -> None:
        size = frames_fit_but_not_the_header
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = cli("-m", gains_model, song, tmp_path / "out", preexec_fn=limit)
    assert done.returncode == 5
    assert list((tmp_path / "out").iterdir()) == []


Halfway = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def halfway(cli_path: Path, gains_model: Path, tmp_path: Path) -> Halfway:
    """Starts a run that takes long and has written something into `tmp_path / "out"`."""
    song = write_wav(tmp_path / "long.wav", music(500_000))

    def start() -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [cli_path, "-m", gains_model.with_name("slow.onnx"), song, tmp_path / "out"],
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background job ignores Ctrl-C, and its children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert process.stderr is not None
        while "10 %" not in process.stderr.readline():
            assert process.poll() is None
        return process

    return start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_runs_leave_nothing(halfway: Halfway, tmp_path: Path, number: signal.Signals) -> None:
    process = halfway()
    process.send_signal(number)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert "cancelled" in stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_run_whose_messages_nobody_reads_any_more_leaves_nothing(halfway: Halfway, tmp_path: Path) -> None:
    process = halfway()
    assert process.stderr is not None
    process.stderr.close()  # as `2>&1 | head -1` does
    assert process.wait(timeout=60) == 128 + signal.SIGPIPE
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next_and_that_of_others_is_not(
    cli: Cli, gains_model: Path, song: Path, halfway: Halfway, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    killed, living = halfway(), halfway()
    (left,) = (folder for folder in out.iterdir() if holds_open(killed, folder))
    (kept,) = (folder for folder in out.iterdir() if holds_open(living, folder))
    killed.kill()
    killed.communicate()
    assert list(out.glob("*.wav")) == []
    # As another machine would name it that shares the folder, but no locks.
    _, host, kernel, number = left.name.split("-")
    elsewhere = out / f".demucs_ort-{host[::-1]}-{kernel[::-1]}-{number}"
    shutil.copytree(left, elsewhere)
    after_a_restart = out / f".demucs_ort-{host}-{kernel[::-1]}-{number}"
    shutil.copytree(left, after_a_restart)
    assert cli("-q", "-m", gains_model, song, out).returncode == 0
    names = {file.name for file in out.iterdir()}
    assert names == {"drums.wav", "bass.wav", kept.name, elsewhere.name}
    living.kill()
    living.communicate()


def holds_open(process: "subprocess.Popen[str]", folder: Path) -> bool:
    files = Path(f"/proc/{process.pid}/fd").iterdir()
    return any(str(folder) in str(file.readlink()) for file in files)


def test_progress_bar_on_a_terminal(cli_path: Path, gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "long.wav", music(100_000))
    slow = gains_model.with_name("slow.onnx")
    shown = shown_on_a_terminal(cli_path, "-m", slow, song, tmp_path / "out")
    assert b"left" in shown
    assert b"100 %" in shown
    assert shown.count(b"\n") <= 4


def test_memory_does_not_grow_with_the_length_of_the_track(cli: Cli, gains_model: Path, tmp_path: Path) -> None:
    peaks = []
    for name, seconds in (("short", 20), ("long", 600)):
        song = tmp_path / f"{name}.flac"
        tone = f"sine=frequency=440:sample_rate=44100:duration={seconds}"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", tone, song], check=True)
        report = tmp_path / f"{name}.json"
        arguments = ("-q", "-m", gains_model, "--json", report, "--bit-depth", "16")
        assert cli(*arguments, song, tmp_path / name).returncode == 0
        peaks.append(json.loads(report.read_text())["peak_memory_bytes"])
    # The long track's samples alone are 212 MB as stereo floats.
    assert peaks[1] < peaks[0] + 20_000_000


def test_output_equals_what_ffmpeg_decodes(cli: Cli, gains_model: Path, song: Path, tmp_path: Path) -> None:
    """Two stems of 0.75 and 0.25: drums + bass = mix + mean, whatever the container."""
    assert cli("-m", gains_model, song, tmp_path / "out").returncode == 0
    total = decode(tmp_path / "out/drums.wav") + decode(tmp_path / "out/bass.wav")
    mix = decode(song)
    np.testing.assert_allclose(total, mix + mix.mean(), atol=2e-6)
