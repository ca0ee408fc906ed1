"""Writes demucs_native/_core.pyi under the given folder, from the installed module."""

import re
import subprocess
import sys
from pathlib import Path


def main(folder: Path) -> None:
    command = [sys.executable, "-m", "pybind11_stubgen", "demucs_native._core", "-o", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stub = folder / "demucs_native/_core.pyi"
    text = stub.read_text(encoding="utf-8")
    stub.write_text(re.sub(r"^(__version__: str) = .*$", r"\1", text, flags=re.MULTILINE), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
