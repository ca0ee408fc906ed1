"""demucs_native.separate_file: the same files as the program, and how failures reach Python."""

import os
import threading
from pathlib import Path

import demucs_native
import numpy as np
import pytest
import soundfile
from demucs_export import Report
from support import Cli, decode, music, write_wav
from test_stem_files import manifest, streams


@pytest.fixture(scope="module")
def four(gains_model: Path) -> Path:
    return gains_model.with_name("four.onnx")


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, []),
        (
            {"format": "flac", "bit_depth": "16", "stems": ["vocals", "bass"], "overlap": 0.5},
            ["--format", "flac", "--bit-depth", "16", "--stems", "vocals,bass", "--overlap", "0.5"],
        ),
        (
            {"format": "mp3", "bitrate": 128, "two_stems": "drums", "other_method": "minus"},
            ["--format", "mp3", "--bitrate", "128", "--two-stems", "drums", "--other-method", "minus"],
        ),
        (
            {"format": "m4a", "codec": "alac", "filename": "{track} {stem}.{ext}", "residual_to": "other"},
            ["--format", "m4a", "--codec", "alac", "--filename", "{track} {stem}.{ext}", "--residual-to", "other"],
        ),
        (
            {"format": "stem.mp4", "stem_names": {"bass": "Low"}, "stem_colors": {"bass": "#010203"}},
            ["--format", "stem.mp4", "--stem-name", "bass=Low", "--stem-color", "bass=#010203"],
        ),
    ],
)
def test_files_are_those_of_the_program(
    cli: Cli, four: Path, tmp_path: Path, settings: dict[str, object], options: list[str]
) -> None:
    song = write_wav(tmp_path / "song.wav", music(50_000, rate=48_000), rate=48_000)
    assert cli("-m", four, *options, song, tmp_path / "program").returncode == 0
    heard: list[float] = []
    model = demucs_native.Model(four)
    files = demucs_native.separate_file(song, tmp_path / "python", model, progress=heard.append, **settings)
    assert sorted(file.name for file in files) == sorted(file.name for file in (tmp_path / "program").iterdir())
    for file in files:
        assert isinstance(file, Path)
        assert file.parent == tmp_path / "python"
        assert file.read_bytes() == (tmp_path / "program" / file.name).read_bytes()
    assert heard == sorted(heard)
    assert heard[-1] == 1


def test_stem_files_fold_and_keep_the_mix(gains_model: Path, tmp_path: Path) -> None:
    six = demucs_native.Model(gains_model.with_name("six.onnx"))
    mix = np.zeros((2, 60_000), np.float32)
    mix[:, 20_000:20_002] = 0.8
    song = write_wav(tmp_path / "song.wav", mix)
    first = demucs_native.separate_file(song, tmp_path, six, format="stem.mp4", codec="alac", fold={"guitar": "bass"})
    assert [file.name for file in first] == ["song.stem.mp4"]
    assert manifest(first[0])["version"] == 1
    peaks = [float(np.abs(stream).max()) for stream in streams(first[0])]
    assert peaks == pytest.approx([0.8, 0.24, 0.28, 0.2, 0.08], abs=1e-3)
    with pytest.warns(UserWarning, match="the mix is encoded again: the song is no MP4 file"):
        demucs_native.separate_file(song, tmp_path / "b", six, format="stem.mp4", preserve_mix=True)


def test_a_track_of_a_library_and_its_report(gains_model: Path, tmp_path: Path) -> None:
    model = demucs_native.Model(gains_model)
    song = write_wav(tmp_path / "song.wav", 4 * music(20_000, rate=48_000), rate=48_000)
    report: dict[str, object] = {"before": 1}
    settings = {"format": "flac", "track": "A/B (live)/1 {x}", "report": report}
    files = demucs_native.separate_file(song, tmp_path / "out", model, **settings)
    assert [str(file.relative_to(tmp_path / "out")) for file in files] == [
        f"A/B (live)/1 {{x}}/{stem}.flac" for stem in ("drums", "bass")
    ]
    assert (report["before"], report["frames"], report["sample_rate"]) == (1, 20_000, 48_000)
    assert report["audio_seconds"] == pytest.approx(20_000 / 48_000)
    assert 0 < report["model_seconds"] <= report["run_seconds"]
    (sentence,) = report["warnings"]
    assert "beyond full scale" in sentence
    with pytest.raises(ValueError, match=r"\{track\}"):
        demucs_native.separate_file(song, tmp_path, model, track="a", filename="{stem}.wav")


def test_the_demo_model_is_the_default(tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(20_000))
    files = demucs_native.separate_file(str(song), str(tmp_path / "out"))
    assert [file.name for file in files] == ["drums.wav", "bass.wav", "other.wav", "vocals.wav"]
    assert soundfile.info(files[0]).frames == 20_000


def test_clipping_is_a_warning(four: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "loud.wav", music(20_000) * 6)
    model = demucs_native.Model(four)
    with pytest.warns(UserWarning, match=r"drums\.flac': \d+ samples beyond full scale were clipped"):
        files = demucs_native.separate_file(song, tmp_path / "out", model, format="flac")
    assert len(files) == 4
    with pytest.warns(UserWarning, match="turned down by"):
        (file,) = demucs_native.separate_file(song, tmp_path / "b", model, clip_mode="rescale", stems=["drums"])
    assert np.abs(decode(file)).max() == pytest.approx(1 / 1.01, abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"format": "mp4"}, "choose one of flac, m4a, mp3"),
        ({"format": "flac", "bit_depth": "32f"}, "flac holds 16 or 24 bits"),
        ({"stem_names": {"drums": "Kit"}}, "are for the format stem.mp4"),
        ({"format": "stem.mp4", "stem_colors": {"drums": "red"}}, "no colour"),
        ({"filename": "{track}.{ext}"}, "put {stem} into it"),
        ({"stems": ["piano"]}, "no stem 'piano'"),
        ({"overlap": 1.0}, "overlap"),
        ({"other_method": "times"}, "'times'"),
    ],
)
def test_unusable_arguments_raise_value_errors(
    four: Path, tmp_path: Path, settings: dict[str, object], reason: str
) -> None:
    song = write_wav(tmp_path / "song.wav", music(1000))
    with pytest.raises(ValueError, match=reason):
        demucs_native.separate_file(song, tmp_path / "out", demucs_native.Model(four), **settings)
    assert not (tmp_path / "out").exists()


def test_unusable_files(four: Path, tmp_path: Path) -> None:
    model = demucs_native.Model(four)
    with pytest.raises(ValueError, match="there is no such file"):
        demucs_native.separate_file(tmp_path / "none.wav", tmp_path / "out", model)
    text = tmp_path / "text.mp3"
    text.write_text("no music " * 100)
    with pytest.raises(ValueError, match=r"text\.mp3"):
        demucs_native.separate_file(text, tmp_path / "out", model)
    assert not (tmp_path / "out").exists()
    song = write_wav(tmp_path / "bass.wav", music(1000))
    before = song.read_bytes()
    with pytest.raises(ValueError, match="would overwrite an input"):
        demucs_native.separate_file(song, tmp_path, model)
    assert song.read_bytes() == before
    with pytest.raises(demucs_native.Error, match="cannot write") as caught:
        demucs_native.separate_file(song, text / "sub", model)
    assert caught.value.status == "output_failed"
    with pytest.raises(TypeError):
        demucs_native.separate_file(song, tmp_path / "out", "model.onnx")


def test_warnings_and_errors_name_files_in_any_encoding(four: Path, tmp_path: Path) -> None:
    model = demucs_native.Model(four)
    song = write_wav(tmp_path / "bass.wav", 20 * music(1000)).rename(tmp_path / os.fsdecode(b"b\xe9ss.wav"))
    with pytest.warns(UserWarning, match=r"b\\xe9ss"):
        demucs_native.separate_file(song, tmp_path / os.fsdecode(b"b\xe9ss"), model, bit_depth="16")
    song.write_text("no music " * 100)
    with pytest.raises(ValueError, match=r"b\\xe9ss\.wav"):
        demucs_native.separate_file(song, tmp_path / "out", model)


def test_shifts_and_priority_are_those_of_separate(small_export: Report, tmp_path: Path) -> None:
    model = demucs_native.Model(small_export.onnx)
    mix = music(60_000)
    song = write_wav(tmp_path / "song.wav", mix)
    files = demucs_native.separate_file(
        song, tmp_path / "out", model, shift_offsets=[7, 20_000], priority="background", bit_depth="32f"
    )
    stems = model.separate(decode(song), shift_offsets=[7, 20_000])
    for file in files:
        np.testing.assert_array_equal(decode(file), stems[file.stem])
    with pytest.raises(ValueError, match="priority is 'first'"):
        demucs_native.separate_file(song, tmp_path / "out", model, priority="first")


def test_progress_that_raises_leaves_no_file(gains_model: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(300_000))
    slow = demucs_native.Model(gains_model.with_name("slow.onnx"))

    told: list[float] = []

    def stop(fraction: float) -> None:
        told.append(fraction)
        if fraction > 0.1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demucs_native.separate_file(song, tmp_path / "out", slow, progress=stop)
    assert sum(fraction > 0.1 for fraction in told) == 1  # it did not go on
    assert list((tmp_path / "out").iterdir()) == []


def test_threads_share_a_model(four: Path, tmp_path: Path) -> None:
    model = demucs_native.Model(four, max_concurrent_runs=2, threads=1)
    songs = [write_wav(tmp_path / f"{index}.wav", music(30_000, seed=index)) for index in range(4)]

    def work(song: Path) -> None:
        demucs_native.separate_file(song, tmp_path / "out" / song.stem, model)

    threads = [threading.Thread(target=work, args=(song,)) for song in songs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for song in songs:
        mix = decode(song)
        drums = decode(tmp_path / "out" / song.stem / "drums.wav")
        np.testing.assert_allclose(drums, 0.4 * (mix - mix.mean()) + mix.mean(), atol=1e-6)
