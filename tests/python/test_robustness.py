"""What a host may run into: odd arguments, memory that runs out, being killed, doing it again and again."""

import contextlib
import itertools
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import demucs_native
import hypothesis
import numpy as np
import pytest
from demucs_export import Report
from demucs_native._runtime import onnxruntime_library
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import Cli, music, preloading, write_wav

GAINS = {"drums": 0.75, "bass": 0.25}
SETTINGS = hypothesis.settings(max_examples=150, deadline=None, derandomize=True)

names = st.one_of(st.sampled_from(["drums", "bass", "piano", ""]), st.text(max_size=5))
options = st.fixed_dictionaries(
    {},
    optional={
        "sample_rate": st.one_of(st.just(44_100), st.integers(7_000, 200_000), st.integers()),
        "overlap": st.one_of(st.floats(0, 0.9), st.floats()),
        "shifts": st.one_of(st.integers(0, 2), st.integers()),
        "seed": st.one_of(st.integers(0, 2**32 - 1), st.integers()),
        "shift_offsets": st.lists(st.one_of(st.integers(0, 22_050), st.integers()), max_size=3),
        "stems": st.one_of(st.none(), st.lists(names, max_size=3)),
        "two_stems": st.one_of(st.none(), names),
        "other_method": st.one_of(st.sampled_from(["add", "minus"]), st.text(max_size=5)),
        "residual_to": st.one_of(st.none(), names),
        "priority": st.one_of(st.sampled_from(["background", "normal", "foreground"]), st.text(max_size=5)),
    },
)


@pytest.fixture(scope="module")
def gains(gains_model: Path) -> demucs_native.Model:
    return demucs_native.Model(gains_model)


@SETTINGS
@hypothesis.given(frames=st.integers(1, 5000), level=st.floats(0, 2.0**100, width=32), keywords=options)
def test_separate_refuses_in_its_own_words_or_separates(
    gains: demucs_native.Model, frames: int, level: float, keywords: dict[str, object]
) -> None:
    mix = music(frames) * np.float32(level)
    overlap = keywords.get("overlap", 0)
    hypothesis.assume(not (isinstance(overlap, float) and 0.95 < overlap < 1))  # takes long, and nothing else
    hypothesis.assume(keywords.get("shifts", 0) not in range(3, 1001))
    try:
        stems = gains.separate(mix, **keywords)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        assert len(str(error)) > 10
        return
    mean = float(mix.mean(dtype=np.float64))
    for name, stem in stems.items():
        assert (stem.dtype, stem.shape) == (np.float32, mix.shape)
        assert np.isfinite(stem).all()
        at_its_rate = keywords.get("sample_rate", 44_100) in (0, 44_100)
        if name in GAINS and not keywords.get("residual_to") and at_its_rate:
            tolerance = 2e-5 * (np.abs(mix).max() + abs(mean)) + 1e-7
            np.testing.assert_allclose(stem, GAINS[name] * (mix.astype(float) - mean) + mean, atol=tolerance, rtol=0)


@SETTINGS
@hypothesis.given(
    mix=hnp.arrays(
        dtype=st.one_of(st.just(np.float32), hnp.scalar_dtypes(), hnp.unicode_string_dtypes()),
        shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    )
)
def test_any_array_is_separated_or_refused(gains: demucs_native.Model, mix: np.ndarray) -> None:
    usable = mix.dtype == np.float32 and mix.ndim == 2 and mix.shape[0] == 2 and mix.shape[1] > 0
    if usable and np.isfinite(mix).all():
        with contextlib.suppress(demucs_native.Error):  # levels next to the largest float may overflow
            assert gains.separate(mix)["bass"].shape == mix.shape
    else:
        with pytest.raises((TypeError, ValueError)):
            gains.separate(mix)
    with pytest.raises((TypeError, ValueError)):
        gains.run(mix)


@SETTINGS
@hypothesis.given(data=st.one_of(st.binary(max_size=300), st.tuples(st.integers(0, 10_000), st.binary(max_size=8))))
def test_bytes_that_are_no_model_are_refused(gains_model: Path, data: bytes | tuple[int, bytes]) -> None:
    if isinstance(data, tuple):  # a real model with a few other bytes
        whole = gains_model.read_bytes()
        place = data[0] % len(whole)
        data = whole[:place] + data[1] + whole[place + len(data[1]) :]
    try:
        model = demucs_native.Model(data)
    except demucs_native.Error as error:
        assert error.status == "bad_model"
        return
    assert model.channels * model.segment_frames * len(model.sources) <= 1 << 25


CYCLES = """
import os, sys
import numpy as np
import demucs_native

mix = np.zeros((2, 5000), np.float32)
kept = []
for cycle in range(1, 201):
    model = demucs_native.Model(sys.argv[1], max_concurrent_runs=2)
    model.separate(mix)
    if sys.argv[2] == "kept":
        kept.append(model)
    del model
    if cycle % 50 == 0:
        with open("/proc/self/statm") as statm:
            print(int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
"""


def memory_after_cycles(model: Path, what: str) -> list[int]:
    run = subprocess.run([sys.executable, "-c", CYCLES, model, what], capture_output=True, text=True, check=True)
    return [int(line) for line in run.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_loading_running_and_freeing_200_times_takes_no_more_memory(gains_model: Path) -> None:
    # In a process of its own and beside models that are kept, because the system hands out memory in steps of 2 MB.
    freed = memory_after_cycles(gains_model, "freed")
    kept = memory_after_cycles(gains_model, "kept")
    print("resident after 50, 100, 150, 200 cycles, in bytes:", freed, "when kept:", kept)
    assert freed[-1] - freed[0] < (kept[-1] - kept[0]) / 3


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_memory_that_runs_out_leaves_no_stem(cli: Cli, small_export: Report, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", music(200_000))
    codes = []
    for megabytes in range(160, 481, 40):
        out = tmp_path / str(megabytes)
        limit = megabytes << 20
        done = cli(
            "-q", "-m", small_export.onnx, "--threads", "1", song, out,
            preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
            timeout=60,
        )  # fmt: skip
        codes.append(done.returncode)
        # 127: not even its libraries could be loaded; 6: nor ONNX Runtime's
        assert done.returncode in (0, 1, 6, 127), done.stderr
        written = sorted(file.name for file in out.iterdir()) if out.exists() else []
        assert len(written) == (4 if done.returncode == 0 else 0)
        if done.returncode == 1:
            # ONNX Runtime prints "Schema error: std::bad_alloc" where memory ends while it starts.
            *others, last = done.stderr.splitlines()
            assert last == "demucs_ort_cli: there is not enough memory"
            assert all(line.startswith("Schema error: ") for line in others)
    assert 1 in codes


@pytest.mark.skipif(sys.platform != "linux", reason="compiles a library")
@pytest.mark.parametrize("model", ["gains.onnx", "specialists.json"])
def test_an_interrupt_while_the_model_loads_leaves_nothing(
    cli: Cli, gains_model: Path, tmp_path: Path, model: str
) -> None:
    library = tmp_path / "libonnxruntime.so"
    source = Path(__file__).with_name("interrupting_onnxruntime.c")
    subprocess.run(["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    runtimes = {"DEMUCS_ORT_ONNXRUNTIME": str(library), "REAL_ONNXRUNTIME": str(onnxruntime_library())}
    song = write_wav(tmp_path / "song.wav", music(3000))
    done = cli("-m", gains_model.with_name(model), song, tmp_path / "out", env={**os.environ, **runtimes})
    assert done.returncode == 128 + signal.SIGINT, done.stderr
    assert done.stderr == "demucs_ort_cli: the loading of the model was cancelled\n"
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def at_call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """at_call.c as a library to preload."""
    library = tmp_path_factory.mktemp("preloaded") / "at_call.so"
    source = Path(__file__).with_name("at_call.c")
    subprocess.run(["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.mark.skipif(sys.platform != "linux", reason="preloads a library")
@pytest.mark.parametrize("replaces", [False, True])
def test_kill_9_never_leaves_part_of_a_stem_and_the_next_run_removes_the_rest(
    cli: Cli, gains_model: Path, at_call: Path, tmp_path: Path, replaces: bool
) -> None:
    """Killed before each of its calls that change the file system, from the first to the last."""
    song = write_wav(tmp_path / "song.wav", music(3000))
    arguments = ("-q", "-m", gains_model, "--filename", "new/{stem}.{ext}", song)
    assert cli(*arguments, tmp_path / "whole").returncode == 0
    whole = {file.name: file.read_bytes() for file in (tmp_path / "whole/new").iterdir()}
    killed = 0
    for call in itertools.count(1):
        out = tmp_path / str(call)
        stems = out / "new"
        if replaces:
            stems.mkdir(parents=True)
            for name in whole:
                (stems / name).write_bytes(b"of an earlier run")
        environment = preloading(at_call, AT_CALL=f"kill:{call}")
        done = cli(*arguments, out, env=environment)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        killed += 1
        for name in whole:
            if replaces or (stems / name).exists():
                assert (stems / name).read_bytes() in (
                    (whole[name], b"of an earlier run") if replaces else (whole[name],)
                )
        assert cli(*arguments, out).returncode == 0
        assert [file.name for file in out.iterdir()] == ["new"]
        assert {file.name: file.read_bytes() for file in stems.iterdir()} == whole
    assert killed > 10


@pytest.mark.skipif(sys.platform != "linux", reason="preloads a library")
@pytest.mark.parametrize("replaces", [False, True])
def test_stems_take_their_names_together_or_not_at_all(
    cli: Cli, gains_model: Path, at_call: Path, tmp_path: Path, replaces: bool
) -> None:
    song = write_wav(tmp_path / "song.wav", music(3000))
    arguments = ("-q", "-m", gains_model, "--two-stems", "bass", "--filename", "new/{stem}.{ext}", song)
    old = {"bass.wav": b"of an earlier run", "no_bass.wav": b"likewise"} if replaces else {}
    for call in (1, 2):
        out = tmp_path / str(call)
        for name, content in old.items():
            (out / "new").mkdir(parents=True, exist_ok=True)
            (out / "new" / name).write_bytes(content)
        done = cli(*arguments, out, env=preloading(at_call, AT_CALL=f"fail:{call}"))
        assert done.returncode == 5
        assert "cannot write" in done.stderr
        assert {file.name: file.read_bytes() for file in out.glob("*/*")} == old
        assert [file.name for file in out.iterdir()] == (["new"] if replaces else [])
        assert cli(*arguments, out).returncode == 0
