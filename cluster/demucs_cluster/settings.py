"""What is to be made of every song."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """The options of demucs_native.separate_file and of demucs_native.Model that decide what the files hold."""

    format: str = "wav"
    codec: str = ""
    bit_depth: str = ""
    bitrate: int = 0
    sample_rate: int = 0
    clip_mode: str = "none"
    filename: str = ""
    stem_names: Mapping[str, str] = field(default_factory=dict)
    stem_colors: Mapping[str, str] = field(default_factory=dict)
    fold: Mapping[str, str] = field(default_factory=dict)
    preserve_mix: bool = False
    overlap: float = 0.25
    shifts: int = 0
    seed: int = 0
    stems: Sequence[str] | None = None
    two_stems: str | None = None
    other_method: str = "add"
    residual_to: str | None = None
    provider: str = "cpu"
    provider_options: Mapping[str, str] = field(default_factory=dict)

    def file_options(self) -> dict[str, Any]:
        """The part of separate_file."""
        options = asdict(self)
        del options["provider"], options["provider_options"]
        return options

    def digest(self) -> str:
        """16 hexadecimal digits that change with the settings."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Resources:
    """What one actor has. Its threads are its CPUs."""

    cpus: int = 0  # 0: as many as the largest node has, at most 4
    gpus: float = 0
    songs: int = 2  # at a time, so that one computes while another is read or written
    actors: int = 0  # 0: as many as fit
