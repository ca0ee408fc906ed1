"""Bags of models, and models by name from a folder or the hub, against stock demucs' own `--repo`."""

import hashlib
import itertools
import json
import random
import shutil
from pathlib import Path

import demucs.pretrained
import demucs_export
import demucs_native
import huggingface_hub
import onnx
import pytest
import torch
from conftest import TINY
from demucs.apply import BagOfModels
from demucs_export import WeightsError, api, metadata, repository
from demucs_export.cli import main
from support import assert_parity, music, read_stems, reference, write_wav
from test_weights import package, save_hub

FRAMES = 40_000
"""Two segments of the tiny models."""
SIX = ["drums", "bass", "other", "vocals", "guitar", "piano"]


def cli_export(*arguments: str) -> int:
    return main(arguments)


@pytest.fixture(scope="session")
def repo(tmp_path_factory) -> Path:
    """Two seeded models and bags of them, in the layout of demucs' `--repo`."""
    folder = tmp_path_factory.mktemp("repo")
    for seed, signature in enumerate(("aaaa", "bbbb"), 2):
        torch.save(package(demucs_export.untrained(seed, TINY)), folder / f"{signature}.th")
    (folder / "pair.yaml").write_text("models: [aaaa, bbbb]\nweights: [[1., 0.], [0., 1.]]\n")
    (folder / "even.yaml").write_text("models: [aaaa, bbbb]\n")
    (folder / "one.yaml").write_text("models: [bbbb]\nsegment: 44\n")
    return folder


@pytest.fixture(scope="session")
def pair(repo, tmp_path_factory) -> Path:
    """The bag `pair`, exported through the command line."""
    out = tmp_path_factory.mktemp("pair")
    assert cli_export("pair", "--repo", str(repo), "-o", str(out)) == 0
    return out / "pair.json"


def stock(name: str, repo: Path) -> BagOfModels:
    """As stock demucs loads it."""
    return demucs.pretrained.get_model(name, repo)


def test_a_bag_is_one_model(pair):
    members = {f"pair_{stem}.{kind}" for stem in ("left", "right") for kind in ("onnx", "ort")}
    records = {"pair.json", "pair_left.json", "pair_right.json"}
    assert {file.name for file in pair.parent.iterdir()} == members | records
    content = json.loads(pair.read_text())
    assert content["files"].keys() == content["measured"].keys() == members
    model = demucs_native.Model(pair)
    assert (model.name, model.sources, model.trained) == ("pair", ["left", "right"], True)
    assert model.members == ["pair_left.onnx", "pair_right.onnx"]
    assert "one of the 2 models of pair" in demucs_native.Model(pair.parent / "pair_left.onnx").description


def test_parity_of_specialists(pair, repo, cli, tmp_path):
    mix = music(FRAMES)
    expected = reference(stock("pair", repo), mix)
    assert_parity(expected, demucs_native.Model(pair).separate(mix))
    song = write_wav(tmp_path / "song.wav", mix)
    done = cli("-m", pair, "--json", tmp_path / "report.json", song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert_parity(expected, read_stems(tmp_path / "out"))
    assert json.loads((tmp_path / "report.json").read_text())["model"]["members"] == [
        "pair_left.onnx",
        "pair_right.onnx",
    ]
    assert "pair_left.onnx, pair_right.onnx" in cli("--info", pair).stdout


@pytest.mark.parametrize("weights", [[[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.25], [0.5, 3.0]]], ids=["even", "uneven"])
def test_parity_of_weighted_means(weights, pair, repo, tmp_path):
    bag = BagOfModels(list(stock("pair", repo).models), weights)
    content = json.loads(pair.read_text())
    for member, row in zip(content["members"], weights, strict=True):
        shutil.copy(pair.parent / member["onnx"], tmp_path)
        member["weights"] = row
    (tmp_path / "bag.json").write_text(json.dumps(content))
    mix = music(FRAMES)
    assert_parity(reference(bag, mix), demucs_native.Model(tmp_path / "bag.json").separate(mix))


def test_parity_with_shifts(pair, repo, monkeypatch):
    """demucs draws new offsets for every member; here both get the same."""
    offsets = [12_345, 678]
    draws = itertools.cycle(offsets)
    monkeypatch.setattr(random, "randint", lambda low, high: next(draws))
    mix = music(FRAMES)
    expected = reference(stock("pair", repo), mix, shifts=2)
    assert_parity(expected, demucs_native.Model(pair).separate(mix, shift_offsets=offsets))


def test_only_the_members_that_are_needed_run(pair, repo, cli, tmp_path):
    """The other one is damaged, and nobody notices."""
    for file in pair.parent.glob("pair*.*"):
        shutil.copy(file, tmp_path)
    (tmp_path / "pair_left.onnx").write_bytes(b"no model")
    mix = music(FRAMES)
    song, model = write_wav(tmp_path / "song.wav", mix), tmp_path / "pair.json"
    done = cli("-m", model, "--stems", "right", song, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    expected = reference(stock("pair", repo), mix)
    assert_parity({"right": expected["right"]}, read_stems(tmp_path / "out"))
    assert_parity({"right": expected["right"]}, demucs_native.Model(model).separate(mix, stems=["right"]))
    minus = demucs_native.Model(model).separate(mix, two_stems="right", other_method="minus")
    assert_parity({"right": expected["right"], "no_right": mix - expected["right"]}, minus)
    done = cli("-m", model, song, tmp_path / "all")
    assert done.returncode == 3
    assert "pair_left.onnx" in done.stderr
    assert not list((tmp_path / "all").glob("*"))


def test_the_other_kind_of_file_serves(pair, repo, tmp_path):
    for file in (pair, *pair.parent.glob("*.ort")):
        shutil.copy(file, tmp_path)
    model = demucs_native.Model(tmp_path / "pair.json")
    assert model.members == ["pair_left.ort", "pair_right.ort"]
    mix = music(FRAMES)
    assert_parity(reference(stock("pair", repo), mix), model.separate(mix))


def test_verify_compares_every_member(pair, repo, tmp_path, capsys):
    source = ["pair", "--repo", str(repo)]
    assert cli_export(*source, "--verify", str(pair)) == 0
    assert {"pair_left.onnx", "pair_right.ort"} <= set(capsys.readouterr().out.split())
    assert cli_export("even", "--repo", str(repo), "--verify", str(pair)) == 0, "the same members"
    assert cli_export(*source, "--verify", str(pair.parent / "pair_left.json")) == 4
    assert "not the description of a bag" in capsys.readouterr().err
    content = json.loads(pair.read_text())
    content["members"].reverse()
    for file in pair.parent.glob("pair_*"):
        shutil.copy(file, tmp_path)
    (tmp_path / "pair.json").write_text(json.dumps(content))
    assert cli_export(*source, "--verify", str(tmp_path / "pair.json")) == 4
    assert "not made of these weights" in capsys.readouterr().err


def test_a_bag_that_fails_leaves_nothing(repo, tmp_path, monkeypatch, capsys):
    real, calls = api.verify.require_passed, []

    def fail_the_second(rows):
        calls.append(rows)
        if len(calls) == 2:
            raise demucs_export.ExportError("no")
        real(rows)

    monkeypatch.setattr(api.verify, "require_passed", fail_the_second)
    assert cli_export("pair", "--repo", str(repo), "-o", str(tmp_path / "out")) == 4
    assert not list((tmp_path / "out").iterdir())


def test_six_stems(cli, tmp_path):
    model = demucs_export.untrained(5, {**TINY, "sources": SIX})
    report = demucs_export.export(model, tmp_path, name="six", trained=False)
    mix = music(FRAMES)
    expected = reference(model, mix)
    assert_parity(expected, demucs_native.Model(report.onnx).separate(mix))
    done = cli("-q", "-m", report.onnx, "--two-stems", "piano", write_wav(tmp_path / "a.wav", mix), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rest = sum(stem for name, stem in expected.items() if name != "piano")
    assert_parity({"piano": expected["piano"], "no_piano": rest}, read_stems(tmp_path / "out"))


def test_members_are_numbered_where_stems_do_not_tell_them_apart(repo):
    even, pair = repository.named("even", repo), repository.named("pair", repo)
    assert api._labels(even) == ["1", "2"]
    assert api._labels(pair) == ["left", "right"]
    assert api._labels(BagOfModels(list(pair.models), [[1.0, 0.0], [1.0, 0.0]])) == ["1", "2"]


def sha(model) -> str:
    return metadata.weights_sha256(model.state_dict())


def test_single_models_of_a_folder(repo):
    expected = sha(stock("bbbb", repo))
    assert sha(repository.named("bbbb", repo)) == expected
    one = repository.named("one", repo)
    assert sha(one) == expected, "a bag of one is that one"
    assert one.segment == stock("one", repo).models[0].segment == TINY["segment"], (
        "HTDemucs hears no more than it learned"
    )


def test_digest_in_the_name_of_a_checkpoint(repo, tmp_path):
    digest = hashlib.sha256((repo / "aaaa.th").read_bytes()).hexdigest()[:8]
    shutil.copy(repo / "aaaa.th", tmp_path / f"aaaa-{digest}.th")
    assert sha(repository.named("aaaa", tmp_path)) == sha(stock("aaaa", tmp_path))
    shutil.copy(repo / "bbbb.th", tmp_path / "bbbb-01234567.th")
    with pytest.raises(WeightsError, match=r"bbbb-01234567\.th is damaged"):
        repository.named("bbbb", tmp_path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("models: [aaaa, cccc]", "no checkpoint of the signature 'cccc'"),
        ("models: aaaa", "does not list"),
        ("[aaaa]", "does not list"),
        ("models: [aaaa", "no YAML"),
        ("models: []", "weight for every stem"),
        ("{models: [aaaa, bbbb], weights: [[1, 1]]}", "weight for every stem"),
        ("{models: [aaaa, bbbb], weights: [[1, 0], [1, 0]]}", "add up to nothing"),
        ("{models: [aaaa, bbbb], weights: [[a, 0], [1, 1]]}", "not numbers"),
        ("{models: [aaaa, six]}", "same stems"),
        ("{models: [aaaa, long]}", "different lengths"),
    ],
)
def test_unusable_bags(text, named, repo, tmp_path):
    for file in repo.glob("*.th"):
        shutil.copy(file, tmp_path)
    torch.save(package(demucs_export.untrained(2, {**TINY, "sources": SIX})), tmp_path / "six.th")
    torch.save(package(demucs_export.untrained(2, {**TINY, "segment": 1})), tmp_path / "long.th")
    (tmp_path / "bag.yaml").write_text(text)
    with pytest.raises(WeightsError, match=named) as caught:
        repository.named("bag", tmp_path)
    assert "\n" not in str(caught.value)


def test_folders_without_the_model(repo, tmp_path, capsys):
    with pytest.raises(WeightsError, match="even, one, pair, aaaa, bbbb"):
        repository.named("htdemucs", repo)
    with pytest.raises(WeightsError, match="no models at all"):
        repository.named("htdemucs", tmp_path)
    with pytest.raises(WeightsError, match="no folder"):
        repository.named("htdemucs", tmp_path / "none")
    assert cli_export("--untrained", "0", "--repo", str(repo)) == 2


def test_models_of_a_user_on_the_hub(tiny_model, tmp_path, monkeypatch):
    """In demucs' layout; read without importing the class that the file names."""
    save_hub(tiny_model, tmp_path / "aaaa.safetensors")
    save_hub(tiny_model, tmp_path / "evil.safetensors", klass="subprocess.Popen")
    (tmp_path / "mine.yaml").write_text("models: [aaaa, aaaa]\nweights: [[1, 0], [0, 1]]\n")
    (tmp_path / "htdemucs_x.yaml").write_text("models: [evil]\n")
    asked = []

    def download(repository_name, file):
        asked.append(repository_name)
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    bag = repository.named("hf://someone/mine")
    assert isinstance(bag, BagOfModels)
    assert bag.weights == [[1, 0], [0, 1]]
    with pytest.raises(WeightsError, match=r"subprocess\.Popen"):
        repository.named("hf://htdemucs_x")
    assert set(asked) == {"someone/Demucs-mine", "adefossez/HTDemucs-x"}


def test_hub_out_of_reach(monkeypatch):
    def fail(*_):
        raise OSError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(WeightsError, match=r"Name or service not known.*--checkpoint FILE"):
        repository.named("hf://someone/mine")


def test_members_share_their_working_memory(cli, tmp_path):
    """A second member costs its weights, not another run's memory."""
    demo = Path(demucs_native.__file__).with_name("htdemucs_demo.onnx")
    facts = onnx.load(demo).metadata_props
    model = {fact.key.removeprefix("demucs_ort."): fact.value for fact in facts}
    members = []
    for name in ("a", "b"):
        shutil.copy(demo, tmp_path / f"{name}.onnx")
        digest = model["weights_sha256"]
        member = {"onnx": f"{name}.onnx", "ort": f"{name}.ort", "weights_sha256": digest, "weights": [0.5] * 4}
        members.append(member)
    (tmp_path / "bag.json").write_text(json.dumps({"model": model, "members": members}))
    song = write_wav(tmp_path / "song.wav", music(FRAMES))
    peaks = []
    for file in (demo, tmp_path / "bag.json"):
        done = cli("-m", file, "--json", tmp_path / "report.json", song, tmp_path / "out")
        assert done.returncode == 0, done.stderr
        peaks.append(json.loads((tmp_path / "report.json").read_text())["peak_memory_bytes"])
    assert peaks[1] < peaks[0] + 60e6
