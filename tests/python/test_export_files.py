"""The written files: what they hold, how well they match, and that bad ones are never kept."""

import copy
import hashlib
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import demucs_export
import demucs_native
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import TINY
from demucs_export import known_answer, metadata, verify, writer
from onnxruntime.quantization import quantize_dynamic
from onnxscript import rewriter
from onnxscript.rewriter.rules.common import slice_split_rule
from torch import nn


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def dims(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


@pytest.fixture(scope="module", params=["small", "full"])
def exported(request: pytest.FixtureRequest):
    """Model and report, at both sizes."""
    return request.getfixturevalue(f"{request.param}_model"), request.getfixturevalue(f"{request.param}_export")


def test_metadata_is_in_both_files(exported):
    model, report = exported
    expected = {
        "demucs_ort.schema_version": "1",
        "demucs_ort.model_name": report.onnx.stem,
        "demucs_ort.sample_rate": "44100",
        "demucs_ort.channels": "2",
        "demucs_ort.segment_frames": "343980" if "htdemucs" in report.onnx.stem else "88200",
        "demucs_ort.sources": "drums,bass,other,vocals",
        "demucs_ort.precision": "fp32",
        "demucs_ort.trained": "false",
        "demucs_ort.weights_sha256": metadata.weights_sha256(model.state_dict()),
        "demucs_ort.demucs_version": "4.1.0",
    }
    found = {p.key: p.value for p in onnx.load(report.onnx).metadata_props}
    for path in (report.onnx, report.ort):
        assert session(path).get_modelmeta().custom_metadata_map == found
    # That it is the right one is tested where a provider has to give it.
    assert len(found.pop("demucs_ort.known_answer").split(",")) == 16 * 4
    assert found == expected


def test_onnx_file_keeps_the_contract(exported):
    _, report = exported
    proto = onnx.load(report.onnx)
    frames = int(report.metadata["demucs_ort.segment_frames"])
    (mix,), (stems,) = proto.graph.input, proto.graph.output
    assert (mix.name, dims(mix)) == ("mix", ["batch", 2, frames])
    assert (stems.name, dims(stems)) == ("stems", ["batch", 4, 2, frames])
    assert mix.type.tensor_type.elem_type == stems.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert proto.ir_version <= 10
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 20)]
    assert not proto.graph.value_info
    assert not proto.functions
    assert {node.domain for node in proto.graph.node} == {""}
    convolved = {node.output[0] for node in proto.graph.node if node.op_type == "Conv"}
    assert not [node.name for node in proto.graph.node if node.op_type == "Split" and node.input[0] in convolved]
    assert not {"STFT", "DFT", "Erf", "InstanceNormalization", "ConvTranspose"} & {n.op_type for n in proto.graph.node}
    assert not any(tensor.external_data for tensor in proto.graph.initializer)
    used = {name for node in proto.graph.node for name in node.input}
    assert {tensor.name for tensor in proto.graph.initializer} <= used
    contents = [t.raw_data for t in proto.graph.initializer if len(t.raw_data) > 4096]
    assert len(set(contents)) == len(contents), "a constant is stored twice"


def test_ort_file_is_portable(exported):
    _, report = exported
    assert set(writer.operators(report.ort)) == {"ai.onnx"}
    runtime = session(report.ort)
    assert [(i.name, i.type) for i in runtime.get_inputs()] == [("mix", "tensor(float)")]
    assert runtime.get_inputs()[0].shape[0] == "batch"


def test_json_file_tells_what_was_written(exported):
    _, report = exported
    assert sorted(report.onnx.parent.iterdir()) == sorted([report.onnx, report.ort, report.json])
    written = json.loads(report.json.read_text())
    assert {f"demucs_ort.{key}": value for key, value in written["model"].items()} == report.metadata
    assert written["tolerance"] == {"relative_error": 1e-4, "snr_db": 80}
    assert written["versions"]["demucs"] == "4.1.0"
    for file in (report.onnx, report.ort):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert written["files"][file.name] == {"bytes": file.stat().st_size, "sha256": digest}
        for stem in ("drums", "bass", "other", "vocals"):
            found = [row for row in report.rows if (row.file, row.stem) == (file.name, stem)]
            measured = written["measured"][file.name][stem]
            assert measured["max_abs"] == max(row.max_abs for row in found)
            assert measured["snr_db"] == pytest.approx(min(row.snr_db for row in found), abs=0.01)


def test_full_size_files_are_small(full_export):
    assert full_export.onnx.stat().st_size <= 88e6  # the weights in half precision, like official ones
    assert full_export.ort.stat().st_size <= 172e6


def test_only_what_half_precision_holds_is_stored_in_it(tmp_path):
    exact = np.arange(2048, dtype=np.float32)
    inexact = exact + np.float32(2**-14)
    beyond = exact * 100  # half precision ends at 65504
    arrays = {"exact": exact, "inexact": inexact, "beyond": beyond, "short": exact[:100]}
    nodes = [onnx.helper.make_node("Sum", ["mix", "exact", "inexact", "beyond"], ["sum"])]
    nodes.append(onnx.helper.make_node("Concat", ["sum", "short"], ["stems"], axis=0))
    mix = onnx.helper.make_tensor_value_info("mix", onnx.TensorProto.FLOAT, [2048])
    stems = onnx.helper.make_tensor_value_info("stems", onnx.TensorProto.FLOAT, [2148])
    constants = [onnx.numpy_helper.from_array(value, name) for name, value in arrays.items()]
    graph = onnx.helper.make_graph(nodes, "sums", [mix], [stems], constants)
    opset = [onnx.helper.make_opsetid("", writer.OPSET)]
    path = tmp_path / "sums.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    (before,) = session(path).run(None, {"mix": exact})
    writer.store_half(path)
    kinds = {tensor.name: tensor.data_type for tensor in onnx.load(path).graph.initializer}
    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    assert kinds == {"exact.half": half, "inexact": single, "beyond": single, "short": single}
    np.testing.assert_array_equal(session(path).run(None, {"mix": exact})[0], before)


def test_exact_gpu_files_differ_by_one_operator(small_model, small_export, tmp_path):
    report = demucs_export.export(small_model, tmp_path, name="small", trained=False, precision="fp32-gpu")
    assert report.metadata == {**small_export.metadata, "demucs_ort.precision": "fp32-gpu"}
    assert report.ort is None
    assert all(row.snr_db >= 90 for row in report.rows)
    nodes = onnx.load(report.onnx).graph.node
    assert [node.op_type for node in nodes if node.domain] == ["MultiHeadAttention"] * 2 * 2  # layers, branches
    assert "Softmax" not in {node.op_type for node in nodes}
    mix = known_answer.signal(2, 88200)[None]
    exact, fused = (demucs_native.Model(file, threads=1).run(mix) for file in (small_export.onnx, report.onnx))
    assert np.abs(fused - exact).max() < 1e-5


def test_gpu_files_compute_in_half_precision(small_model, small_export, tmp_path):
    report = demucs_export.export(small_model, tmp_path, name="small", trained=False, precision="fp16-gpu")
    assert report.metadata == {**small_export.metadata, "demucs_ort.precision": "fp16-gpu"}
    assert report.ort is None
    assert sorted(tmp_path.iterdir()) == sorted([report.onnx, report.json])
    assert all(row.snr_db >= 60 for row in report.rows)
    assert min(row.snr_db for row in report.rows) < 80, "nothing was rounded"
    proto = onnx.load(report.onnx)
    half = {tensor.name for tensor in proto.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    convolutions = [node for node in proto.graph.node if node.op_type == "Conv"]
    assert all(node.input[1] in half for node in convolutions)
    foreign = [node.op_type for node in proto.graph.node if node.domain]
    assert foreign == ["MultiHeadAttention"] * 2 * 2  # layers, branches
    kinds = {value.name: value.type.tensor_type.elem_type for value in (*proto.graph.input, *proto.graph.output)}
    assert kinds == {"mix": onnx.TensorProto.FLOAT, "stems": onnx.TensorProto.FLOAT}
    model = demucs_native.Model(report.onnx, threads=1)
    assert (model.precision, model.run(np.zeros((2, 2, 88200), np.float32)).shape) == ("fp16-gpu", (2, 4, 2, 88200))


def test_a_shorter_segment_matches_pytorch_run_at_that_length(tiny_model, tmp_path):
    report = demucs_export.export(tiny_model, tmp_path, name="short", trained=False, segment=Fraction(1, 4))
    assert report.metadata["demucs_ort.segment_frames"] == "11025"
    assert min(row.snr_db for row in report.rows) >= 100
    mix = np.random.default_rng(5).standard_normal((1, 2, 11025)).astype(np.float32)
    stock = copy.deepcopy(tiny_model)
    stock.segment = Fraction(1, 4)
    with torch.no_grad():
        expected = stock(torch.from_numpy(mix)).numpy()
    np.testing.assert_allclose(session(report.onnx).run(None, {"mix": mix})[0], expected, atol=1e-4)
    assert tiny_model.segment == 0.5
    for file in (report.onnx, report.ort):
        assert all(row.passed for row in demucs_export.check(tiny_model, file))


@pytest.mark.parametrize("seconds", [Fraction(51, 100), Fraction(1, 20), Fraction(0), Fraction(-1)])
def test_segments_that_are_too_long_or_too_short(seconds, tiny_model, tmp_path):
    with pytest.raises(demucs_export.UsageError, match=r"at most the 0\.5 s"):
        demucs_export.export(tiny_model, tmp_path, name="wrong", trained=False, segment=seconds)
    assert not list(tmp_path.iterdir())


def test_check_refuses_what_does_not_match(tiny_model, tiny_export, gains_model, tmp_path):
    with pytest.raises(demucs_export.ExportError, match="not made of these weights"):
        demucs_export.check(tiny_model, gains_model)
    with pytest.raises(demucs_export.ExportError, match="cannot load"):
        demucs_export.check(tiny_model, tmp_path / "missing.onnx")
    write_with_other_weights(tiny_export.onnx, tmp_path / "changed.onnx")
    with pytest.raises(demucs_export.ExportError, match="comparisons with PyTorch failed"):
        demucs_export.check(tiny_model, tmp_path / "changed.onnx")


def test_fp16_rounds_weights_that_fp32_keeps(tiny_model, tmp_path):
    """Weights trained in float32, unlike those of the official checkpoints."""
    trained = copy.deepcopy(tiny_model)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.mul_(1 + 2e-4 * torch.sin(torch.arange(parameter.numel())).view(parameter.shape))
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    exact = demucs_export.export(trained, tmp_path, name="exact", trained=False)
    report = demucs_export.export(trained, tmp_path, name="half", trained=False, precision="fp16")
    assert report.metadata["demucs_ort.precision"] == "fp16"
    assert report.metadata["demucs_ort.weights_sha256"] == exact.metadata["demucs_ort.weights_sha256"]
    assert min(row.snr_db for row in exact.rows) >= 100
    assert 45 <= min(row.snr_db for row in report.rows) < 80
    saved = exact.onnx.stat().st_size - report.onnx.stat().st_size
    large = [p.numel() for p in trained.parameters() if p.numel() >= 1024]
    assert saved > 0.8 * 2 * sum(large)
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())


def test_attention_scores_stay_small(full_export):
    proto = onnx.shape_inference.infer_shapes(onnx.load(full_export.onnx), data_prop=True)
    shapes = {value.name: dims(value) for value in proto.graph.value_info}
    softmaxes = [node for node in proto.graph.node if node.op_type == "Softmax"]
    assert softmaxes
    for node in softmaxes:
        _, *sizes = shapes[node.output[0]]
        assert all(isinstance(size, int) and size > 0 for size in sizes)
        assert 4 * np.prod(sizes) <= 32 * 2**20


def test_every_stem_of_every_signal_matches(exported):
    _, report = exported
    signals = {"noise", "sweep", "impulses", "constant", "silence"}
    assert {row.signal for row in report.rows} == signals
    assert {row.file for row in report.rows} == {report.onnx.name, report.ort.name}
    assert len(report.rows) == 2 * 4 * len(signals)
    for row in report.rows:
        assert row.passed, row
        assert row.snr_db >= 100, row
        assert row.max_abs <= 1e-4 * max(row.peak, verify.SILENCE), row
    loud = {row.stem for row in report.rows if row.signal == "noise" and row.peak > 0.01}
    assert len(loud) == 4, "an almost silent reference proves nothing"


@pytest.mark.parametrize("kind", ["onnx", "ort"])
def test_a_batch_of_two_is_two_runs(small_export, kind):
    runtime = session(getattr(small_export, kind))
    rng = np.random.default_rng(0)
    mix = (rng.standard_normal((2, 2, 88200)) * [[[0.3]], [[0.01]]]).astype(np.float32)
    (both,) = runtime.run(None, {"mix": mix})
    for item in range(2):
        (alone,) = runtime.run(None, {"mix": mix[item : item + 1]})
        np.testing.assert_allclose(both[item], alone[0], rtol=0, atol=1e-6 * np.abs(alone).max())


# Not getrusage: its peak is inherited from the process that starts this one.
PEAK_MEMORY = r"""
import pathlib, re, sys, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.enable_mem_pattern, options.intra_op_num_threads = False, 2
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
mix = numpy.random.default_rng(0).standard_normal((1, 2, 343980)).astype("float32")
for _ in range(3):
    session.run(None, {"mix": mix})
status = pathlib.Path("/proc/self/status").read_text()
print(1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]))
"""


@pytest.mark.parametrize("kind", ["onnx", "ort"])
def test_peak_memory_of_full_size_runs(full_export, kind):
    command = [sys.executable, "-c", PEAK_MEMORY, getattr(full_export, kind)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) <= 0.75e9


def test_static_batch(tiny_export):
    proto = onnx.load(tiny_export.onnx)
    assert dims(proto.graph.input[0]) == [1, 2, 22050]
    assert dims(proto.graph.output[0]) == [1, 2, 2, 22050]
    assert session(tiny_export.ort).get_inputs()[0].shape == [1, 2, 22050]


def test_plain_weights_can_be_quantised_by_others(small_model, small_export, tmp_path):
    """Those of the default file hide behind a Cast, where ONNX Runtime's own quantiser does not find them."""
    plain = demucs_export.export(small_model, tmp_path, name="plain", trained=False, plain_weights=True)
    kept = {tensor.data_type for tensor in onnx.load(plain.onnx).graph.initializer}
    assert onnx.TensorProto.FLOAT16 not in kept
    mix = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 2, 88200)).astype(np.float32)
    expected = session(small_export.onnx).run(None, {"mix": mix})[0]
    np.testing.assert_array_equal(session(plain.onnx).run(None, {"mix": mix})[0], expected)
    smaller = tmp_path / "int8.onnx"
    quantize_dynamic(plain.onnx, smaller, op_types_to_quantize=["MatMul"])
    assert "MatMulInteger" in {node.op_type for node in onnx.load(smaller).graph.node}
    rounded = session(smaller).run(None, {"mix": mix})[0]
    assert np.abs(rounded - expected).max() < 0.1 * np.abs(expected).max()


def write_with_other_weights(source, path):
    """Copy an ONNX file with one weight of the first time layer off by a thousandth."""
    proto = onnx.load(source)
    tensor = next(t for t in proto.graph.initializer if t.name == "tencoder.0.conv.weight")
    changed = onnx.numpy_helper.to_array(tensor).copy()
    changed *= np.float32(1.001)
    tensor.CopyFrom(onnx.numpy_helper.from_array(changed, tensor.name))
    onnx.save(proto, path)


@pytest.mark.parametrize("wrong", ["onnx", "ort"])
def test_a_file_that_does_not_match_is_not_kept(wrong, tiny_model, tiny_export, tmp_path, monkeypatch):
    convert = writer.write_ort

    def write_onnx(model, frames, facts, path, *, static_batch):
        if wrong == "onnx":
            write_with_other_weights(tiny_export.onnx, path)
        else:
            path.write_bytes(tiny_export.onnx.read_bytes())

    def write_ort(source, path):
        if wrong == "ort":
            source = path.with_name("other.onnx")
            write_with_other_weights(tiny_export.onnx, source)
        convert(source, path)

    monkeypatch.setattr(writer, "write_onnx", write_onnx)
    monkeypatch.setattr(writer, "write_ort", write_ort)
    kept = tmp_path / f"tiny model.{wrong}"
    kept.write_text("an earlier file")
    with pytest.raises(demucs_export.ExportError, match="comparisons with PyTorch failed"):
        demucs_export.export(tiny_model, tmp_path, name="tiny model", trained=False)
    assert list(tmp_path.iterdir()) == [kept]
    assert kept.read_text() == "an earlier file"
    wrong = "neither"
    demucs_export.export(tiny_model, tmp_path, name="tiny model", trained=False)
    assert len(list(tmp_path.iterdir())) == 3


def test_lost_metadata_is_noticed(tiny_model, tiny_export):
    facts = {p.key: p.value for p in onnx.load(tiny_export.onnx).metadata_props}
    verify.verify(tiny_model, [tiny_export.ort], facts)
    with pytest.raises(demucs_export.ExportError, match="metadata"):
        verify.verify(tiny_model, [tiny_export.ort], {**facts, "demucs_ort.trained": "true"})


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupt_or_a_full_disk_leaves_nothing(fault, small_model, tmp_path, monkeypatch):
    def write(model, frames, facts, path, *, static_batch):
        path.write_bytes(b"half a file")
        raise fault

    monkeypatch.setattr(writer, "write_onnx", write)
    with pytest.raises((KeyboardInterrupt, demucs_export.OutputError)):
        demucs_export.export(small_model, tmp_path, name="model", trained=False)
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_made(small_model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(demucs_export.OutputError, match="cannot write into"):
        demucs_export.export(small_model, tmp_path / "file" / "x", name="model", trained=False)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a\nb", "."])
def test_names_that_are_no_file_names(name, small_model, tmp_path):
    with pytest.raises(demucs_export.UsageError, match="file name"):
        demucs_export.export(small_model, tmp_path, name=name, trained=False)
    assert not list(tmp_path.iterdir())


def test_source_names_a_list_cannot_hold(tmp_path):
    for sources in (["a,b", "c"], ["a", "a"], ["", "b"]):
        model = demucs_export.untrained(0, {"sources": sources, "channels": 8, "t_layers": 0})
        with pytest.raises(demucs_export.ExportError, match="sources"):
            demucs_export.export(model, tmp_path, name="model", trained=False)


def test_exporter_failure_is_reported(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no such operator\nand a long story")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(demucs_export.ExportError, match=r"no such operator$"):
        demucs_export.export(demucs_export.untrained(9, TINY), tmp_path, name="model", trained=False)
    assert not list(tmp_path.iterdir())


class Doubled(nn.Module):
    audio_channels = 2

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        return mix + mix


def test_the_rule_that_compares_all_operators_is_not_tried_where_it_finds_nothing(tiny_export, monkeypatch):
    exported = onnx.load(tiny_export.onnx)
    kinds = [node.op_type for node in exported.graph.node]
    assert [node.op_type for node in rewriter.rewrite(exported, [slice_split_rule]).graph.node] == kinds

    monkeypatch.setattr(slice_split_rule, "match", lambda *_, **__: pytest.fail("tried"))
    assert [node.op_type for node in writer._to_proto(Doubled().eval(), 16, True).graph.node] == ["Add"]


def spoiled(report: demucs_export.Report, spoil) -> onnx.ModelProto:
    proto = onnx.load(report.onnx)
    spoil(proto)
    return proto


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda p: p.graph.node[0].__setattr__("domain", "com.microsoft"), "foreign operators"),
        (lambda p: p.graph.initializer.add(name="idle"), "unused constants"),
        (lambda p: p.graph.value_info.add(name="shape"), "intermediate shapes"),
        (lambda p: p.graph.initializer[0].external_data.add(key="location"), "external data"),
        (lambda p: p.__setattr__("ir_version", 99), "IR version 99"),
        (lambda p: p.opset_import.add(domain="com.microsoft", version=1), "com.microsoft"),
    ],
)
def test_contract_check_notices(small_export, spoil, fault):
    writer.check_contract(onnx.load(small_export.onnx))
    with pytest.raises(demucs_export.ExportError, match=fault):
        writer.check_contract(spoiled(small_export, spoil))


def test_hardware_specific_ort_files_are_refused(small_export, tmp_path, monkeypatch):
    level = onnxruntime.GraphOptimizationLevel
    monkeypatch.setattr(level, "ORT_ENABLE_BASIC", level.ORT_ENABLE_ALL)
    with pytest.raises(demucs_export.ExportError, match=r"com\.microsoft"):
        writer.write_ort(small_export.onnx, tmp_path / "model.ort")


def test_verdict_judges_each_fault():
    rng = np.random.default_rng(0)
    reference = rng.standard_normal((1, 2, 1000)).astype(np.float32)
    assert verify.compare(reference, reference)[-1]
    assert verify.compare(reference, reference * np.float32(1 + 1e-5))[-1]
    assert not verify.compare(reference, reference * np.float32(1 + 3e-4))[-1]
    one_sample = reference.copy()
    one_sample[0, 0, 0] += 2e-3
    assert not verify.compare(reference, one_sample)[-1], "a mean would hide a wrong edge"
    broken = reference.copy()
    broken[0, 1, 5] = np.nan
    assert not verify.compare(reference, broken)[-1]
    silence = np.zeros_like(reference)
    assert verify.compare(silence, silence)[-1]
    assert not verify.compare(silence, silence + np.float32(1e-6))[-1]


def test_unwritable_folder(small_model, tmp_path):
    if os.geteuid() == 0:
        folder = Path("/proc/demucs_export")
    else:
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o500)
    with pytest.raises(demucs_export.OutputError, match="cannot write into"):
        demucs_export.export(small_model, folder, name="model", trained=False)
