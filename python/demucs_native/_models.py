"""The released models: which there are, and where on this machine they lie."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from demucs_native import _download
from demucs_native._download import PinnedFile, Progress
from demucs_native._errors import CacheError, DownloadError, RequestError

INDEX_FILE = Path(__file__).with_name("released_models.json")
"""What the release workflow fills in (`scripts/make_release_index.py`); in the source folder it has no models."""
CACHE_VARIABLE = "DEMUCS_ORT_CACHE"
URL_VARIABLE = "DEMUCS_ORT_BASE_URL"
EXPORT_HINT = "`demucs-export htdemucs -o models/` makes one (pip install 'demucs-ort-export[cpu]')"


@dataclass(frozen=True)
class ReleasedModel:
    """A model as released: its files, and the one of them to load."""

    name: str
    load: str
    files: tuple[PinnedFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def folder(self, cache: Path) -> Path:
        """Its own place in the cache. Releases with other files have other places: none replaces another's."""
        content = "".join(f"{file.name} {file.sha256}\n" for file in self.files)
        return cache / f"{self.name}-{sha256(content.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Index:
    """The models of this version of the package, and where their files lie unless another place is named."""

    base_url: str
    models: Mapping[str, ReleasedModel]

    def find(self, name: str, precision: str = "fp32") -> ReleasedModel:
        """Raises RequestError if it is not there."""
        full_name = name if precision == "fp32" else f"{name}_{precision}"
        if full_name in self.models:
            return self.models[full_name]
        if not self.models:
            raise RequestError(f"no models were released with this version: {EXPORT_HINT}")
        known = ", ".join(sorted(self.models))
        raise RequestError(f"there is no released model {full_name!r}, only {known}; of others {EXPORT_HINT}")


def read_index() -> Index:
    """What comes with this package."""
    content = json.loads(INDEX_FILE.read_text(encoding="utf-8"))
    models = {
        name: ReleasedModel(
            name, model["load"], tuple(PinnedFile(file, **facts) for file, facts in sorted(model["files"].items()))
        )
        for name, model in content["models"].items()
    }
    return Index(content["base_url"], models)


def cache_folder(chosen: str | os.PathLike[str] | None = None) -> Path:
    """`chosen`, else what DEMUCS_ORT_CACHE names, else this user's cache by the custom of the system."""
    named = chosen or os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    try:
        return _system_cache() / "demucs-ort"
    except RuntimeError:  # there is no home
        raise CacheError(f"this user has no folder for caches: name one in {CACHE_VARIABLE}") from None


def _system_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return xdg if xdg.is_absolute() else Path.home() / ".cache"


def fetch(
    name: str,
    *,
    precision: str = "fp32",
    cache: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Path:
    """The file of a released model, to give to Model; downloaded unless it is in the cache.

    Every file is checked against the size and SHA-256 that this package pins, each time. An interrupted download is
    continued by the next call. Processes may fetch the same model at once.

    precision: "fp32", or "fp16", "fp32-gpu", "fp16-gpu" or "int8" for the model of the name `name`_fp16 and so on.
    cache: the folder to keep models in; default: DEMUCS_ORT_CACHE, else this user's cache folder.
    base_url: where the files lie; default: DEMUCS_ORT_BASE_URL, else the project's release. https, or http from this
        machine itself.
    offline: only look into the cache.
    progress: called with a file's name, its bytes so far, and all its bytes; what it raises ends the download.
    Raises FetchError: its message is one sentence, its `exit_code` that of `demucs-models`.
    """
    index = read_index()
    model = index.find(name, precision)
    base = base_url or os.environ.get(URL_VARIABLE) or index.base_url
    folder = model.folder(cache_folder(cache))
    try:
        for file in model.files:
            _ensure(folder / file.name, file, None if offline else base, progress or _silent)
    except OSError as error:
        raise CacheError(f"the cache {folder} cannot be used: {error.strerror or error}") from error
    return folder / model.load


def _ensure(target: Path, file: PinnedFile, base_url: str | None, progress: Progress) -> None:
    if _download.matches(target, file):
        return
    if base_url is None:
        raise DownloadError(f"{target} is not there, or not as released, and the network is not to be used (offline)")
    _download.check_url(base_url)
    target.parent.mkdir(parents=True, exist_ok=True)
    _download.download(f"{base_url.rstrip('/')}/{quote(file.name)}", target, file, progress)


def _silent(name: str, done: int, size: int) -> None:
    pass


def faults(model: ReleasedModel, cache: Path) -> list[str]:
    """What is wrong with the cached files of the model, by SHA-256, a few words for each; empty if nothing is."""
    folder = model.folder(cache)
    return [
        f"{file.name} is {'damaged' if (folder / file.name).exists() else 'missing'}"
        for file in model.files
        if not _download.matches(folder / file.name, file)
    ]
