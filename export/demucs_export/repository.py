"""Models by name: the official ones, and those of a folder or of a user on the hub.

A name may stand for a bag of models that separate as one. What is not official is read by
`weights.checkpoint` alone, which executes nothing.
"""

import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import demucs.hf
import demucs.pretrained
import huggingface_hub
import yaml  # type: ignore[import-untyped]
from demucs.apply import BagOfModels
from demucs.htdemucs import HTDemucs

from .errors import WeightsError
from .patch import segment_frames
from .weights import SUFFIXES, checked, checkpoint, first_line

Model = HTDemucs | BagOfModels
"""One model, or several; a bag of one is unwrapped."""

HUB = "hf://"
OTHER_WAYS = "give weights with --checkpoint FILE, or make an untrained model with --untrained SEED"


def named(name: str, repo: Path | None = None) -> Model:
    """The model of the folder `repo`, one of the hub (`hf://[user/]name`) or the official one of this
    name; raises WeightsError."""
    if repo is not None:
        return local(name, repo)
    if name.startswith(HUB):
        return hub(name.removeprefix(HUB))
    return official(name)


def members(model: Model) -> list[HTDemucs]:
    """The models of a bag, or the one."""
    return [cast(HTDemucs, member) for member in model.models] if isinstance(model, BagOfModels) else [model]


def available() -> dict[str, str]:
    """What `named` is asked for without a folder, with a word on each; nothing is downloaded."""
    notes = {}
    for name, members in sorted(_bags().items()):
        bag = f"a bag of {len(members)} models, " if len(members) > 1 else ""
        notes[name] = bag + "downloaded by demucs on first use" if _is_supported(name) else "not supported: no HTDemucs"
    return notes


def official(name: str) -> Model:
    """The official model or bag, from demucs' cache or the network; raises WeightsError."""
    _refuse_before_download(name)
    with _quiet_hub():
        try:
            model = demucs.pretrained.get_model(name)
        # SystemExit: how demucs reports a missing package.
        except (Exception, SystemExit) as error:
            raise WeightsError(
                f"the weights of {name!r} could not be loaded or downloaded ({first_line(error)}): {OTHER_WAYS}"
            ) from error
    if isinstance(model, BagOfModels):
        return _checked_bag(model, name)
    return checked(model, name)


def local(name: str, folder: Path) -> Model:
    """The bag `name`.yaml of a folder as demucs' `--repo` takes it, or its checkpoint SIGNATURE[-CHECKSUM] of that
    signature; raises WeightsError."""
    if not folder.is_dir():
        raise WeightsError(f"there is no folder {folder}")
    files = {file.stem.split("-")[0]: file for file in sorted(folder.iterdir()) if file.suffix in SUFFIXES}
    bags = {file.stem: file for file in sorted(folder.glob("*.yaml"))}

    def member(signature: str) -> HTDemucs:
        if signature not in files:
            raise WeightsError(f"the folder {folder} has no checkpoint of the signature {signature!r}")
        _check_digest(files[signature])
        return checkpoint(files[signature])

    if name in files:
        return member(name)
    if name in bags:
        return _bag(bags[name].read_text(encoding="utf-8"), member, str(bags[name]))
    known = ", ".join([*bags, *files]) or "no models at all"
    raise WeightsError(f"the folder {folder} has no model {name!r}, but {known}")


def hub(name: str) -> Model:
    """The bag [user/]name of the hub, in the layout of `demucs.hf`; raises WeightsError."""
    user, _, short = name.rpartition("/")
    repository = f"{user or demucs.hf.DEFAULT_NAMESPACE}/{demucs.hf.hf_repo_name(short)}"

    def download(file: str) -> Path:
        with _quiet_hub():
            try:
                return Path(huggingface_hub.hf_hub_download(repository, file))
            except Exception as error:
                raise WeightsError(
                    f"{file} of {repository} could not be downloaded ({first_line(error)}): {OTHER_WAYS}"
                ) from error

    def member(signature: str) -> HTDemucs:
        return checkpoint(download(f"{signature}.safetensors"))

    return _bag(download(f"{short}.yaml").read_text(encoding="utf-8"), member, HUB + name)


def _bag(text: str, member: Callable[[str], HTDemucs], origin: str) -> Model:
    """The bag that the YAML describes, its members loaded by their signatures."""
    try:
        description = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise WeightsError(f"{origin} is no YAML: {first_line(error)}") from error
    if not isinstance(description, Mapping) or not isinstance(description.get("models"), list):
        raise WeightsError(f"{origin} does not list the models of a bag")
    try:
        bag = BagOfModels(
            [member(str(signature)) for signature in description["models"]],
            description.get("weights"),
            description.get("segment"),
        )
    except (AssertionError, TypeError) as error:
        raise WeightsError(
            f"{origin} is no bag: it needs models of the same stems, rate and channels, and a weight for every "
            "stem of each"
        ) from error
    return _checked_bag(bag, origin)


def _checked_bag(bag: BagOfModels, origin: str) -> Model:
    members = [checked(member, origin) for member in bag.models]
    if len(members) == 1:
        return members[0]
    if len({segment_frames(member) for member in members}) > 1:
        raise WeightsError(f"the models of {origin} hear different lengths of segment, which is not supported")
    for row in bag.weights:
        if not all(isinstance(weight, int | float) and abs(weight) <= 1e6 for weight in row):
            raise WeightsError(f"the weights of {origin} are not numbers: {row}")
    if any(abs(sum(column)) < 1e-6 for column in zip(*bag.weights, strict=True)):
        raise WeightsError(f"the weights of {origin} add up to nothing for one of the stems")
    return bag


def _check_digest(file: Path) -> None:
    """demucs puts the first digits of a checkpoint's SHA-256 into its name."""
    _, _, expected = file.stem.partition("-")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if not found.startswith(expected):
        raise WeightsError(f"the checkpoint {file} is damaged: its SHA-256 starts with {found[: len(expected)]}")


def _refuse_before_download(name: str) -> None:
    """Let through only what demucs lists, so that no other place is asked, and only what can be exported."""
    bags = _bags()
    if name not in bags and name not in _signatures():
        known = ", ".join(filter(_is_supported, sorted(bags)))
        raise WeightsError(f"demucs has no model named {name!r} (it has {known}): {OTHER_WAYS}")
    if name in bags and not _is_supported(name):
        supported = ", ".join(filter(_is_supported, sorted(bags)))
        raise WeightsError(f"{name} is not an HTDemucs; only these official models can be exported: {supported}")


def _is_supported(name: str) -> bool:
    return name.startswith("htdemucs")


def _bags() -> dict[str, list[str]]:
    """By name, the signatures of the members of demucs' bags; most have one."""
    files = demucs.pretrained.REMOTE_ROOT.glob("*.yaml")
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8"))["models"] for file in files}


def _signatures() -> set[str]:
    listing = (demucs.pretrained.REMOTE_ROOT / "files.txt").read_text(encoding="utf-8")
    return {line.split("-")[0] for line in listing.splitlines() if line.endswith(".th")}


@contextlib.contextmanager
def _quiet_hub() -> Iterator[None]:
    """The hub's client would warn of each of its retries before we can say what to do instead.

    All loggers are meant, since the client sets its own's level when it is first used.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
