"""The exportable twin against the stock model it was made from, in PyTorch."""

import copy

import pytest
import torch
from conftest import SMALL
from demucs.htdemucs import HTDemucs
from demucs_export import ExportError, attention, patch, transposed, untrained, verify
from torch import nn

QUICK = {"channels": 16, "bottom_channels": 32, "t_layers": 2, "segment": 1}


def worst_snr(model: HTDemucs, twin: nn.Module) -> float:
    frames = patch.segment_frames(model)
    worst = float("inf")
    for signal in verify.test_signals(frames, model.audio_channels).values():
        mix = torch.from_numpy(signal)[None]
        expected, actual = model(mix), twin(mix)
        assert actual.shape == expected.shape
        for stem in range(expected.shape[1]):
            verdict = verify.compare(expected[:, stem].numpy(), actual[:, stem].numpy())
            assert verdict[-1]
            worst = min(worst, verdict[3])
    return worst


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        {"t_layers": 0},
        {"t_layers": 3, "t_cross_first": True},
        {"bottom_channels": 0},
        {"t_emb": "scaled"},
        {"t_emb": "cape"},
        {"t_norm_in": False, "t_norm_in_group": True},
        {"t_group_norm": True},
        {"t_group_norm": 4},
        {"t_norm_first": False},
        {"t_norm_out": False, "t_layer_scale": False, "t_gelu": False},
        {"t_weight_pos_embed": 0.5, "t_max_period": 500.0},
        {"norm_starts": 0},
        {"freq_emb": 0},
        {"dconv_mode": 1, "dconv_depth": 3, "dconv_comp": 4},
        {"rewrite": False},
        {"depth": 5, "channels": 4, "dconv_comp": 2, "bottom_channels": 16},
        {"multi_freqs": [0.25, 0.5], "norm_starts": 4},
        {"nfft": 1024, "depth": 3},
        {"audio_channels": 1},
        {"sources": ["a", "b"], "segment": "7/5", "samplerate": 48000},
    ],
    ids=str,
)
def test_twin_equals_stock_model(config):
    model = untrained(3, {**QUICK, **config})
    assert worst_snr(model, patch.exportable(model)) >= 100


def test_twin_shares_weights_and_leaves_the_model_alone(small_model):
    model = copy.deepcopy(small_model).train()
    before = {name: type(module) for name, module in model.named_modules()}
    twin = patch.exportable(model)
    assert {name: type(module) for name, module in model.named_modules()} == before
    assert model.training
    assert all(module.training for module in model.modules())
    assert not any(module.training for module in twin.modules())
    assert twin.encoder[0].conv.weight is model.encoder[0].conv.weight


def test_dropout_is_off_in_the_twin():
    model = untrained(3, {**QUICK, "t_dropout": 0.5}).train()
    twin = patch.exportable(model)
    assert worst_snr(patch.evaluation_view(model), twin) >= 100


def test_twin_takes_batches(small_model):
    twin = patch.exportable(small_model)
    mix = torch.randn(2, 2, 88200, generator=torch.Generator().manual_seed(0)) * 0.2
    both = twin(mix)
    for item in range(2):
        alone = twin(mix[item : item + 1])
        assert (both[item : item + 1] - alone).abs().max() <= 1e-5 * alone.abs().max()


@pytest.mark.parametrize("limit", [1, 10_000, 2**40])
def test_blocked_attention_is_exact_and_bounded(limit, monkeypatch):
    monkeypatch.setattr(attention, "MAX_SCORE_BYTES", limit)
    sizes = []
    softmax = torch.softmax

    def spy(scores, dim):
        sizes.append(scores.numel() * 4)
        return softmax(scores, dim=dim)

    monkeypatch.setattr(torch, "softmax", spy)
    torch.manual_seed(0)
    stock = nn.MultiheadAttention(32, 4, batch_first=True).eval()
    nn.init.normal_(stock.in_proj_bias)
    query, key = torch.randn(1, 101, 32), torch.randn(1, 77, 32)
    actual = attention.BlockedAttention(stock)(query, key, key)[0]
    expected = stock(query, key, key, need_weights=False)[0]
    assert (actual - expected).abs().max() < 1e-6
    assert max(sizes) <= max(limit, stock.num_heads * 77 * 4)  # one query's scores are the least there is
    assert (len(sizes) == 1) == (limit == 2**40)


@pytest.mark.parametrize(("size", "stride"), [(8, 4), (7, 4), (4, 4), (9, 4), (5, 2)])
def test_transposed_convolutions_are_convolutions(size, stride):
    torch.manual_seed(0)
    time, frequency = nn.ConvTranspose1d(5, 3, size, stride), nn.ConvTranspose2d(5, 3, (size, 1), (stride, 1))
    for stock, shape in ((time, (2, 5, 11)), (frequency, (2, 5, 11, 7))):
        x = torch.randn(shape)
        expected, actual = stock(x), transposed.InterleavedConvolution(stock)(x)
        assert actual.shape == expected.shape
        assert (actual - expected).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"cac": False}, "cac"),
        ({"cac": False, "wiener_iters": 1, "end_iters": 1}, "cac|wiener_iters"),
        ({"wiener_iters": 1, "end_iters": 1}, "wiener_iters"),
        ({"use_train_segment": False}, "use_train_segment"),
        ({"t_sin_random_shift": 5}, "t_sin_random_shift"),
        ({"t_sparse_self_attn": True}, "t_sparse_self_attn"),
        ({"t_sparse_cross_attn": True, "t_auto_sparsity": True}, "t_sparse_cross_attn"),
        ({"nfft": 2048}, "nfft=2048"),
    ],
    ids=str,
)
def test_unsupported_parameters_are_refused_by_name(config, named):
    model = untrained(0, {**QUICK, **config})
    with pytest.raises(ExportError, match=named) as caught:
        patch.exportable(model)
    assert "\n" not in str(caught.value)


def test_other_types_are_refused(small_model):
    with pytest.raises(ExportError, match="float16"):
        patch.exportable(copy.deepcopy(small_model).half())
    with pytest.raises(ExportError, match="Linear"):
        patch.exportable(nn.Linear(2, 2))
