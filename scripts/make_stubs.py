"""Writes demucs_native/_core.pyi under the given folder, from the installed module."""

import re
import subprocess
import sys
from pathlib import Path

# Options and properties that take or give one of a few words; the empty word stands for the default of a format.
WORDS = {
    "format": ("wav", "flac", "mp3", "m4a", "ogg", "stem.mp4"),
    "codec": ("", "aac", "alac"),
    "bit_depth": ("", "16", "24", "32f"),
    "clip_mode": ("none", "rescale", "clamp"),
    "other_method": ("add", "minus"),
    "priority": ("background", "normal", "foreground"),
    "storage": ("exact", "compact"),
    "underrun": ("silence", "mix"),
}

# What people write, for what pybind11 says of its conversions. `bytes` for a path would overlap with a model's content.
TYPES = {
    "typing.SupportsInt | typing.SupportsIndex": "int",
    "typing.SupportsFloat | typing.SupportsIndex": "float",
    "os.PathLike | str | bytes": "os.PathLike[str] | str",
}


def readable(text: str) -> str:
    """The stub with types that say what a person may write, and without a pinned version."""
    for said, meant in TYPES.items():
        text = text.replace(said, meant)
    for option, words in WORDS.items():
        text = re.sub(rf"\b{option}: str =", f"{option}: typing.Literal{list(words)} =", text)
    return re.sub(r"^(__version__: str) = .*$", r"\1", text, flags=re.MULTILINE)


def main(folder: Path) -> None:
    command = [sys.executable, "-m", "pybind11_stubgen", "demucs_native._core", "-o", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stub = folder / "demucs_native/_core.pyi"
    stub.write_text(readable(stub.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
