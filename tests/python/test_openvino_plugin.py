"""OpenVINO from a library of its own. Collected where its package exists and finds a device: on Intel's processors."""

import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from conftest import CommandLineExport
from onnx import helper
from support import ROOT, Cli

PACKAGE = ROOT / "build/openvino_plugin/onnxruntime_ep_openvino"  # `make test` installs it
LIBRARY = PACKAGE / "libonnxruntime_providers_openvino_plugin.so"

COMPUTES = """
import os, sys, demucs_native, numpy

def snr(stems):
    return 10 * numpy.log10(numpy.square(expected).mean() / numpy.square(stems - expected).mean())

file, library = sys.argv[1:]
assert demucs_native.providers(provider_library=library)[:2] == ["openvino", "openvino-bf16"]
options = {"provider": "openvino", "provider_library": library, "threads": 1}
plain = demucs_native.Model(file, threads=1)
mix = numpy.random.default_rng(0).standard_normal((2, 2, plain.segment_frames)).astype("float32")
expected = plain.run(mix)

first = demucs_native.Model(file, **options)
again = demucs_native.Model(file, **{**options, "provider_library": os.path.relpath(library)})
stems = first.run(mix)
assert (first.provider, first.rejected_providers) == ("openvino", [])
assert snr(stems) > 80
assert numpy.array_equal(stems, again.run(mix))
del first
assert numpy.array_equal(stems, again.run(mix)), "the library left with its first model"
del again
auto = demucs_native.Model(file, **{**options, "provider": "auto"})
assert auto.provider == "openvino" and numpy.array_equal(stems, auto.run(mix))

rounded = demucs_native.Model(file, **{**options, "provider": "openvino-bf16"})
flags = open("/proc/cpuinfo").read()
most = 70 if "avx512_bf16" in flags or "amx_bf16" in flags else numpy.inf  # closer would be float32
assert 25 < snr(rounded.run(mix)) < most

child = os.fork()
if child == 0:
    try:
        demucs_native.Model(file, **options)
    except demucs_native.Error as error:
        os._exit(0 if error.status == "runtime_failed" and "load the model in a new process" in str(error) else 2)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_it_computes_in_the_precision_that_is_asked_for(tiny_export: CommandLineExport) -> None:
    command = [sys.executable, "-c", COMPUTES, str(tiny_export.onnx), str(LIBRARY)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--provider", "cpu"], 2, "has no provider 'cpu', only openvino, openvino-bf16; name one of these, or auto"),
        (["--provider", "openvino", "--provider-option", "device_type=ABACUS"], 6, "no device 'ABACUS' on"),
        (["--provider", "openvino", "--provider-option", "load_config={"], 6, "the provider openvino cannot"),
    ],
)
def test_what_it_does_not_have(
    options: list[str], code: int, reason: str, tiny_export: CommandLineExport, cli: Cli
) -> None:
    done = cli("--info", tiny_export.onnx, "--provider-library", LIBRARY, *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert reason in done.stderr


def test_what_it_turns_down_is_not_computed_by_another(
    tiny_export: CommandLineExport, cli: Cli, tmp_path: Path
) -> None:
    model = onnx.load(tiny_export.onnx)
    for node in model.graph.node:
        node.output[:] = ["unscaled" if name == "stems" else name for name in node.output]
    model.graph.node.append(
        helper.make_node("Scaler", ["unscaled"], ["stems"], domain="ai.onnx.ml", offset=[0.0], scale=[1.0])
    )
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    onnx.save(model, tmp_path / "scaled.onnx")
    assert cli("--info", tmp_path / "scaled.onnx").returncode == 0
    done = cli("--info", tmp_path / "scaled.onnx", "--provider-library", LIBRARY, "--provider", "openvino")
    assert done.returncode == 6
    assert "the provider openvino cannot compute" in done.stderr
    assert "fallback to CPU EP has been explicitly disabled" in done.stderr


def test_a_provider_that_computes_garbage_is_refused(tiny_export: CommandLineExport, cli: Cli, tmp_path: Path) -> None:
    """Here it is the known answer that is wrong."""
    model = onnx.load(tiny_export.onnx)
    (answer,) = (entry for entry in model.metadata_props if entry.key == "demucs_ort.known_answer")
    answer.value = ",".join(str(-int(number)) for number in answer.value.split(","))
    onnx.save(model, tmp_path / "other.onnx")
    done = cli("--info", tmp_path / "other.onnx", "--provider-library", LIBRARY, "--provider", "openvino")
    assert done.returncode == 6
    assert "garbage: its SNR on a known signal is -6.0 dB instead" in done.stderr
