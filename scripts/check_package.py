"""A minute's check of an installed demucs_native: separates with a model of fixed gains. Needs the package onnx.

With --resampler it has to take a mix at another rate, too. For platforms where the whole `make test` does not run, and
for every wheel that is built.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import demucs_native
import numpy as np

ROOT = Path(__file__).parents[1]


def check_another_rate(model: demucs_native.Model) -> None:
    mix = np.tile(np.sin(np.arange(9000, dtype=np.float32) * 0.1), (2, 1))
    stems = model.separate(mix, 48_000)
    np.testing.assert_allclose(stems["drums"][:, 500:-500], 0.75 * mix[:, 500:-500], atol=1e-3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resampler", action="store_true")
    resampler = parser.parse_args().resampler
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, ROOT / "tests/cpp/make_models.py", folder], check=True)
        model = demucs_native.Model(Path(folder) / "gains.onnx")
        mix = np.random.default_rng(0).normal(0, 0.1, (2, 4321)).astype(np.float32)
        stems = model.separate(mix)
        if resampler:
            check_another_rate(model)
        del model  # Windows deletes no file that is open
    mean = mix.mean()
    for name, gain in (("drums", 0.75), ("bass", 0.25)):
        np.testing.assert_allclose(stems[name], gain * (mix - mean) + mean, atol=1e-6)
    subprocess.run([sys.executable, "-m", "demucs_native._models_cli", "list"], check=True)
    print(f"demucs_native {demucs_native.__version__} separates{' at any rate' if resampler else ''}")


if __name__ == "__main__":
    main()
