"""The demo model separates, is found without being named, and says what it is."""

import json
import subprocess
from pathlib import Path

import demucs_native
import numpy as np
import onnxruntime
import pytest
import remake
import soundfile
from demucs_bench.models import choose
from demucs_bench.scores import si_sdr, snr
from demucs_bench.tracks import Track, synthesised
from demucs_export import calibration, checkpoint
from demucs_export.metadata import weights_sha256
from demucs_export.verify import metadata_of
from demucs_songs import HELD_OUT, RATE, STEMS, synthesise
from support import ROOT, Cli, music, read_stems

SHIPPED = ROOT / "demo_model/htdemucs_demo.onnx"
SONG = {file.stem: soundfile.read(file, dtype="float32")[0].T for file in (ROOT / "demo_model/song").iterdir()}


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    """Three songs that the model was not trained on."""
    return synthesised(3, 12.0, "studio", tmp_path_factory.mktemp("held_out"))


def test_quality_is_that_of_pytorch_and_real(held_out: list[Track]) -> None:
    """The C++ path loses at most 0.01 dB SI-SDR, and what it computes is a separation."""
    from demucs_bench.backends import Python, PyTorch

    model = choose("demo", Path("unused"))
    reference, native = PyTorch(model.pytorch, 0), Python(model.file, 0)
    gains = []
    for track in held_out:
        recording = track.read()
        expected, _ = reference.separate(recording.mixture)
        stems, _ = native.separate(recording.mixture)
        for name, truth in recording.stems.items():
            ours, theirs = si_sdr(stems[name], truth), si_sdr(expected[name], truth)
            before = si_sdr(recording.mixture, truth)
            if ours is not None and theirs is not None and before is not None:
                assert ours == pytest.approx(theirs, abs=0.01), (track.name, name)
                gains.append(ours - before)
    assert np.mean(gains) > 8.5


def test_program_and_module_find_it_and_agree(cli: Cli, held_out: list[Track], tmp_path: Path) -> None:
    song, report = held_out[0].path / "mixture.wav", tmp_path / "report.json"
    done = cli(song, tmp_path, "--json", report)
    assert done.returncode == 0, done.stderr
    assert "demo model" in done.stderr
    facts = json.loads(report.read_text())
    assert facts["model"]["name"] == "htdemucs_demo"
    assert facts["model"]["description"] == remake.DESCRIPTION
    expected = demucs_native.demo_model().separate(held_out[0].read().mixture)
    for name, stem in read_stems(tmp_path).items():
        np.testing.assert_allclose(stem, expected[name], atol=1e-5)


def test_it_says_what_it_is() -> None:
    model = demucs_native.demo_model(threads=1)
    assert model.name == "htdemucs_demo"
    assert "demo model" in model.description
    assert "not for real music" in model.description
    assert model.trained
    assert model.weights_sha256 == weights_sha256(checkpoint(remake.WEIGHTS).state_dict())


def test_a_package_without_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demucs_native, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(FileNotFoundError, match=r"demo_model/htdemucs_demo\.onnx"):
        demucs_native.demo_model()


def test_its_files_are_small() -> None:
    assert remake.WEIGHTS.stat().st_size < 6_000_000
    assert SHIPPED.stat().st_size < 8_000_000
    assert sum(file.stat().st_size for file in remake.SONG.iterdir()) < 1_500_000


def test_the_shipped_file_is_what_the_exporter_makes_of_the_weights(tmp_path: Path) -> None:
    made = remake.make_model(tmp_path).onnx
    assert SHIPPED.read_bytes() == Path(demucs_native.demo_model_file()).read_bytes()
    shipped, again = metadata_of(SHIPPED), metadata_of(made)
    assert shipped.pop("demucs_ort.known_answer")  # PyTorch's, which another processor may round otherwise
    assert again.pop("demucs_ort.known_answer")
    assert shipped == again
    mix = music(int(shipped["demucs_ort.segment_frames"]))[np.newaxis]
    ours, theirs = (onnxruntime.InferenceSession(file).run(None, {"mix": mix})[0][0] for file in (SHIPPED, made))
    for stem, expected in zip(ours, theirs, strict=True):
        assert snr(stem, expected) >= 110


def test_the_shipped_song_is_the_first_held_out_one_and_the_sum_of_its_stems() -> None:
    assert set(SONG) == {"mixture", *STEMS}
    assert len({sound.shape for sound in SONG.values()}) == 1
    total = np.sum([SONG[stem] for stem in STEMS], axis=0)
    assert snr(SONG["mixture"], total) > 28
    song = synthesise(HELD_OUT, remake.SECONDS)
    for stem in STEMS:
        assert snr(SONG[stem], song.stems[stem]) > 12, stem


def test_the_exporter_calibrates_on_the_songs_that_are_made_for_it() -> None:
    sound = soundfile.read(calibration.SHIPPED, dtype="float32")[0].T
    length = round(remake.CALIBRATION_SECONDS * RATE)
    assert sound.shape == (2, calibration.SEGMENTS * length)
    for seed in (0, calibration.SEGMENTS - 1):
        song = synthesise(seed, 3 * remake.CALIBRATION_SECONDS).mix[:, length : 2 * length]
        assert snr(sound[:, seed * length : (seed + 1) * length], song) > 12


def test_compression_of_the_song_costs_little_of_what_the_demo_measures() -> None:
    model = demucs_native.demo_model()
    total = np.sum([SONG[stem] for stem in STEMS], axis=0, dtype=np.float32)
    whole, compressed = model.separate(total), model.separate(np.ascontiguousarray(SONG["mixture"]))
    for stem in STEMS:
        lossless, lossy = si_sdr(whole[stem], SONG[stem]), si_sdr(compressed[stem], SONG[stem])
        print(f"{stem:7} {lossless:.3f} dB, of the compressed mixture {lossy:.3f} dB")
        assert lossy == pytest.approx(lossless, abs=0.1), stem


def test_the_demo_measures_as_torchmetrics_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from demo import si_sdr as of_demo

    for stem in STEMS:
        for estimate in (SONG["mixture"], 0.1 * SONG[stem] + 0.01 * SONG["mixture"]):
            assert of_demo(estimate, SONG[stem]) == pytest.approx(si_sdr(estimate, SONG[stem]), abs=1e-6)


def test_an_installed_program_finds_its_own(cli_path: Path, held_out: list[Track], tmp_path: Path) -> None:
    """Wherever the installed tree is moved to: the model of the build is not used."""
    prefix = tmp_path / "prefix"
    install = ["cmake", "--install", str(cli_path.parent), "--prefix", str(prefix)]
    subprocess.run(install, check=True, capture_output=True, cwd=ROOT)
    moved = prefix.rename(tmp_path / "moved")
    model = moved / "share/demucs_ort/htdemucs_demo.onnx"
    assert model.exists()
    report = tmp_path / "report.json"
    command = [moved / "bin/demucs_ort_cli", held_out[0].path / "drums.wav", tmp_path / "out", "--json", report]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    assert json.loads(report.read_text())["model_file"] == str(model)
