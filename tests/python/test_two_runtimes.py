"""A host that has an ONNX Runtime of its own, of another version: both compute what each computes alone."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import demucs_native
import numpy as np
import pytest
from demucs_export import Report
from demucs_native._runtime import onnxruntime_library
from numpy.typing import NDArray
from support import ROOT, music
from test_install import CONSUMER, STRICT, run
from test_runtimes import OLDEST

FRAMES = 130_000
HOST_C = f"-std=c11 {STRICT.replace('-Wpedantic ', '')}".split()  # dlsym gives no function pointers
SONAME, OTHER_SONAME = b"\0libonnxruntime.so.1\0", b"\0libhost_own_onnx.so\0"


@dataclass(frozen=True)
class Host:
    """The program, its libraries by the version that each is linked to, and a mix."""

    program: Path
    libraries: dict[str, Path]
    runtimes: dict[str, Path]
    model: Path
    segment: int
    mix: NDArray[np.float32]
    folder: Path

    def __call__(
        self, order: str, host: str, runtime: Path, out: str
    ) -> tuple["subprocess.CompletedProcess[str]", NDArray[np.float32], NDArray[np.float32]]:
        """Runs the program; the stems are those of the host's part and of demucs_ort."""
        (self.folder / "mix").write_bytes(self.mix.tobytes())
        files = [self.folder / f"{out}.{kind}" for kind in ("host", "ours")]
        command = [self.program, order, self.libraries[host], self.model, self.segment]
        done = subprocess.run(
            [*map(str, [*command, self.folder / "mix", FRAMES, self.folder / out])],
            env={**os.environ, "DEMUCS_ORT_ONNXRUNTIME": str(runtime)},
            capture_output=True,
            text=True,
            check=False,
        )
        first, whole = (np.fromfile(file, np.float32) if file.exists() else np.empty(0, np.float32) for file in files)
        return done, first.reshape(4, 2, -1), whole.reshape(4, 2, -1)


def build_host_part(folder: Path, library: Path) -> Path:
    """A shared library that is linked to an ONNX Runtime by the name that official releases have."""
    folder.mkdir()
    (folder / "libonnxruntime.so.1").symlink_to(library)
    cache = (ROOT / "build/release/CMakeCache.txt").read_text()
    (headers,) = re.findall(r"^onnxruntime_INCLUDE_DIR:\w+=(.+)$", cache, re.MULTILINE)
    part, rpath = folder / "libhost_inference.so", f"-Wl,-rpath,{folder}"
    options = ["-fPIC", "-shared", "-isystem", headers, "-o", part, rpath]
    run("cc", *HOST_C, CONSUMER / "host_inference.c", *options, folder / "libonnxruntime.so.1")
    return part


@pytest.fixture(scope="module")
def host(small_export: Report, tmp_path_factory: pytest.TempPathFactory) -> Host:
    folder = tmp_path_factory.mktemp("host")
    run("cmake", "--install", ROOT / "build/release", "--prefix", folder / "prefix")
    query = ["pkg-config", "--static", "--cflags", "--libs", "demucs_ort"]
    flags = shlex.split(run(*query, PKG_CONFIG_PATH=str(folder / "prefix/lib/pkgconfig")))
    run("cc", *HOST_C, CONSUMER / "two_runtimes.c", "-o", folder / "two_runtimes", "-pthread", *flags)
    (oldest,) = (OLDEST / "onnxruntime/capi").glob("libonnxruntime.so.*")
    present = onnxruntime_library()
    assert present is not None
    runtimes = {"oldest": oldest, "present": present}
    libraries = {name: build_host_part(folder / name, file) for name, file in runtimes.items()}
    segment = demucs_native.Model(small_export.onnx).segment_frames
    return Host(folder / "two_runtimes", libraries, runtimes, small_export.onnx, segment, music(FRAMES), folder)


@pytest.fixture(scope="module")
def alone(host: Host) -> dict[str, NDArray[np.float32]]:
    """demucs_ort's stems in a process without another ONNX Runtime, by version."""
    return {name: host("without", name, file, f"alone_{name}")[2] for name, file in host.runtimes.items()}


def expect_right(host: Host, host_stems: NDArray[np.float32]) -> None:
    """The host's part computes the model; the program itself compares its inferences to the bit."""
    segment = host.mix[:, : host.segment]
    expected = demucs_native.Model(host.model).run(np.ascontiguousarray(segment)[np.newaxis])[0]
    assert np.abs(expected).max() > 0.001
    assert np.abs(host_stems - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(("theirs", "ours"), [("oldest", "present"), ("present", "oldest")])
def test_a_host_that_has_loaded_its_own(
    theirs: str, ours: str, host: Host, alone: dict[str, NDArray[np.float32]]
) -> None:
    done, host_stems, stems = host("first", theirs, host.runtimes[ours], f"{theirs}_first")
    assert done.returncode == 0, done.stderr
    versions = dict(line.split() for line in done.stdout.splitlines())
    assert [who for who, version in versions.items() if version == "1.21.0"] == [
        "host" if theirs == "oldest" else "ours"
    ]
    expect_right(host, host_stems)
    assert np.array_equal(stems, alone[ours])


def test_a_host_that_loads_its_own_later(host: Host, alone: dict[str, NDArray[np.float32]]) -> None:
    """The loader takes a library that has the wanted name for the wanted one, so ours needs a name of its own."""
    present = host.runtimes["present"]
    done, *_ = host("second", "oldest", present, "same_name")
    assert (done.returncode, done.stdout.startswith("ours ")) == (1, True)
    assert re.search(r"version `VERS_1\.21\.0' not found", done.stderr)

    content = present.read_bytes()
    assert content.count(SONAME) == 1
    renamed = host.folder / "libhost_own_onnx.so"
    renamed.write_bytes(content.replace(SONAME, OTHER_SONAME))  # as patchelf --set-soname does
    done, host_stems, stems = host("second", "oldest", renamed, "own_name")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == "host 1.21.0"
    expect_right(host, host_stems)
    assert np.array_equal(stems, alone["present"])


def test_a_name_without_a_folder_is_the_host_s_own(host: Host, alone: dict[str, NDArray[np.float32]]) -> None:
    done, host_stems, stems = host("first", "oldest", Path("libonnxruntime.so.1"), "shared")
    assert (done.returncode, done.stdout) == (0, "host 1.21.0\nours 1.21.0\n"), done.stderr
    expect_right(host, host_stems)
    assert np.array_equal(stems, alone["oldest"])


IN_PYTHON = """
import sys, threading, numpy, demucs_native
model, mix, segment = sys.argv[1], numpy.load(sys.argv[2]), int(sys.argv[3])
if sys.argv[5] == "first":
    import onnxruntime
ours = demucs_native.Model(model)
import onnxruntime
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
run = lambda: session.run(None, {"mix": mix[numpy.newaxis, :, :segment]})[0]
first, done, same = run(), threading.Event(), []
def meanwhile():
    while True:
        same.append(numpy.array_equal(run(), first))
        if done.is_set():
            return
print(onnxruntime.__version__, ours.onnxruntime_version)
thread = threading.Thread(target=meanwhile)
thread.start()
stems = list(ours.separate(mix).values())
done.set()
thread.join()
del ours
assert all(same) and numpy.array_equal(run(), first)
numpy.save(sys.argv[4], stems)
"""


@pytest.mark.parametrize("order", ["first", "second"])
def test_python_s_onnxruntime_beside_another(
    order: str, host: Host, alone: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    np.save(tmp_path / "mix.npy", host.mix)
    arguments = [host.model, tmp_path / "mix.npy", host.segment, tmp_path / "stems.npy", order]
    paths = {"PYTHONPATH": str(OLDEST), "DEMUCS_ORT_ONNXRUNTIME": str(host.runtimes["present"])}
    versions = run(sys.executable, "-c", IN_PYTHON, *arguments, **paths).split()
    assert versions[0] == "1.21.0" != versions[1]
    assert np.array_equal(np.load(tmp_path / "stems.npy"), alone["present"])
