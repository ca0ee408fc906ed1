"""The benchmark command: right figures, nothing skipped silently, resumable, both layouts of MUSDB18."""

import importlib.metadata
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from demucs.apply import BagOfModels
from demucs.pretrained import get_model
from demucs_bench import backends, decks, prices, quality, report, speed
from demucs_bench.cli import main
from demucs_bench.dense_dft import DenseSpectrogram
from demucs_bench.models import DEMO_WEIGHTS, ModelError, choose, exported, stock_copies
from demucs_bench.prices import Setting
from demucs_bench.results import ResultError, Results
from demucs_bench.scores import si_sdr, snr
from demucs_bench.tracks import musdb
from demucs_export import Report
from demucs_export.spectrogram import RealSpectrogram
from demucs_songs import STEMS
from demucs_songs.files import ensure
from support import ROOT, music


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two songs in MUSDB18-HQ's layout."""
    root = tmp_path_factory.mktemp("musdb")
    for seed in (1_000_060, 1_000_061):
        ensure(seed, 3.0, "studio", root / "test")
    return root


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def bench(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def results_in(folder: Path) -> dict[str, dict[str, Any]]:
    files = sorted(folder.glob("benchmark_results_*.json"))
    return {file.stem.removeprefix("benchmark_results_"): json.loads(file.read_text()) for file in files}


def test_si_sdr_is_blind_to_gain_and_snr_is_not() -> None:
    truth = music(44_100)
    noise = np.random.default_rng(0).standard_normal(truth.shape).astype(np.float32)
    noise -= truth * float((noise * truth).sum() / (truth * truth).sum())  # orthogonal: the ratio is known
    noise *= math.sqrt(float((truth**2).sum() / (noise**2).sum()) / 100)
    assert si_sdr(truth + noise, truth) == pytest.approx(20.0, abs=1e-3)
    assert si_sdr(3 * (truth + noise), truth) == pytest.approx(20.0, abs=1e-3)
    assert snr(truth + noise, truth) == pytest.approx(20.0, abs=1e-3)
    assert snr(3 * truth, truth) == pytest.approx(-6.02, abs=0.01)
    assert snr(truth, truth) == math.inf
    assert si_sdr(truth, np.zeros_like(truth)) is None


def test_quality_run_on_musdb_compares_all_backends(dataset: Path, tmp_path: Path) -> None:
    assert bench("quality", "--musdb-root", dataset, "--results", tmp_path) == 0
    (folder,) = tmp_path.iterdir()
    found = results_in(folder)
    assert list(found) == ["cpp", "python", "pytorch"]
    for backend, content in found.items():
        summary = content["summary"]["htdemucs_demo"]
        assert summary["tracks"] == 2 and summary["failed"] == []
        assert content["system"]["packages"]["demucs"] == "4.1.0"
        for stem in STEMS:
            figures = summary["stems"][stem]
            reference = found["pytorch"]["summary"]["htdemucs_demo"]["stems"][stem]
            assert figures["si_sdr"]["mean"] == pytest.approx(reference["si_sdr"]["mean"], abs=0.01)
            rows = [row["stems"][stem]["si_sdr"] for row in content["rows"]]
            sounding = [value for value in rows if value is not None]
            assert figures["si_sdr"]["mean"] == pytest.approx(np.mean(sounding))
            assert figures["si_sdr"]["median"] == pytest.approx(np.median(sounding))
            if backend != "pytorch":
                assert figures["snr_to_pytorch"]["lowest"] > 80
    table = (folder / "quality.md").read_text()
    assert "C++ program" in table and "2 tracks" in table
    assert (folder / "quality.png").stat().st_size > 5000


def test_failed_tracks_are_named_and_in_no_figure(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "musdb"
    shutil.copytree(dataset, broken)
    bad = sorted((broken / "test").iterdir())[0]
    (bad / "bass.wav").write_bytes(b"not audio")
    results = tmp_path / "results"
    assert bench("quality", "--musdb-root", broken, "--results", results, "--backends", "python") == 4
    (folder,) = results.iterdir()
    summary = results_in(folder)["python"]["summary"]["htdemucs_demo"]
    assert summary["tracks"] == 1
    assert summary["failed"] == [bad.name]
    assert f"{bad.name} failed" in capsys.readouterr().out


def test_an_interrupted_run_goes_on_where_it_was(dataset: Path, tmp_path: Path) -> None:
    arguments = ["quality", "--musdb-root", dataset, "--backends", "python"]
    assert bench(*arguments, "--results", tmp_path) == 0
    (folder,) = tmp_path.iterdir()
    file = folder / "benchmark_results_python.json"
    content = json.loads(file.read_text())
    kept = content["rows"][0]
    kept["seconds"] = 1234.5
    content["rows"] = [kept]
    file.write_text(json.dumps(content))
    assert bench(*arguments, "--resume", folder) == 0
    rows = json.loads(file.read_text())["rows"]
    assert [row["track"] for row in rows] == [track.name for track in musdb(dataset)]
    assert rows[0]["seconds"] == 1234.5  # not measured again
    assert bench(*arguments, "--resume", folder, "--limit", "1") == 1  # other settings


def test_compressed_musdb_is_read_from_its_stem_files(dataset: Path, tmp_path: Path) -> None:
    song = musdb(dataset)[0]
    (tmp_path / "test").mkdir()
    inputs = [part for name in ("mixture", *STEMS) for part in ("-i", str(song.path / f"{name}.wav"))]
    maps = [part for index in range(5) for part in ("-map", str(index))]
    file = tmp_path / "test" / "A - Song.stem.mp4"
    command = ["ffmpeg", "-v", "error", *inputs, *maps, "-c:a", "alac", str(file)]
    subprocess.run(command, check=True)
    (track,) = musdb(tmp_path)
    assert track.name == "A - Song"
    ours, theirs = track.read(), song.read()
    np.testing.assert_allclose(ours.mixture, theirs.mixture, atol=1e-4)
    for stem in STEMS:
        np.testing.assert_allclose(ours.stems[stem], theirs.stems[stem], atol=1e-4)


def test_speed_run_measures_every_backend_apart(small_export: Report, tmp_path: Path) -> None:
    """An untrained model without weights for PyTorch: only ours run."""
    arguments = ["--model", small_export.onnx, "--rounds", 1, "--segments", 1, "--seconds", 3]
    assert bench("speed", *arguments, "--results", tmp_path) == 0
    (folder,) = tmp_path.iterdir()
    found = results_in(folder)
    assert list(found) == ["cpp", "python"]
    for name, content in found.items():
        (row,) = content["rows"]
        # The program's steady time is a difference of two times, and noise here.
        unmeasured = ("cpp", "segment_seconds"), ("python", "command_seconds")
        measured = [figure for figure in speed.FIGURES if (name, figure) not in unmeasured]
        assert all(row[figure] > 0 for figure in measured)
        assert row["peak_memory_bytes"] > 20e6
    assert found["python"]["rows"][0]["command_seconds"] is None
    assert (folder / "speed.png").exists()


def test_whole_commands_are_timed_from_start_to_end(tmp_path: Path) -> None:
    arguments = ["--model", "demo", "--backends", "pytorch,cpp", "--rounds", 1, "--segments", 1, "--seconds", 3]
    assert bench("speed", *arguments, "--results", tmp_path) == 0
    (folder,) = tmp_path.iterdir()
    for content in results_in(folder).values():
        (row,) = content["rows"]
        assert row["command_seconds"] > 0


def test_demucs_own_program_failing_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(backends.BackendError, match="nothing"):
        backends.run_demucs("nothing", tmp_path, 0, music(1000))


def test_bags_are_saved_as_demucs_reads_them(tmp_path: Path) -> None:
    demo = choose("demo", tmp_path)
    bag = BagOfModels([demo.pytorch, demo.pytorch], [[1.0, 0, 0, 0], [0, 1.0, 1.0, 1.0]])
    demo.__dict__["pytorch"] = bag
    saved = demo.save(tmp_path)
    loaded = get_model(saved.name, saved.parent)
    assert loaded.weights == bag.weights
    for member, original in zip(loaded.models, bag.models, strict=True):
        for name, value in original.state_dict().items():
            torch.testing.assert_close(member.state_dict()[name], value.half().float(), atol=0, rtol=0)


def test_speed_table_gives_the_ratio_to_pytorch() -> None:
    def rows(track: float) -> list[dict[str, Any]]:
        figures = dict.fromkeys(speed.FIGURES, track)
        facts = {"model": "m", "status": "ok", "audio_seconds": 60.0, "threads": 2}
        figures["command_seconds"] = track - 9
        return [{**facts, "track": f"round {i}", **figures, "track_seconds": track + i} for i in range(3)]

    summaries = {"pytorch": speed.summarise(rows(39.0)), "cpp": speed.summarise(rows(19.0))}
    assert summaries["cpp"]["m"]["track_seconds"] == {"median": 20.0, "least": 19.0, "greatest": 21.0}
    line = next(line for line in report.speed_table(summaries).splitlines() if "C++" in line)
    assert "| 2.05 | 2.00 | 3.00 | 0.333 |" in line  # segment, track, command, real-time factor
    summaries["python"] = speed.summarise([{**row, "command_seconds": None} for row in rows(19.0)])
    line = next(line for line in report.speed_table(summaries).splitlines() if "Python module" in line)
    assert "| - | 2.05 | 2.00 | - |" in line


def test_scaling_run_measures_every_length_and_numbers_of_threads_and_runs(
    small_export: Report, tmp_path: Path
) -> None:
    arguments = [
        "--model",
        small_export.onnx,
        "--backends",
        "cpp,python",
        "--lengths",
        "2,40",
        "--thread-counts",
        "1,2",
        "--run-counts",
        "3",
    ]
    assert bench("scaling", *arguments, "--results", tmp_path) == 0
    (folder,) = tmp_path.iterdir()
    for name, content in results_in(folder).items():
        points = content["summary"][small_export.onnx.stem]["points"]
        found = [(point["audio_seconds"], point["threads"], point["runs"]) for point in points]
        assert found == [(2, 0, 0), (40, 0, 0), (2, 1, 0), (2, 2, 0), (40, 0, 3)]
        assert all(point["seconds"] > 0 for point in points)
        # Only the program writes stems as it goes; the module returns them all, 4 x 8 bytes a frame.
        grown = points[1]["peak_memory_bytes"] - points[0]["peak_memory_bytes"]
        assert grown > 38 * 44_100 * 32 if name == "python" else grown < 20e6
    assert (folder / "scaling.png").stat().st_size > 5000
    assert "| 40 | default | 3 |" in (folder / "scaling.md").read_text()


def test_prices_tell_what_every_setting_costs_and_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the demo model for both, and the exact file in place of the one in 8 bits, which takes minutes to export."""
    monkeypatch.setattr(prices, "in_8_bits", lambda model, cache: model)
    settings = (Setting(), Setting(("--runs", "2")), Setting(("--overlap", "0")), Setting(("--shifts", "2"), int8=True))
    monkeypatch.setattr(prices, "SETTINGS", settings)
    arguments = ["--model", "demo", "--rounds", "1", "--seconds", "6", "--limit", "1", "--cache", tmp_path / "cache"]
    assert bench("prices", *arguments, "--results", tmp_path / "results") == 0
    (folder,) = (tmp_path / "results").iterdir()
    found = {part: content["summary"] for part, content in results_in(folder).items()}
    names = ["the defaults", "--runs 2", "--overlap 0", "the int8 file, --shifts 2"]
    assert list(found["time"]) == ["PyTorch", *names]
    assert all(summary["seconds"] > 0 and summary["peak_memory_bytes"] > 1e7 for summary in found["time"].values())
    assert list(found["quality"]) == [names[0], *names[2:]], "the same stems are not judged again"
    assert len({round(summary["si_sdr"], 6) for summary in found["quality"].values()}) == 3
    assert found["floor"]["PyTorch"]["products_per_second"] > 1e9
    table = (folder / "prices.md").read_text()
    gained = found["quality"][names[3]]["si_sdr"] - found["quality"][names[0]]["si_sdr"]
    assert f"| {gained:+.3f} |" in next(line for line in table.splitlines() if names[3] in line)
    assert next(line for line in table.splitlines() if "| the defaults |" in line).split(" | ")[3] == "1.00"


def test_prices_need_the_weights_of_one_model(small_export: Report, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="needs its weights"):
        prices.in_8_bits(choose(str(small_export.onnx), tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("backend", "absent"),
    [("python", {"torch", "onnx", "scipy", "fluidsynth"}), ("pytorch", {"onnxruntime", "demucs_native", "onnx"})],
)
def test_a_measured_process_has_nothing_of_another_backend_in_it(
    backend: str, absent: set[str], tmp_path: Path
) -> None:
    """Its peak of memory would be that of both."""
    model = choose("demo", tmp_path)
    with stock_copies([model], [backend]) as stock:
        task = ["track", backend, str(model.file), str(stock[model.name]), "0", "1"]
        code = f"import sys; from demucs_bench.timed import measured; measured(*{task}); print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert absent.isdisjoint(done.stdout.split())


def test_an_older_export_is_not_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def export(file: Path) -> None:
        made.append(file)
        file.write_text(str(len(made)))

    def get(options: str) -> str:
        return exported(tmp_path, "model", options, export).read_text()

    assert [get("a"), get("a"), get("b"), get("a")] == ["1", "1", "2", "1"]
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "another")
    assert get("a") == "3"
    monkeypatch.undo()
    monkeypatch.setattr("demucs_bench.models.source_digest", lambda _: "another exporter")
    assert get("a") == "4"


def test_a_run_is_not_gone_on_with_after_its_model_changed(dataset: Path, tmp_path: Path, gains_model: Path) -> None:
    file = Path(shutil.copy(gains_model, tmp_path / "model.onnx"))
    arguments = ["quality", "--musdb-root", dataset, "--limit", 1, "--backends", "python", "--model", file]
    assert bench(*arguments, "--results", tmp_path / "results") == 0
    (folder,) = (tmp_path / "results").iterdir()
    assert bench(*arguments, "--resume", folder) == 0
    file.write_bytes(gains_model.with_name("ramp.onnx").read_bytes())
    assert bench(*arguments, "--resume", folder) == 1


def test_settings_of_pytorch_are_measured_against_plain_pytorch(dataset: Path, tmp_path: Path) -> None:
    arguments = ["--musdb-root", dataset, "--limit", 1, "--backends", "pytorch,pytorch-bf16,pytorch-channels-last"]
    assert bench("quality", *arguments, "--results", tmp_path) == 0
    (folder,) = tmp_path.iterdir()
    found = results_in(folder)
    for name, least, most in (("pytorch-bf16", 15, 80), ("pytorch-channels-last", 80, 200)):
        for stem in found[name]["summary"]["htdemucs_demo"]["stems"].values():
            assert least < stem["snr_to_pytorch"]["lowest"] <= most  # as precise as it should be, and the same model


def test_compiled_pytorch_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(module))
    model = choose("demo", tmp_path)
    backends.load("pytorch-compiled", model.file, 0, lambda: model.pytorch)
    assert compiled == model.members


def test_dense_transform_equals_ours() -> None:
    ours = RealSpectrogram(256, 64)
    dense = DenseSpectrogram(ours)
    signal = torch.from_numpy(music(3_000))[None]
    spectrum = ours(signal)
    torch.testing.assert_close(dense(signal), spectrum, atol=1e-5, rtol=0)
    torch.testing.assert_close(dense.inverse(spectrum, 3_000), ours.inverse(spectrum, 3_000), atol=1e-5, rtol=0)


def test_summary_leaves_silent_references_out() -> None:
    figures = {"si_sdr": 5.0, "si_sdr_mixture": -5.0, "snr_to_pytorch": 100.0}
    silent = {"si_sdr": None, "si_sdr_mixture": None, "snr_to_pytorch": 90.0}
    rows = [
        {"model": "m", "track": str(i), "status": "ok", "seconds": 1.0, "audio_seconds": 10.0, "stems": {"bass": stem}}
        for i, stem in enumerate([figures, silent])
    ]
    bass = quality.summarise(rows)["m"]["stems"]["bass"]
    assert bass["si_sdr"]["mean"] == 5.0
    assert bass["improvement"]["mean"] == 10.0
    assert bass["snr_to_pytorch"]["lowest"] == 90.0
    assert bass["silent"] == 1


def test_models_must_exist_and_match_their_weights(small_export: Report, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model"):
        choose("nowhere.onnx", tmp_path)
    with pytest.raises(ModelError, match="not made of the weights"):
        _ = choose(f"{small_export.onnx}@{DEMO_WEIGHTS}", tmp_path).pytorch


def test_results_of_other_settings_are_not_gone_on_with(tmp_path: Path) -> None:
    first = Results(tmp_path, {"limit": 1}, ["python"])
    first.add("python", {"model": "m", "track": "t", "status": "failed", "error": "e"}, quality.summarise)
    assert Results(tmp_path, {"limit": 1}, ["python"]).rows["python"][0]["track"] == "t"
    with pytest.raises(ResultError, match="other settings"):
        Results(tmp_path, {"limit": 2}, ["python"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("quality", "--musdb-root", "/nowhere"), 1, "MUSDB18"),
        (("quality", "--model", "nowhere.onnx"), 1, "no model"),
        (("quality", "--backends", "fortran"), 2, "pytorch, cpp, python"),
        (("speed", "--rounds", "0"), 2, "at least 1"),
        (("scaling", "--lengths", "15,long"), 2, "15,60"),
        (("prices", "--model", "demo", "--model", "full"), 2, "one --model"),
    ],
)
def test_wrong_command_lines_say_why(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = bench(*arguments, "--results", tmp_path / "results")
    except SystemExit as stopped:
        ended = int(str(stopped.code))
    assert ended == code
    assert said in capsys.readouterr().err


def test_a_set_of_decks_is_played_in_real_time(gains_model: Path, tmp_path: Path) -> None:
    """With a model so fast that there are always stems, but for the very first moments, on a busy machine, too."""
    models = ["--model", gains_model.with_name("ramp_4s.onnx")]
    models += ["--provisional", gains_model.with_name("short_1s.onnx")]
    settings = ["--variants", "all,plain", "--rounds", 1, "--seconds", 8, "--seed", 3]
    assert bench("decks", *models, *settings, "--results", tmp_path) == 0
    (folder,) = tmp_path.iterdir()
    found = results_in(folder)
    assert list(found) == ["all", "plain"]
    for content in found.values():
        first, performance = content["rows"]
        assert first["first_stem_seconds"] > 0
        assert performance["callbacks"] == 8 * 44_100 // decks.BLOCK
        events = decks.schedule(8, 3)
        assert len(performance["loads"]) == sum(event.kind == "load" for event in events)
        assert len(performance["seeks"]) == sum(event.kind == "seek" for event in events) > 0
        blocks = sum(performance[f"{kind}_blocks"] for kind in ("final", "provisional", "missing"))
        assert blocks == pytest.approx((8 + 4) * 44_100 / decks.BLOCK, abs=30)  # two decks, the second from 4 s on
        assert content["summary"]["ramp_4s"]["set"]["final_share"] == performance["final_blocks"] / blocks > 0
    assert found["plain"]["rows"][1]["provisional_blocks"] == 0
    table = (folder / "decks.md").read_text()
    assert "none of these" in table and "8 s" in table
    assert (folder / "decks.png").stat().st_size > 5000


def test_decks_refuse_what_cannot_be_measured(gains_model: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        bench("decks", "--provisional", "a.onnx", "--provisional", "b.onnx", "--results", tmp_path)
    with pytest.raises(SystemExit):
        bench("decks", "--variants", "python", "--results", tmp_path)
    assert bench("decks", "--model", gains_model, "--results", tmp_path, "--cache", tmp_path) == 1  # weights unknown


def test_cancelling_is_timed_at_each_door(gains_model: Path) -> None:
    command = [sys.executable, "-m", "demucs_bench.cancelling", gains_model.with_name("glacial.onnx"), "--times", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    head, rule, *rows = done.stdout.splitlines()
    assert head == "| door | median, ms | longest, ms |" and rule == "|---|---:|---:|"
    assert [row.split("|")[1].split(":")[0] for row in rows] == [" `demucs_native`", *2 * [" `demucs_ort_cli`"]]
    assert all(float(cell) >= 0 for row in rows for cell in row.split("|")[2:4])


def test_streams_are_mapped(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    grid = ["--windows", "3.9", "--lookaheads", "0.1,3.5", "--hops", "1,0.5", "--limit", 1]
    assert bench("live", *grid, "--parts", "map", "--cache", cache, "--results", tmp_path / "results") == 0
    (folder,) = (tmp_path / "results").iterdir()
    found = results_in(folder)
    assert list(found) == ["map"]
    by_hop = {point["hop"]: point for point in found["map"]["summary"]["htdemucs_demo"]["points"]}
    assert set(by_hop) == {0.5, 1.0}  # with a lookahead of 3.5 s no hop fits the window
    for point in by_hop.values():
        assert abs(point["loss"]) < 1.5  # of two seconds
        assert 5 < point["snr_to_offline"] < 60
    assert all(point["cores_used"] > 0 for point in by_hop.values())
    assert "below offline" in (folder / "live.md").read_text()
    assert (folder / "live.png").stat().st_size > 5000


def test_streams_are_paced(gains_model: Path, tmp_path: Path) -> None:
    """With a model so fast that a hop is long enough on a busy machine, too."""
    own = ["--model", gains_model.with_name("ramp_4s.onnx"), "--windows", "4", "--parts", "pace", "--seconds", 6]
    assert bench("live", *own, "--results", tmp_path) == 0
    (folder,) = tmp_path.iterdir()
    (pace,) = results_in(folder)["pace"]["rows"]
    assert pace["latency"] == pytest.approx(pace["hop"] + pace["compute_time"] + 0.3, abs=1e-3)
    assert pace["hops"] == int(pace["audio_seconds"] / pace["hop"])
    assert "underruns" in (folder / "live.md").read_text()


def test_live_refuses_what_cannot_be_measured(gains_model: Path, tmp_path: Path) -> None:
    for wrong in (
        ["--windows", "long"],
        ["--hops", "1,-2"],
        ["--parts", "deck"],
        ["--limit", 0],
        ["--seconds", 2],
        ["--load", 0],
    ):
        with pytest.raises(SystemExit):
            bench("live", *wrong, "--results", tmp_path)
    # Another window needs the weights; its own is too short for a stream of a musical length.
    assert bench("live", "--model", gains_model, "--windows", "2.6", "--parts", "pace", "--results", tmp_path) == 1
    own = ["--windows", "1000/44100", "--parts", "pace"]
    assert bench("live", "--model", gains_model, *own, "--results", tmp_path / "own") == 4
