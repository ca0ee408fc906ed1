"""`--precision int8`: what is stored in 8 bits, what music decides, and that no more is lost than is allowed."""

import json
from collections.abc import Iterator
from pathlib import Path

import demucs_export
import demucs_native
import numpy as np
import onnx
import pytest
import soundfile
from demucs.htdemucs import HTDemucs
from demucs_export import Report, calibration, eight_bits, runtime, verify, writer
from demucs_export.eight_bits import Layer
from demucs_export.patch import exportable, segment_frames
from demucs_songs import RATE
from support import music, write_wav


@pytest.fixture(scope="module")
def narrow() -> Iterator[None]:
    """The convolutions of a small model are worth it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eight_bits, "_CONVOLUTION_SIZE", 8000)
        yield


@pytest.fixture(scope="module")
def report(small_model: HTDemucs, narrow: None, tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("int8")
    return demucs_export.export(small_model, folder, name="small", trained=False, precision="int8")


def weights_of(proto: onnx.ModelProto, operator: str, place: int) -> list[onnx.TensorProto]:
    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    return [tensors[node.input[place]] for node in proto.graph.node if node.op_type == operator]


def test_linear_layers_and_convolutions_are_stored_in_8_bits(report: Report, small_export: Report) -> None:
    assert report.metadata == {**small_export.metadata, "demucs_ort.precision": "int8"}
    assert {row.file for row in report.rows} == {"small.onnx", "small.ort"}
    assert {row.signal for row in report.rows} >= {"music", "noise"}
    assert min(row.snr_db for row in report.rows) < 80, "nothing was rounded"
    proto = onnx.load(report.onnx)
    linear = weights_of(proto, "MatMulInteger", 1)
    shapes = [sorted(tensor.dims) for tensor in linear]
    assert shapes.count([64, 256]) == 2 * 2 * 2  # layers, branches, halves of the feed-forward layer
    assert shapes.count([64, 64]) == 2 * 2 * 4  # queries, keys, values and what comes out
    convolutions = weights_of(proto, "QLinearConv", 3)
    assert len(convolutions) > 5
    for tensor in (*linear, *convolutions):
        assert tensor.data_type == onnx.TensorProto.INT8
        assert np.abs(onnx.numpy_helper.to_array(tensor).astype(int)).max() <= 64, "overflows without VNNI"
    assert report.onnx.stat().st_size < 0.8 * small_export.onnx.stat().st_size
    assert not [node.op_type for node in proto.graph.node if node.domain]


def test_program_runs_it_as_the_exporter_does(report: Report, small_model: HTDemucs) -> None:
    model = demucs_native.Model(report.onnx, threads=1)
    assert model.precision == "int8"
    mix = calibration.shipped(small_model)[3][np.newaxis]
    expected = runtime.session(report.onnx).run(None, {"mix": mix})[0]
    # Of 8-bit numbers the last one may differ with the instructions that the number of threads leads to.
    np.testing.assert_allclose(model.run(mix), expected, atol=1e-3 * np.abs(expected).max())
    silence = model.run(np.zeros_like(mix))
    assert np.abs(silence).max() < verify.SILENCE


def test_layers_are_chosen_by_what_they_cost_for_what_they_gain() -> None:
    layers = [Layer("dear", 1000, 0.9), Layer("cheap", 100, 0.01), Layer("wide", 1000, 0.3), Layer("next", 100, 0.6)]
    assert eight_bits._affordable(layers) == {"cheap", "wide", "next"}
    assert eight_bits._affordable([Layer("too much", 10**9, 1.01)]) == set()
    assert eight_bits._affordable([]) == set()


def test_losses_of_layers_add_up(small_model: HTDemucs, small_export: Report, narrow: None, tmp_path: Path) -> None:
    """So what was measured of each one tells what the chosen ones cost together."""
    plain = tmp_path / "plain.onnx"
    twin, frames = exportable(small_model), segment_frames(small_model)
    writer.write_onnx(twin, frames, small_export.metadata, plain, static_batch=False)
    proto = onnx.load(plain)
    segments = calibration.shipped(small_model)
    layers, ranges = eight_bits._measured(proto, segments)
    assert len(layers) > 5
    assert all(layer.loss > 0 and layer.operations > 1000 for layer in layers)
    few = sorted(layers, key=lambda layer: layer.loss)[: len(layers) // 2]
    medley = eight_bits._medley(segments)
    exact = eight_bits._run(runtime.session(small_export.onnx), medley)
    eight_bits._store_convolutions(proto, {layer.name for layer in few}, ranges)
    found = eight_bits._run(runtime.session(proto.SerializeToString()), medley)
    together = eight_bits._error(exact, found)
    assert 0 < together <= 2 * sum(layer.loss for layer in few) * eight_bits.MUSIC_BUDGET


def test_songs_of_the_user_decide(small_model: HTDemucs, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    songs = tmp_path / "songs"
    (songs / "album").mkdir(parents=True)
    (songs / "cover.txt").write_text("no sound")
    soundfile.write(songs / "short.wav", np.zeros((100, 2)), RATE)
    write_wav(songs / "long.wav", music(5 * RATE))
    soundfile.write(songs / "album/mono.flac", np.full(24_000 * 3, 0.25), 24_000)
    mono, stereo = calibration.folder(small_model, songs)
    assert "2 of 4 files" in caplog.text
    assert mono.shape == stereo.shape == (2, 88200)
    np.testing.assert_allclose(mono[:, 5000:-5000], 0.25, atol=1e-3)  # both channels, at the model's rate
    np.testing.assert_allclose(stereo, music(5 * RATE)[:, 66150 : 66150 + 88200], atol=1e-4)


@pytest.mark.parametrize("content", [None, "cover.txt"])
def test_a_folder_without_songs_is_refused(small_model: HTDemucs, content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / content).write_text("no sound")
    with pytest.raises(demucs_export.UsageError, match="no song of 2 s or more"):
        demucs_export.export(small_model, tmp_path / "out", name="x", trained=False, precision="int8", music=tmp_path)
    assert not list((tmp_path / "out").iterdir())


def test_a_song_that_is_no_sound_is_refused(small_model: HTDemucs, tmp_path: Path) -> None:
    write_wav(tmp_path / "song.wav", np.full((2, 3 * RATE), np.nan, np.float32))
    with pytest.raises(demucs_export.UsageError, match=r"song\.wav holds samples that are NaN"):
        calibration.folder(small_model, tmp_path)


def test_a_damaged_song_is_told_in_a_sentence(small_model: HTDemucs, tmp_path: Path) -> None:
    whole = write_wav(tmp_path / "whole.wav", music(5 * RATE)).read_bytes()
    (tmp_path / "whole.wav").write_bytes(whole[:1000])  # its header still promises five seconds
    with pytest.raises(demucs_export.UsageError, match=r"whole\.wav is damaged"):
        calibration.folder(small_model, tmp_path)


def test_a_silent_stem_does_not_forbid_everything() -> None:
    exact = np.stack([np.ones((2, 100)), np.full((2, 100), 1e-6)]).astype(np.float32)
    assert eight_bits._error(exact, exact + np.float32(1e-3)) == pytest.approx(1e-3, rel=0.01)


def test_an_earlier_export_is_verified_with_music(report: Report, small_model: HTDemucs, tmp_path: Path) -> None:
    rows = demucs_export.check(small_model, report.onnx)
    assert all(row.passed for row in rows)
    assert min(row.snr_db for row in rows if row.signal == "music") >= verify.TOLERANCES["int8"].snr_db
    kept = json.loads(report.json.read_text())
    told = kept["convolutions"].values()
    stored = [node for node in onnx.load(report.onnx).graph.node if node.op_type == "QLinearConv"]
    assert sum(one["in_8_bits"] for one in told) == len(stored)
    assert 0 < sum(one["share_of_budget"] for one in told if one["in_8_bits"]) <= 1
    assert kept["tolerance"] == {"relative_error": 0.03, "snr_db": 30.0}


def test_a_model_without_linear_layers_is_refused(
    tiny_model: HTDemucs, gains_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "write_onnx", lambda *given, **_: given[3].write_bytes(gains_model.read_bytes()))
    with pytest.raises(demucs_export.ExportError, match="no linear layers"):
        demucs_export.export(tiny_model, tmp_path, name="none", trained=False, precision="int8")
    assert not list(tmp_path.iterdir())
