"""Tells PyInstaller, by an entry point, that the hook for demucs_native lies in this folder."""

from pathlib import Path


def hook_dirs() -> list[str]:
    return [str(Path(__file__).parent)]
