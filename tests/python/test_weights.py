"""Where weights come from, and what is refused: nothing in a checkpoint may run."""

import copy
import json
import logging
import os
import pickle
import zipfile
from fractions import Fraction
from pathlib import Path

import demucs.pretrained
import pytest
import torch
from conftest import SMALL, TINY
from demucs.apply import BagOfModels
from demucs.hdemucs import HDemucs
from demucs.states import get_state
from demucs_export import (
    UsageError,
    WeightsError,
    checkpoint,
    metadata,
    repository,
    untrained,
)
from demucs_export.repository import official
from safetensors.torch import save_file


def sha(model) -> str:
    return metadata.weights_sha256(model.state_dict())


def package(model) -> dict:
    """What demucs' own `serialize_model` stores."""
    args, kwargs = model._init_args_kwargs
    return {
        "klass": type(model),
        "args": args,
        "kwargs": kwargs,
        "state": get_state(model, None, half=True),
        "training_args": {"dset": {"names": ["x"], "rate": 0.5}, "seed": None},
    }


def halved(model):
    """The model with its weights rounded to half precision, as checkpoints store them."""
    twin = copy.deepcopy(model)
    for parameter in twin.parameters():
        parameter.data = parameter.data.half().float()
    return twin


def hub_metadata(model, **changes: str) -> dict[str, str]:
    """What demucs' tools write beside the tensors of a safetensors file."""

    def encode(value):
        if isinstance(value, Fraction):
            return {
                "_type": "fraction",
                "numerator": value.numerator,
                "denominator": value.denominator,
            }
        raise TypeError(value)

    args, kwargs = model._init_args_kwargs
    facts = {
        "klass": "demucs.htdemucs.HTDemucs",
        "args": json.dumps(args),
        "kwargs": json.dumps(kwargs, default=encode),
    }
    return {**facts, **changes}


def save_hub(model, path: Path, **changes: str) -> Path:
    save_file(get_state(model, None, half=True), path, metadata=hub_metadata(model, **changes))
    return path


def save_th(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


def test_th_round_trip(tiny_model, tmp_path):
    loaded = checkpoint(save_th(package(tiny_model), tmp_path / "model.th"))
    assert sha(loaded) == sha(halved(tiny_model))
    assert loaded.segment == Fraction(1, 2)
    assert loaded.sources == ["left", "right"]
    assert not loaded.training
    assert all(p.dtype == torch.float32 for p in loaded.parameters())


def test_safetensors_round_trip_agrees_with_demucs(tiny_model, tmp_path):
    from demucs.hf import load_safetensors_model

    path = save_hub(tiny_model, tmp_path / "model.safetensors")
    loaded = checkpoint(path)
    assert sha(loaded) == sha(halved(tiny_model)) == sha(load_safetensors_model(path))
    assert loaded.segment == Fraction(1, 2)


class Payload:
    """Unpickling this makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (os.mkdir, (str(self.marker),))


@pytest.mark.parametrize("suffix", [".th", ".safetensors"])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("container", ["zip", "plain", "inside a package"])
def test_nothing_in_a_checkpoint_runs(suffix, protocol, container, tiny_model, tmp_path):
    marker, path = tmp_path / "marker", tmp_path / f"model{suffix}"
    if container == "zip":
        torch.save(Payload(marker), path, pickle_protocol=protocol)
    elif container == "plain":
        path.write_bytes(pickle.dumps(Payload(marker), protocol=protocol))
    else:
        content = {**package(tiny_model), "training_args": Payload(marker)}
        torch.save(content, path, pickle_protocol=protocol)
    with pytest.raises(WeightsError) as caught:
        checkpoint(path)
    assert not marker.exists()
    assert "\n" not in str(caught.value)
    pickle.loads(pickle.dumps(Payload(marker)))
    assert marker.exists(), "the payload must be live for this test to mean anything"


def test_the_refused_name_is_named(tiny_model, tmp_path):
    content = {**package(tiny_model), "training_args": Payload(tmp_path / "marker")}
    with pytest.raises(WeightsError, match=r"names (posix|nt)\.mkdir"):
        checkpoint(save_th(content, tmp_path / "a.th"))
    content = {**package(tiny_model), "klass": HDemucs}
    with pytest.raises(WeightsError, match=r"demucs\.hdemucs\.HDemucs"):
        checkpoint(save_th(content, tmp_path / "b.th"))


def test_class_of_a_safetensors_file_is_not_imported(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil.py").write_text("open('marker', 'w').close()\nHTDemucs = None\n")
    path = save_hub(tiny_model, tmp_path / "model.safetensors", klass="evil.HTDemucs")
    with pytest.raises(WeightsError, match=r"evil\.HTDemucs"):
        checkpoint(path)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("suffix", [".th", ".safetensors"])
def test_damaged_files(suffix, tiny_model, tmp_path):
    path = tmp_path / f"model{suffix}"
    if suffix == ".th":
        save_th(package(tiny_model), path)
    else:
        save_hub(tiny_model, path)
    whole = path.read_bytes()
    for content in (b"", whole[:100], whole[: len(whole) // 2], b"not a model" * 100):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="damaged") as caught:
            checkpoint(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"klass": Fraction}, "Fraction"),
        ({"kwargs": None}, "kwargs"),
        ({"state": {}}, "state_dict"),
        ({"state": {"__quantized": True}}, "quantized"),
        ({"kwargs": {"channels": 8}}, "sources"),
        ({"best_state": {}}, r"best\.th"),
    ],
    ids=str,
)
def test_unusable_packages(change, named, tiny_model, tmp_path):
    path = save_th({**package(tiny_model), **change}, tmp_path / "model.th")
    with pytest.raises(WeightsError, match=named) as caught:
        checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"structure": "{}"}, "quantized"),
        ({"kwargs": "{"}, "not a usable model"),
        ({"kwargs": "{}"}, "sources"),
    ],
    ids=str,
)
def test_unusable_safetensors(change, named, tiny_model, tmp_path):
    path = save_hub(tiny_model, tmp_path / "model.safetensors", **change)
    with pytest.raises(WeightsError, match=named):
        checkpoint(path)


def test_other_contents(tiny_model, tmp_path):
    with pytest.raises(WeightsError, match="list"):
        checkpoint(save_th([1, 2], tmp_path / "list.th"))
    with pytest.raises(WeightsError, match="metadata lack args, klass, kwargs"):
        save_file({"x": torch.zeros(1)}, tmp_path / "bare.safetensors")
        checkpoint(tmp_path / "bare.safetensors")
    with pytest.raises(WeightsError, match="No such file"):
        checkpoint(tmp_path / "missing.th")
    with pytest.raises(WeightsError, match="Is a directory"):
        (tmp_path / "folder.th").mkdir()
        checkpoint(tmp_path / "folder.th")
    with pytest.raises(WeightsError, match=r"\.th or \.safetensors"):
        checkpoint(tmp_path / "model.onnx")
    with zipfile.ZipFile(tmp_path / "zip.th", "w") as archive:
        archive.writestr("x", "y")
    with pytest.raises(WeightsError, match="damaged"):
        checkpoint(tmp_path / "zip.th")


def test_weights_that_are_not_finite(tiny_model, tmp_path):
    content = package(tiny_model)
    content["state"]["encoder.0.conv.bias"][0] = float("nan")
    with pytest.raises(WeightsError, match=r"not finite: encoder\.0\.conv\.bias"):
        checkpoint(save_th(content, tmp_path / "model.th"))


def test_official_unwraps_a_bag_of_one(tiny_model, monkeypatch):
    asked = []
    monkeypatch.setattr(demucs.pretrained, "get_model", lambda name: asked.append(name) or BagOfModels([tiny_model]))
    assert official("htdemucs") is tiny_model
    assert asked == ["htdemucs"]


@pytest.mark.parametrize("fault", [OSError("Name or service not known"), SystemExit(1)])
def test_failed_download_names_the_other_ways(fault, monkeypatch):
    def fail(name):
        raise fault

    monkeypatch.setattr(demucs.pretrained, "get_model", fail)
    with pytest.raises(WeightsError, match=r"--checkpoint FILE.*--untrained SEED") as caught:
        official("htdemucs")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("hdemucs_mmi", "only these official models can be exported: htdemucs, htdemucs_6s, htdemucs_ft"),
        ("nonsense", "no model named"),
        ("someone/htdemucs", "no model named"),
        ("", "no model named"),
    ],
)
def test_names_refused_without_asking_the_network(name, named, monkeypatch):
    monkeypatch.setattr(demucs.pretrained, "get_model", lambda name: pytest.fail("asked"))
    with pytest.raises(WeightsError, match=named):
        official(name)


def test_official_models_of_another_kind(monkeypatch):
    other = HDemucs(["a"], channels=4, depth=2)
    monkeypatch.setattr(demucs.pretrained, "get_model", lambda name: other)
    with pytest.raises(WeightsError, match="HDemucs, and only HTDemucs"):
        official("955717e8")


def test_official_bag(tiny_model, monkeypatch):
    bag = BagOfModels([tiny_model, tiny_model], [[1.0, 0.0], [0.0, 1.0]])
    monkeypatch.setattr(demucs.pretrained, "get_model", lambda name: bag)
    assert official("htdemucs_ft") is bag


def test_official_architecture(full_model):
    assert sum(p.numel() for p in full_model.parameters()) == 41_984_456
    assert full_model.segment == Fraction(39, 5)
    assert full_model.sources == ["drums", "bass", "other", "vocals"]


def test_seed_alone_decides_the_weights():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = untrained(7, SMALL)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    assert sha(untrained(7, SMALL)) == sha(first)
    assert sha(untrained(8, SMALL)) != sha(first)


def test_every_weight_of_an_untrained_model_counts(small_model):
    """A change by 0.3 of any one tensor must show at 90 dB; the parity tests ask for 100 dB."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(1, 2, 88200, generator=generator) * 0.2
    with torch.enable_grad():
        stems = small_model(mix)
        # Against unit noise, the size of a change of the output is that of the change of this one number.
        number = (stems * torch.randn(stems.shape, generator=generator)).sum()
        names, parameters = zip(*small_model.named_parameters(), strict=True)
        slopes = torch.autograd.grad(number, parameters)
    for name, slope in zip(names, slopes, strict=True):
        assert 0.3 * slope.norm() / stems.norm() > 3e-5, name


@pytest.mark.parametrize("segment", [2, 2.0, "2", "4/2"])
def test_segment_as_number_or_fraction(segment):
    assert untrained(0, {**TINY, "segment": segment}).segment == 2


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"chanels": 3}, "chanels"),
        ({"self": 3}, "self"),
        ({"segment": "x"}, "segment"),
        ({"segment": "1/0"}, "segment"),
        ({"segment": -1}, "segment"),
        ({"segment": True}, "segment"),
        ({"segment": float("inf")}, "segment"),
        ({"channels": "many"}, "does not accept"),
        ({"t_heads": 7}, "does not accept"),
    ],
    ids=str,
)
def test_config_errors(config, named):
    with pytest.raises(UsageError, match=named) as caught:
        untrained(0, {**TINY, **config})
    assert "\n" not in str(caught.value)


def test_without_a_network_there_is_one_sentence(monkeypatch, caplog):
    """The hub's client sets its logger's level when it is first used."""
    logger = logging.getLogger("huggingface_hub")

    def get_model(name):
        logger.setLevel(logging.WARNING)
        logger.warning("Retrying in 8s [Retry 5/5].")
        raise OSError("no network\nat all")

    monkeypatch.setattr(demucs.pretrained, "get_model", get_model)
    with pytest.raises(WeightsError, match=r"'htdemucs' could not be loaded or downloaded \(no network\)"):
        official("htdemucs")
    logger.warning("later")
    assert caplog.messages == ["later"]


def test_sha_is_the_documented_one():
    import hashlib

    state = {"b": torch.tensor([[1.5, -2.0]]), "a": torch.tensor(3.0, dtype=torch.float16)}
    content = b"a\0\0" + b"\0\0\x40\x40" + b"b\0001x2\0" + b"\0\0\xc0\x3f\0\0\0\xc0"
    assert metadata.weights_sha256(state) == hashlib.sha256(content).hexdigest()
    assert repository.OTHER_WAYS.count("--") == 2
