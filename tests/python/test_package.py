"""What is shipped to Python: wheels in an empty environment, a frozen program, the sdist, type stubs, the example."""

import email
import filecmp
import importlib.metadata
import json
import os
import re
import runpy
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import demucs_native
import numpy as np
import pytest
from demucs_export import Report
from support import ROOT

WITHOUT_ONNXRUNTIME = """
import sys, demucs_native

assert "torch" not in sys.modules and "onnxruntime" not in sys.modules
for call in (demucs_native.demo_model, demucs_native.providers):
    try:
        call()
    except demucs_native.Error as error:
        print(error.status, error)
"""
FRESH_RUN = """
import sys, numpy, demucs_native

model = demucs_native.Model(sys.argv[1])
stems = model.separate(numpy.ones((2, 1000), numpy.float32))
assert "torch" not in sys.modules and "onnxruntime" not in sys.modules
print(sorted(stems), stems["bass"].shape)
"""
FROZEN = """
import numpy, demucs_native

mix = numpy.random.default_rng(0).normal(0, 0.1, (2, 44_100)).astype(numpy.float32)
stems = demucs_native.demo_model().separate(mix)
print(sorted(stems), all(numpy.isfinite(stem).all() for stem in stems.values()))
"""


def run(*command: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The one that `make build` installed."""
    (wheel,) = (ROOT / "dist").glob("demucs_ort-*.whl")
    return wheel


def built(package: str, folder: Path) -> Path:
    build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    run(sys.executable, "-m", "pip", *build, ROOT / package)
    (wheel,) = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def export_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("export", tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def cluster_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("cluster", tmp_path_factory.mktemp("cluster"))


def test_wheels_hold_what_they_are_named_for(wheel: Path, export_wheel: Path, cluster_wheel: Path) -> None:
    for file, package, kinds in (
        (wheel, "demucs_native", {".json", ".onnx", ".py", ".pyi", ".so", ".typed"}),
        (export_wheel, "demucs_export", {".ogg", ".py", ".typed"}),
        (cluster_wheel, "demucs_cluster", {".py", ".typed"}),
    ):
        content = zipfile.ZipFile(file)
        inside = [Path(name) for name in content.namelist() if ".dist-info/" not in name]
        assert {path.parts[0] for path in inside} == {package}
        assert {path.suffix for path in inside} == kinds
        (licence,) = (name for name in content.namelist() if name.endswith("/LICENSE"))
        assert content.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert "demucs_native/htdemucs_demo.onnx" in zipfile.ZipFile(wheel).namelist()


def test_links_of_the_pages_on_a_package_index_lead_somewhere(
    wheel: Path, export_wheel: Path, cluster_wheel: Path
) -> None:
    for file in (wheel, export_wheel, cluster_wheel):
        content = zipfile.ZipFile(file)
        (metadata,) = (name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        page = email.message_from_string(content.read(metadata).decode()).get_payload()
        links = re.findall(r"\]\(([^)\s]*)\)|(?:src|href)=\"([^\"]*)\"", str(page))
        targets = [target for pair in links for target in pair if target]
        assert targets
        assert all(target.startswith("https://") for target in targets), targets
        images = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", str(page))
        assert all(image.startswith("https://raw.githubusercontent.com/") for image in images), images
        for target in targets:
            if found := re.match(r"https://[^/]+/demucs-ort/demucs-ort/(?:blob/)?main/([^#]*)", target):
                assert (ROOT / found[1]).exists(), target


def test_wheels_work_in_an_empty_environment(
    wheel: Path, export_wheel: Path, small_export: Report, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", python]
    install = [*pip, "install", "-q", "--no-compile", "-c", ROOT / "constraints.txt"]
    environment = {name: value for name, value in os.environ.items() if name != "DEMUCS_ORT_ONNXRUNTIME"}
    run(*install, wheel)
    lines = run(python, "-c", WITHOUT_ONNXRUNTIME, cwd=tmp_path, env=environment).splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("runtime_missing no Python package with ONNX Runtime is installed")
        assert 'pip install "demucs-ort[cpu]"' in line
        assert "libonnxruntime" in line
    run(*install, f"{wheel}[cpu]")
    said = run(python, "-c", FRESH_RUN, small_export.onnx, cwd=tmp_path, env=environment)
    assert said.strip() == "['bass', 'drums', 'other', 'vocals'] (2, 1000)"
    run(*install, "--no-deps", export_wheel)
    command = [tmp_path / "venv/bin/demucs-export", "--untrained", "0", "-o", "x"]
    exporter = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert exporter.returncode != 0
    assert "demucs-ort-export[cpu]" in exporter.stderr
    assert "Traceback" not in exporter.stderr


def test_frozen_program_separates_without_the_environment_it_was_made_in(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(FROZEN)
    folders = [f"--{kind}path={tmp_path / kind}" for kind in ("dist", "work", "spec")]
    cache = os.environ | {"PYINSTALLER_CONFIG_DIR": str(tmp_path / "cache")}
    run(sys.executable, "-m", "PyInstaller", "--log-level=WARN", *folders, tmp_path / "app.py", env=cache)
    said = run((tmp_path / "dist/app").rename(tmp_path / "moved") / "app", cwd=tmp_path, env={})
    assert said.strip() == "['bass', 'drums', 'other', 'vocals'] True"


def test_sdist_holds_the_sources_and_their_tests(tmp_path: Path) -> None:
    build = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"
    run(sys.executable, "-c", build, tmp_path, cwd=ROOT)
    (sdist,) = tmp_path.iterdir()
    with tarfile.open(sdist) as content:
        held = {name.partition("/")[2] for name in content.getnames()}
    left_out = set(run("git", "ls-files", cwd=ROOT).splitlines()) - held
    assert {name.partition("/")[0] for name in left_out} == {".ci", ".github"}


def test_stubs_are_those_of_the_module(tmp_path: Path) -> None:
    run(sys.executable, ROOT / "scripts/make_stubs.py", tmp_path)
    stub = Path("demucs_native/_core.pyi")
    assert filecmp.cmp(tmp_path / stub, ROOT / "python" / stub, shallow=False), "run `make stubs`"


def test_stubs_list_the_words_that_each_option_takes(gains_model: Path, tmp_path: Path) -> None:
    """The module refuses another word, and names those that it takes."""
    model = demucs_native.Model(gains_model)
    silence = np.zeros((2, 1000), np.float32)
    calls = {
        "storage": lambda **word: demucs_native.Deck(demucs_native.DeckPool(model), silence, **word),
        "underrun": lambda **word: demucs_native.Stream(model, hop=0.01, lookahead=0, crossfade=0, **word),
        "codec": lambda **word: demucs_native.separate_file("none.wav", tmp_path, model, format="m4a", **word),
    }
    options = runpy.run_path(str(ROOT / "scripts/make_stubs.py"))["WORDS"]
    for option, words in options.items():
        call = calls.get(option, lambda **word: demucs_native.separate_file("none.wav", tmp_path, model, **word))
        with pytest.raises(ValueError, match="choose") as caught:
            call(**{option: "?"})
        listed = str(caught.value).partition("choose ")[2].removeprefix("one of ")
        named = {word.strip("'") for word in re.split(r", | or ", listed)}
        assert named == set(words) - {""}, option


def test_versions_agree(cli_path: Path) -> None:
    version = importlib.metadata.version("demucs-ort")
    assert demucs_native.__version__ == version
    for package in ("demucs-ort-export", "demucs-ort-cluster"):
        assert importlib.metadata.version(package) == version
    assert run(cli_path, "--version").split() == ["demucs_ort_cli", version]
    assert json.loads((ROOT / "packaging/vcpkg/demucs-ort/vcpkg.json").read_text())["version"] == version


def test_python_example(small_export: Report, tmp_path: Path) -> None:
    said = run(sys.executable, ROOT / "examples/separate.py", small_export.onnx, cwd=tmp_path)
    assert [line.split()[0] for line in said.splitlines()] == ["drums", "bass", "other", "vocals"]
