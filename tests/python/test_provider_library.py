"""Libraries of providers: one that cannot be used is refused in one sentence, and never passed over."""

import os
from pathlib import Path

import demucs_native
import numpy as np
import pytest
from support import ROOT, Cli

EMPTY = ROOT / "build/release/tests/cpp/libempty_provider_library.so"


@pytest.mark.parametrize(
    ("library", "provider", "reason"),
    [
        ("nowhere.so", "webgpu", "there is no such file"),
        (__file__, "webgpu", "ONNX Runtime refuses it as a library of providers"),
        (ROOT / "build/release/tests/cpp/libfake_onnxruntime.so", "webgpu", "CreateEpFactories"),
        (EMPTY, "webgpu", "finds no device on this machine that it can use"),
        (EMPTY, "cpu", "finds no device on this machine that it can use"),
    ],
)
def test_a_library_that_cannot_be_used(
    library: object, provider: str, reason: str, cli: Cli, gains_model: Path
) -> None:
    done = cli("--info", gains_model, "--provider-library", library, "--provider", provider)
    assert (done.returncode, done.stdout) == (6, "")
    assert reason in done.stderr
    assert Path(str(library)).name in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_onnx_runtime_that_is_too_old(cli: Cli, gains_model: Path) -> None:
    (runtime,) = (ROOT / "build/oldest_onnxruntime/onnxruntime/capi").glob("libonnxruntime.so.*")
    environment = {**os.environ, "DEMUCS_ORT_ONNXRUNTIME": str(runtime)}
    for what in (("--info", gains_model), ("--list-providers",)):
        done = cli(*what, "--provider-library", EMPTY, env=environment)
        assert done.returncode == 6
        assert "it needs ONNX Runtime 1.23 or later, and this is 1.21.0" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_auto_says_why_the_library_does_not_compute(gains_model: Path) -> None:
    model = demucs_native.Model(gains_model, provider="auto", provider_library=EMPTY)
    assert model.provider == "cpu"
    (reason,) = model.rejected_providers
    assert reason.startswith("libempty_provider_library.so: the provider library")
    assert demucs_native.providers(provider_library=EMPTY) == demucs_native.providers()


def test_auto_passes_the_library_over_for_all_members_of_a_bag(gains_model: Path) -> None:
    bag = gains_model.with_name("weighted.json")
    mix = np.random.default_rng(0).standard_normal((1, 2, 1000)).astype(np.float32)
    model = demucs_native.Model(bag, provider="auto", provider_library=EMPTY)
    assert np.array_equal(model.run(mix), demucs_native.Model(bag).run(mix))
    assert (model.provider, len(model.rejected_providers)) == ("cpu", 1)
