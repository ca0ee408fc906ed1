"""Loads an official model as demucs-export does, and finds the files that its weights came in."""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import isolated
from .backends import BackendError

if TYPE_CHECKING:
    from demucs.htdemucs import HTDemucs


@dataclass(frozen=True)
class WeightsFile:
    """A file that demucs downloaded."""

    name: str
    origin: str
    bytes: int
    sha256: str
    published: str
    """The SHA-256 that its publisher states, or the first digits of it; empty where none is known."""


def load(name: str) -> Mapping[str, Any]:
    """Facts of the official model and its files; demucs downloads what is missing. Raises BackendError."""
    import demucs_export
    from demucs_export import metadata, repository

    try:
        model = demucs_export.named(name)
    except demucs_export.ExportError as error:
        raise BackendError(str(error).removesuffix(f": {repository.OTHER_WAYS}")) from error
    members = repository.members(model)
    signatures = repository._bags().get(name, [name])
    files = [_file_of(name, *pair) for pair in zip(signatures, members, strict=True)]
    return {
        "weights_sha256": metadata.digest(model),
        "parameters": sum(weights.numel() for member in members for weights in member.parameters()),
        "members": len(members),
        "files": [asdict(file) for file in files],
    }


def _file_of(name: str, signature: str, member: "HTDemucs") -> WeightsFile:
    """The downloaded file with just these weights: demucs takes the hub's, or the older address' if that fails."""
    from demucs_export import ExportError, checkpoint, metadata

    wanted, seen = metadata.weights_sha256(member.state_dict()), []
    for path, origin, published in (*_on_the_hub(name, signature), *_at_the_older_address(signature)):
        try:
            found = metadata.weights_sha256(checkpoint(path).state_dict())
        except ExportError as error:
            seen.append(str(error))
            continue
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        if found == wanted and not sha256.startswith(published):
            raise BackendError(
                f"{path} is damaged: its SHA-256 starts with {sha256[:8]}, its publisher states {published[:8]}; "
                "delete it and run this again"
            )
        if found == wanted:
            return WeightsFile(path.name, origin, path.stat().st_size, sha256, published)
    raise BackendError(f"no downloaded file has the weights of {name}'s member {signature}: {'; '.join(seen)}")


def _on_the_hub(name: str, signature: str) -> Iterator[tuple[Path, str, str]]:
    """The hub's client names what it keeps by the SHA-256 that the hub states."""
    import demucs.hf
    import huggingface_hub

    repository = f"{demucs.hf.DEFAULT_NAMESPACE}/{demucs.hf.hf_repo_name(name)}"
    kept = huggingface_hub.try_to_load_from_cache(repository, f"{signature}.safetensors")
    if isinstance(kept, str):
        stated = Path(kept).resolve().name
        revision = Path(kept).parent.name
        yield Path(kept), f"hub, {repository} at {revision[:12]}", stated if len(stated) == 64 else ""


def _at_the_older_address(signature: str) -> Iterator[tuple[Path, str, str]]:
    """The first digits of the SHA-256 are in the name of the file."""
    import torch
    from demucs.pretrained import REMOTE_ROOT, _parse_remote_files

    url = _parse_remote_files(REMOTE_ROOT / "files.txt").get(signature)
    if url is not None:
        kept = Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])
        if kept.exists():
            yield kept, url.rpartition("/")[0], kept.stem.rpartition("-")[2]


if __name__ == "__main__":
    sys.exit(isolated.answer(load))
