"""The OpenVINO providers compute, in the precision that was asked for. Collected where their package exists."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import demucs_native
import numpy as np
import onnx
import pytest
from demucs_bench.scores import si_sdr
from demucs_bench.tracks import Track, synthesised
from support import ROOT, Cli, read_stems


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """In which programs use the ONNX Runtime that has OpenVINO; `make test` installs it."""
    (library,) = (ROOT / "build/openvino/onnxruntime/capi").glob("libonnxruntime.so.*")
    return {**os.environ, "DEMUCS_ORT_ONNXRUNTIME": str(library)}


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Track:
    """One that the demo model was not trained on."""
    return synthesised(1, 12.0, "studio", tmp_path_factory.mktemp("held_out"))[0]


@pytest.fixture(scope="module")
def plain_stems(cli: Cli, song: Track, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What ONNX Runtime's own provider makes of `song`."""
    folder = tmp_path_factory.mktemp("plain")
    assert cli(song.path / "mixture.wav", folder).returncode == 0
    return read_stems(folder)


def snr(reference: np.ndarray, stem: np.ndarray) -> float:
    """In dB."""
    return float(10 * np.log10(np.square(reference).mean() / np.square(stem - reference).mean()))


def test_float32_keeps_parity(
    cli: Cli, environment: dict[str, str], song: Track, plain_stems: dict[str, np.ndarray], tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    options = ["--provider", "openvino", "--threads", "1", "--json", report]
    done = cli(*options, song.path / "mixture.wav", tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(report.read_text())["provider"] == "openvino"
    for name, stem in read_stems(tmp_path).items():
        assert snr(plain_stems[name], stem) > 80, name


BESIDE_ANOTHER = """
import ctypes, sys, demucs_native
ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)  # as an ONNX Runtime with providers in libraries does it
assert demucs_native.Model(demucs_native.demo_model_file()).provider == "cpu"
try:
    demucs_native.Model(demucs_native.demo_model_file(), provider="openvino")
except demucs_native.Error as error:
    print(error.status, error)
"""


def test_a_provider_is_refused_that_another_runtime_would_get(environment: dict[str, str], tmp_path: Path) -> None:
    """It would call into that one, and crash."""
    own = Path(environment["DEMUCS_ORT_ONNXRUNTIME"]).with_name("libonnxruntime_providers_shared.so")
    other = shutil.copy(own, tmp_path)
    said = [
        subprocess.run(
            [sys.executable, "-c", BESIDE_ANOTHER, tie], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for tie in (str(own), str(other))
    ]
    assert said[0] == ""
    assert said[1].startswith("runtime_missing ")
    assert said[1].endswith(
        "the provider openvino cannot be used, because another ONNX Runtime of this process has loaded "
        f"'{other}'; let both be one by pointing DEMUCS_ORT_ONNXRUNTIME at the library beside that file, or use the "
        "provider cpu\n"
    )


BATCH = """
import demucs_native, numpy
model = demucs_native.Model(demucs_native.demo_model_file(), provider="openvino")
mix = numpy.random.default_rng(0).standard_normal((2, 2, model.segment_frames)).astype("float32")
both = model.run(mix)
assert numpy.array_equal(both[1], model.run(mix[1:])[0]) and not numpy.array_equal(both[0], both[1])
"""


def test_batches_are_run_one_by_one(environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-c", BATCH], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_bfloat16_is_used_where_the_processor_has_it_and_loses_next_to_nothing(
    cli: Cli, environment: dict[str, str], song: Track, plain_stems: dict[str, np.ndarray], tmp_path: Path
) -> None:
    done = cli("--provider", "openvino-bf16", song.path / "mixture.wav", tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    stems, truth = read_stems(tmp_path), song.read().stems
    flags = Path("/proc/cpuinfo").read_text()
    most = 70 if "avx512_bf16" in flags or "amx_bf16" in flags else np.inf  # closer would be float32
    for name, plain in plain_stems.items():
        assert 25 < snr(plain, stems[name]) < most, name
        before, after = si_sdr(plain, truth[name]), si_sdr(stems[name], truth[name])
        if before is not None and after is not None:
            assert after > before - 0.05, name


def test_a_provider_that_computes_garbage_is_refused(
    cli: Cli, environment: dict[str, str], song: Track, tmp_path: Path
) -> None:
    """Here it is the known answer that is wrong, or missing."""
    model = onnx.load(demucs_native.demo_model_file())
    (answer,) = (entry for entry in model.metadata_props if entry.key == "demucs_ort.known_answer")
    answer.value = ",".join(str(-int(number)) for number in answer.value.split(","))
    onnx.save(model, tmp_path / "other.onnx")
    model.metadata_props.remove(answer)
    onnx.save(model, tmp_path / "none.onnx")
    for name, code, reason in (
        ("other", 6, "garbage: its SNR on a known signal is -6.0 dB instead"),
        ("none", 3, "no known"),
    ):
        arguments = ["-m", tmp_path / f"{name}.onnx", song.path / "mixture.wav", tmp_path / "out"]
        done = cli("--provider", "openvino", *arguments, env=environment)
        assert done.returncode == code, done.stderr
        assert reason in done.stderr
        assert not (tmp_path / "out").exists()
        assert cli("-q", *arguments, env=environment).returncode == 0, "ONNX Runtime's own provider is not asked"
        shutil.rmtree(tmp_path / "out")


def test_providers_are_listed_and_take_options(cli: Cli, environment: dict[str, str], tmp_path: Path) -> None:
    assert cli("--list-providers", env=environment).stdout.split() == ["openvino", "openvino-bf16", "cpu"]
    info = ["--info", demucs_native.demo_model_file(), "--provider", "openvino"]
    done = cli(*info, "--provider-option", "device_type=NOTHING", env=environment)
    assert done.returncode == 6
    assert "the provider openvino cannot compute" in done.stderr
