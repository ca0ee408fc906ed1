"""The component `files` as hosts use it: programs built against the installed package, static and shared, C++ and C.

What they write is what demucs_ort_cli writes, to the byte.
"""

import os
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import once
from support import Cli, music, write_wav
from test_file_formats import tagged_song
from test_install import C_STRICT, CONSUMER, CPP_STRICT, build, expect_exports, run
from test_install import runtime as runtime  # fixtures
from test_install import shared_prefix as shared_prefix
from test_install import static_prefix as static_prefix

HOST = CONSUMER / "files"
FLAGS = f"-DCMAKE_CXX_FLAGS={CPP_STRICT} -Wno-float-equal", f"-DCMAKE_C_FLAGS={C_STRICT}"

# What goes wrong in which way: the name that the C++ host prints, the status, and words of the sentence.
ERRORS = {
    "missing song": (3, "there is no such file"),
    "folder as song": (3, "it is a folder"),
    "no song": (3, "it is not an audio file"),
    "song at 0 Hz": (1, "8000 to 192000 Hz"),
    "song of 9 channels": (1, "it is 1 to 8"),
    "stems without a place": (1, "'other' is not among the stems"),
    "mono stem file": (1, "a stem file is stereo"),
    "name of a stem file": (1, "let it end in .stem.mp4"),
    "mix to preserve": (1, "name the song"),
    "two mixes": (1, "choose one"),
    "length of the mix": (3, "30000 frames at 44100 Hz and its stems 123"),
    "missing song of stems": (3, "there is no such file"),
    "format": (1, "choose one of flac, m4a, mp3, ogg, stem.mp4, wav"),
    "mix of files": (1, "are for the format stem.mp4"),
    "bitrate": (1, "8 to 512 kbit/s"),
    "track without a song": (1, "but there is no song"),
    "other folder": (1, "no path inside of the output folder"),
    "no target": (1, "name a folder or a stem file"),
    "no stems": (1, "no stems to write"),
    "equal stems": (1, "two stems are called 'a'"),
    "stem as path": (1, "cannot be part of a file's name"),
    "rate of stems": (1, "8000 to 192000 Hz"),
    "three channels": (1, "stems have 1 or 2"),
    "endless": (1, "no track is that long"),
    "unwritable": (10, "cannot write to the output folder '/proc/stems'"),
    "file as folder": (10, "cannot write to the output folder"),
    "gap": (1, "frames from 150 on were written, but the next one is 100"),
    "NaN": (3, "the stem 'b' is NaN or infinite at frame 107"),
    "nothing": (3, "no frames were written"),
    "too few": (1, "100 frames were written, but there should be 150"),
    "too many": (1, "200 frames were written, but there should be 150"),
    "shorter than the song": (1, "100 frames were written, but there should be 30000"),
    "abandoned": (1, "was finished or abandoned"),
}
C_ERRORS = {
    "finished": (1, "was finished or abandoned"),
    "missing song": (3, "there is no such file"),
    "no path": (1, "path is NULL"),
    "nowhere to": (1, "channels is NULL"),
    "size": (1, "a struct_size of 3 bytes"),
    "no take": (1, "take is NULL"),
    "layout": (0, ""),
    "options": (0, ""),
    "no stems": (1, "stems is NULL"),
    "unwritable": (10, "cannot write to the output folder '/proc/x'"),
    "half a pair": (1, "fold is NULL"),
    "format": (1, "choose one of"),
    "no writer": (1, "writer is NULL"),
    "no channels": (1, "stems[0] is NULL"),
    "first": (0, ""),
    "gap": (1, "frames from 101 on were written, but the next one is 100"),
    "abandoned": (1, "was finished or abandoned"),
}


@pytest.fixture
def four(gains_model: Path) -> Path:
    return gains_model.with_name("four.onnx")


@pytest.fixture(scope="session", params=["static", "shared"])
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both hosts, as CMake builds them."""
    prefix = request.getfixturevalue(f"{request.param}_prefix")
    return once(
        tmp_path_factory,
        f"files_{request.param}",
        lambda folder: build(HOST, folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}", *FLAGS),
    )


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return tagged_song(tmp_path)


def expect_what_the_program_writes(
    cli: Cli, model: Path, song: Path, files: list[Path], tmp_path: Path, *options: str
) -> None:
    done = cli("-m", model, *options, song, tmp_path / "cli")
    assert done.returncode == 0, done.stderr
    written = sorted((tmp_path / "cli").iterdir())
    assert len(written) == len(files)
    for theirs, ours in zip(written, sorted(files), strict=True):
        assert ours.read_bytes() == theirs.read_bytes(), ours.name


@pytest.mark.parametrize("format_", ["wav", "flac", "m4a", "stem.mp4"])
def test_a_running_separation_becomes_the_files_of_the_program(
    programs: Path, cli: Cli, four: Path, runtime: Path, song: Path, tmp_path: Path, format_: str
) -> None:
    target = tmp_path / "out/tagged.stem.mp4" if format_ == "stem.mp4" else tmp_path / "out"
    said = run(
        programs / "files_cpp", "running", four, song, target, format_, DEMUCS_ORT_ONNXRUNTIME=str(runtime)
    ).splitlines()
    assert re.fullmatch(r"song 44100 Hz, 2 channels, 3\d{4} frames, 'Žluť' by 'A & B'", said[0])
    assert said[1] == "frames 1"
    files = sorted((tmp_path / "out").iterdir())
    assert sorted(said[2:]) == [f"file {file.name}" for file in files]
    expect_what_the_program_writes(cli, four, song, files, tmp_path, "--format", format_)


def test_files_of_another_rate_have_the_song_s_exact_length(
    programs: Path, cli: Cli, four: Path, runtime: Path, tmp_path: Path
) -> None:
    """The model's 44.1 kHz lie between the two: by rounding twice a frame could come or go."""
    source = write_wav(tmp_path / "source.wav", music(50_001, rate=48_000), rate=48_000)
    song = tmp_path / "song.flac"
    tags = ["-metadata", "title=A", "-metadata", "artist=B"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(source), *tags, str(song)], check=True)
    run(programs / "files_cpp", "running", four, song, tmp_path / "out", "flac", DEMUCS_ORT_ONNXRUNTIME=str(runtime))
    assert soundfile.info(tmp_path / "out/drums.flac").frames == 50_001
    files = sorted((tmp_path / "out").iterdir())
    expect_what_the_program_writes(cli, four, song, files, tmp_path, "--format", "flac")


def test_buffers_become_the_stem_file_of_the_program(
    programs: Path, cli: Cli, four: Path, runtime: Path, song: Path, tmp_path: Path
) -> None:
    environment = {"DEMUCS_ORT_ONNXRUNTIME": str(runtime)}
    target = tmp_path / "out.stem.mp4"
    assert run(programs / "files_cpp", "buffers", four, song, target, **environment) == "file out.stem.mp4\n"
    options = ["--format", "stem.mp4", "--codec", "alac", "--stem-name", "vocals=Voice"]
    expect_what_the_program_writes(cli, four, song, [target], tmp_path, *options)


def expect_errors(said: list[str], expected: dict[str, tuple[int, str]]) -> None:
    found = {line.partition(": ")[0]: line.partition(": ")[2] for line in said}
    assert found.keys() >= expected.keys()
    for name, (status, words) in expected.items():
        number, _, sentence = found[name].partition(" ")
        assert (int(number), words in sentence) == (status, True), f"{name}: {found[name]}"


def test_c_writes_the_same_and_says_what_is_wrong(
    programs: Path, cli: Cli, four: Path, runtime: Path, song: Path, tmp_path: Path
) -> None:
    folder, target = tmp_path / "here", tmp_path / "out.stem.mp4"
    folder.mkdir()
    command = [str(programs / "files_c"), str(four), str(song), str(target)]
    environment = os.environ | {"DEMUCS_ORT_ONNXRUNTIME": str(runtime)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert re.fullmatch(r"song 44100 Hz, 2 channels, 3\d{4} frames, 'Žluť' by 'A & B'", said[0])
    assert said[1:3] == ["frames 1", "files 1"]
    assert "no tag" in said
    expect_errors(said, C_ERRORS)
    assert list(folder.iterdir()) == []
    options = ["--format", "stem.mp4", "--codec", "alac", "--stem-name", "vocals=Voice"]
    expect_what_the_program_writes(cli, four, song, [target], tmp_path, *options)


def test_songs_are_read_anywhere_and_stems_need_no_song(programs: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(80_000))
    folder = tmp_path / "out"
    said = run(programs / "files_cpp", "edges", song, folder).splitlines()
    frames = -(-80_000 * 48_000 // 44_100)
    expected = [f"frames {frames}", *4 * ["same"], "0 beyond the end", "file loud.flac", "file quiet.flac"]
    assert said == expected
    time = np.arange(30_000)
    for name, level in (("loud", 0.5), ("quiet", 0.125)):
        samples, rate = soundfile.read(folder / f"{name}.flac")
        assert (rate, samples.shape) == (32_000, (20_000,))
        wave = level * np.sin(0.05 * np.interp(np.arange(20_000) * 1.5, time, time))
        assert np.abs(samples - wave)[100:-100].max() < 1e-3 * level


def test_every_error_is_one_sentence_and_leaves_nothing(programs: Path, song: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    said = run(programs / "files_cpp", "errors", song, folder).splitlines()
    expect_errors(said, ERRORS)
    assert [line for line in said if "no error" in line or "something is left" in line] == []
    afterwards = [line for line in said if line.startswith("  and then")]
    assert len(afterwards) == 7
    assert all("was finished or abandoned" in line for line in afterwards)
    assert said[-1] == "left 0"
    assert len(said) == len(ERRORS) + len(afterwards) + 1
    assert list(folder.iterdir()) == []


def test_pkg_config(
    static_prefix: Path, shared_prefix: Path, four: Path, runtime: Path, song: Path, tmp_path: Path
) -> None:
    """Also for the static library without --static, by which FFmpeg would have to be static, too."""
    for prefix in (static_prefix, shared_prefix):
        found = os.pathsep.join([str(prefix / "lib/pkgconfig"), os.environ.get("PKG_CONFIG_PATH", "")])
        flags = shlex.split(run("pkg-config", "--cflags", "--libs", "demucs_ort_files", PKG_CONFIG_PATH=found))
        assert ("-lavformat" in flags) == (prefix == static_prefix)
        program = tmp_path / "host"
        run("cc", HOST / "files.c", "-o", program, *flags)
        target = tmp_path / f"{prefix.parent.name}.stem.mp4"
        paths = {"DEMUCS_ORT_ONNXRUNTIME": str(runtime), "LD_LIBRARY_PATH": str(prefix / "lib")}
        assert "files 1" in run(program, four, song, target, **paths)
        assert target.exists()


def test_only_a_static_library_looks_for_what_is_linked_into_it(
    static_prefix: Path, shared_prefix: Path, tmp_path: Path
) -> None:
    only_soxr = tmp_path / "pkgconfig"
    only_soxr.mkdir()
    there = Path(run("pkg-config", "--variable=pcfiledir", "soxr").strip())
    (only_soxr / "soxr.pc").write_text((there / "soxr.pc").read_text())
    for prefix, packages, sentence in (
        (
            static_prefix,
            "/nowhere",
            "static demucs_ort takes any sample rate and needs soxr's development package",
        ),
        (static_prefix, only_soxr, "of a static demucs_ort needs FFmpeg's development packages"),
        (shared_prefix, "/nowhere", None),
    ):
        folder = tmp_path / f"{prefix.parent.name}{Path(packages).name}"
        command = ["cmake", "-S", str(HOST), "-B", str(folder), f"-DCMAKE_PREFIX_PATH={prefix}"]
        environment = os.environ | {"PKG_CONFIG_LIBDIR": str(packages), "PKG_CONFIG_PATH": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        said = " ".join(done.stderr.split())
        assert (done.returncode == 0) == (sentence is None), said
        assert sentence is None or sentence in said


def test_the_shared_library_exports_what_is_pinned_and_nothing_else(shared_prefix: Path) -> None:
    expect_exports(shared_prefix / "lib/libdemucs_ort_files.so", HOST / "exported_symbols.txt")


def test_the_static_library_takes_no_names_from_a_host(static_prefix: Path) -> None:
    """What a host may define, too: all but weak copies of templates is in namespaces of the library's name."""
    listed = run("nm", "--extern-only", "--defined-only", "--demangle", static_prefix / "lib/libdemucs_ort_files.a")
    strong = re.findall(r"^[0-9a-f]+ [TDBR] (.*)$", listed, re.MULTILINE)
    assert len(strong) > 100
    assert [name for name in strong if not re.match(r"(\w+ for )?demucs_ort(_files::|::|_)", name)] == []
