"""The model's file, or the files of a bag, on the machine that loads them."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from .errors import EXIT_MODEL, JobError, reason
from .storage import Place, sha256_of


def digest(model: str) -> str:
    """The SHA-256 of a model's file, or of all files of a bag. Reads all of it."""
    sums = [_sha256(part) for part in _parts(model)]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


@contextmanager
def local(model: str, wanted: str, scratch: Path) -> Iterator[Path]:
    """The model as a local file, fetched if it lies elsewhere, for as long as it takes to load it."""
    if digest(model) != wanted:
        raise JobError(f"the model '{model}' is another one here than where the job was started", EXIT_MODEL)
    place = Place(model)
    if place.is_local:
        yield Path(place.path)
        return
    folder = scratch / "model"
    folder.mkdir()
    for part in _parts(model):
        part.fetch(folder / PurePosixPath(part.path).name)
    yield folder / PurePosixPath(place.path).name
    shutil.rmtree(folder, ignore_errors=True)


def _parts(model: str) -> list[Place]:
    """The file itself, and the members of a bag."""
    place = Place(model)
    try:
        place.facts()
        if not place.path.endswith(".json"):
            return [place]
        return [place, *(_member(place, member) for member in json.loads(place.read())["members"])]
    except (KeyError, TypeError, ValueError):
        raise JobError(f"'{model}' is no bag of models", EXIT_MODEL) from None
    except Exception as error:
        raise JobError(f"cannot read the model '{model}': {reason(error)}", EXIT_MODEL) from error


def _member(bag: Place, member: dict[str, str]) -> Place:
    """The file of a member that is there, as the core looks for it."""
    places = [bag.parent / PurePosixPath(member[kind]).name for kind in ("onnx", "ort") if kind in member]
    found = next((place for place in places if place.fs.exists(place.path)), None)
    if found is None:
        raise FileNotFoundError(f"its member {member['onnx']!r} is missing")
    return found


def _sha256(place: Place) -> str:
    if place.is_local:
        return sha256_of(Path(place.path))
    with tempfile.NamedTemporaryFile(prefix="demucs_cluster-") as copy:
        return place.fetch(Path(copy.name))
