"""Training: it learns, it can be interrupted anywhere, and it never sees what it is measured on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import demucs_export
import demucs_training.trainer as trainer_module
import numpy as np
import pytest
import torch
from demucs_export import checkpoint
from demucs_songs import HELD_OUT
from demucs_songs.files import ensure
from demucs_training.cli import main as train_main
from demucs_training.cli import training_songs, write_weights
from demucs_training.dataset import Examples
from demucs_training.muon import Muon, _orthogonal
from demucs_training.trainer import Settings, Trainer, log_error

QUICK = Settings(steps=4, batch=1, crop=0.5, seed=3)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("songs")
    for seed in (50, 51):
        ensure(seed, 3.0, "studio", root)
    return root


@pytest.fixture(autouse=True)
def gradients() -> Iterator[None]:
    """The other tests do without."""
    with torch.enable_grad():
        yield


@pytest.fixture(autouse=True)
def small_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {**trainer_module.CONFIG, "channels": 8, "bottom_channels": 16, "t_layers": 1}
    monkeypatch.setattr(trainer_module, "CONFIG", small)
    monkeypatch.setattr("demucs_training.cli.CONFIG", small)


def test_a_few_steps_lower_the_loss_on_the_same_examples(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_module, "_WARM_UP", 1)
    trainer = Trainer(training_songs(songs), Settings(steps=200, batch=2, crop=0.5, rate=5e-3))
    fixed = trainer._examples.draw(np.random.default_rng(0), 2)
    monkeypatch.setattr(trainer._examples, "draw", lambda *_: fixed)
    losses = [trainer.train_step() for _ in range(30)]
    assert np.mean(losses[-5:]) < losses[0] - 0.05


def test_an_interrupted_run_ends_with_the_same_weights(songs: Path, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop_at(step: int) -> Callable[[int, float], None]:
        def report(done: int, _: float) -> None:
            if done == step:
                raise Stop

        return report

    whole = Trainer(training_songs(songs), QUICK)
    whole.run(tmp_path / "whole.pt", 2, lambda *_: None)
    with pytest.raises(Stop):
        Trainer(training_songs(songs), QUICK).run(tmp_path / "cut.pt", 2, stop_at(2))
    resumed = Trainer(training_songs(songs), QUICK)
    resumed.run(tmp_path / "cut.pt", 2, lambda *_: None)
    for name, value in whole.averaged().state_dict().items():
        torch.testing.assert_close(resumed.averaged().state_dict()[name], value, rtol=0, atol=0)


def test_examples_are_crops_of_the_stems_with_gain_sign_and_sides(songs: Path) -> None:
    examples = Examples(training_songs(songs), 22_050)
    drawn = examples.draw(np.random.default_rng(1), 6)
    assert drawn.shape == (6, 4, 2, 22_050)
    torch.testing.assert_close(drawn, examples.draw(np.random.default_rng(1), 6), rtol=0, atol=0)
    assert not torch.equal(drawn, examples.draw(np.random.default_rng(2), 6))


def test_the_last_third_of_the_steps_takes_longer_examples(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []

    def record(estimate: torch.Tensor, stems: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(stems.shape))
        return log_error(estimate, stems)

    monkeypatch.setattr(trainer_module, "log_error", record)
    trainer = Trainer(training_songs(songs), Settings(steps=3, batch=2, crop=0.5))
    for _ in range(3):
        trainer.train_step()
    assert shapes == [(2, 4, 2, 22_050), (2, 4, 2, 22_050), (1, 4, 2, 44_100)]


def test_held_out_songs_are_refused(songs: Path, tmp_path: Path) -> None:
    assert len(training_songs(songs)) == 2
    ensure(HELD_OUT + 1, 1.0, "studio", tmp_path)
    with pytest.raises(ValueError, match="held out"):
        training_songs(tmp_path)


def test_songs_that_are_too_short_are_refused(songs: Path) -> None:
    with pytest.raises(ValueError, match="frames long"):
        Examples(training_songs(songs), 10 * 44_100)


def test_the_loss_grows_with_the_error_and_is_blind_to_level() -> None:
    stems = torch.randn(2, 4, 2, 1000, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(2, 4, 2, 1000, generator=torch.Generator().manual_seed(1))
    near, far = log_error(stems + 0.1 * noise, stems), log_error(stems + 0.5 * noise, stems)
    assert near < far
    torch.testing.assert_close(log_error(10 * (stems + 0.1 * noise), 10 * stems), near, rtol=1e-3, atol=1e-3)


def test_muon_takes_orthogonal_steps_and_finds_a_minimum() -> None:
    singular = torch.linalg.svdvals(_orthogonal(torch.randn(16, 40, generator=torch.Generator().manual_seed(0))))
    assert 0.6 < singular.min() <= singular.max() < 1.3
    weight = torch.nn.Parameter(torch.zeros(8, 8))
    bias = torch.nn.Parameter(torch.zeros(8))
    goal = torch.eye(8)
    optimizer = Muon([weight, bias], rate=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        loss = ((weight + bias - goal) ** 2).mean()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.01


def test_weights_of_another_architecture_are_refused(songs: Path, tmp_path: Path) -> None:
    other = demucs_export.untrained(0, {**trainer_module.CONFIG, "channels": 12, "segment": 3.9})
    with pytest.raises(ValueError, match="another architecture"):
        Trainer(training_songs(songs), QUICK, other)
    trainer = Trainer(training_songs(songs), QUICK)
    trainer.model = other
    trainer.save(tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt is of another architecture"):
        Trainer(training_songs(songs), QUICK).resume(tmp_path / "other.pt")


def test_weights_are_a_half_precision_checkpoint_that_exports_read(songs: Path, tmp_path: Path) -> None:
    model = Trainer(training_songs(songs), QUICK).averaged()
    write_weights(model, tmp_path / "weights.safetensors")
    again = checkpoint(tmp_path / "weights.safetensors")
    assert again.segment == model.segment
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    assert (tmp_path / "weights.safetensors").stat().st_size < 2.5 * sum(p.numel() for p in model.parameters()) + 1e5


def test_the_command_trains_and_says_what_is_wrong(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["demucs_training", str(songs), "-o", str(tmp_path / "run"), "--steps", "2", "--batch", "1", "--crop", "0.5"]
    monkeypatch.setattr("sys.argv", run)
    assert train_main() == 0
    assert checkpoint(tmp_path / "run/htdemucs_demo.safetensors").sources == ["drums", "bass", "other", "vocals"]
    monkeypatch.setattr("sys.argv", ["demucs_training", str(tmp_path / "nothing"), "-o", str(tmp_path / "run2")])
    assert train_main() == 1
    assert "no songs" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--save-every", "0"], ["--steps", "0"], ["--batch", "-1"], ["--crop", "0"]])
def test_numbers_that_mean_nothing_are_wrong_usage(wrong: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["demucs_training", "songs", "-o", "run", *wrong])
    with pytest.raises(SystemExit) as stopped:
        train_main()
    assert stopped.value.code == 2
