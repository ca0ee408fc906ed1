"""A twin of a stock HTDemucs, sharing its weights, that `torch.onnx.export` can turn into plain
operators.

The model given by the caller is left as it is. Replaced is what cannot be exported or what ONNX
Runtime computes badly: the complex spectrogram, the fused attention, the positional tables, every
norm over long axes and the residual branches; all other layers are the caller's own.
"""

import copy
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch
from demucs.demucs import DConv
from demucs.htdemucs import HTDemucs
from demucs.transformer import CrossTransformerEncoder, MyGroupNorm
from torch import Tensor, nn
from torch.nn import functional as F

from .attention import BlockedAttention, FusedAttention
from .errors import ExportError, UsageError
from .norms import PlainDConv, PlainGroupNorm, PlainTokenNorm, ResidualBranch, mean_over
from .spectrogram import RealSpectrogram
from .transposed import InterleavedConvolution


def segment_frames(model: HTDemucs) -> int:
    """Length of the model's segment in frames."""
    return int(model.segment * model.samplerate)


def evaluation_view(model: HTDemucs) -> HTDemucs:
    """A copy of the module tree in evaluation mode whose parameters and buffers are the caller's
    own."""
    tensors = [*model.parameters(), *model.buffers()]
    twin = copy.deepcopy(model, memo={id(tensor): tensor for tensor in tensors})
    return twin.eval()


def with_segment(model: HTDemucs, segment: Fraction) -> HTDemucs:
    """The model with the same weights, in evaluation mode, that hears `segment` seconds at a time.

    Raises UsageError for more than it was trained on, which stock demucs refuses too, or less than
    one transform.
    """
    if not model.nfft / model.samplerate < segment <= model.segment:
        raise UsageError(
            f"the segment of {float(segment):g} s must be over {model.nfft / model.samplerate:.2f} s "
            f"and at most the {float(model.segment):g} s that the model was trained on"
        )
    view = evaluation_view(model)
    view.segment = segment
    return view


def exportable(model: HTDemucs, *, fused: bool = False, half: bool = False) -> HTDemucs:
    """The exportable twin of `model`: same input, same output up to rounding, any batch.

    `fused`: attention is one operator of ONNX Runtime's own. `half`: the U-Net and the transformer compute in float16;
    spectrograms, statistics and the sum of the branches stay float32. Raises ExportError, naming the parameter, for a
    configuration it does not support.
    """
    _refuse_unsupported(model)
    twin = evaluation_view(copy.deepcopy(model) if half else model)
    twin.__class__ = RealHTDemucs
    try:
        twin.spectrogram = RealSpectrogram(twin.nfft, twin.hop_length)
    except ValueError as error:
        raise ExportError(f"the parameter nfft={twin.nfft} is not supported: {error}") from None
    _replace(twin)
    if twin.crosstransformer is not None:
        twin.crosstransformer.__class__ = TabledTransformer
    assert isinstance(twin, RealHTDemucs)
    if fused:
        twin.fuse_attention()
    if half:
        twin.compute_in_half()
    exported: HTDemucs = twin.eval()
    return exported


def _replace(module: nn.Module) -> None:
    """Put the exportable twin of every child that needs one in its place, children of twins
    excepted."""
    for name, child in module.named_children():
        for stock, twin in _TWINS.items():
            if isinstance(child, stock):
                setattr(module, name, twin(child))
                break
        else:
            _replace(child)


@torch.no_grad()
def _halve(module: nn.Module) -> None:
    """Half precision for the tensors of every layer but those that sum over long axes."""
    for child in module.children():
        if isinstance(child, ResidualBranch):
            child.halve_products()
        elif not isinstance(child, (RealSpectrogram, PlainGroupNorm)):
            _halve(child)
            for name, tensor in [*child.named_parameters(recurse=False), *child.named_buffers(recurse=False)]:
                child._parameters.pop(name, None)
                child.register_buffer(name, tensor.half(), persistent=False)


# The first match counts: MyGroupNorm is a GroupNorm.
_TWINS: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    nn.MultiheadAttention: BlockedAttention,
    nn.ConvTranspose1d: InterleavedConvolution,
    nn.ConvTranspose2d: InterleavedConvolution,
    DConv: PlainDConv,
    MyGroupNorm: PlainTokenNorm,
    nn.GroupNorm: PlainGroupNorm,
}


class RealHTDemucs(HTDemucs):
    """HTDemucs whose spectra are real tensors, for inputs of exactly one segment."""

    spectrogram: RealSpectrogram
    dtype = torch.float32  # of all between the first and the last convolution

    def fuse_attention(self) -> None:
        """Let every attention be one operator."""
        for layer in self.modules():
            if isinstance(layer, BlockedAttention):
                layer.__class__ = FusedAttention

    def compute_in_half(self) -> None:
        """Change the tensors of every layer of the U-Net and the transformer to float16."""
        self.dtype = torch.float16
        _halve(self)

    def forward(self, mix: Tensor) -> Tensor:
        """Mix [batch, channels, frames] to stems [batch, sources, channels, frames]."""
        length = mix.shape[-1]
        spectrum = self.spectrogram(mix)
        x, mean, deviation = _standardised(spectrum.flatten(1, 2))
        xt, mean_t, deviation_t = _standardised(mix)
        x, xt = (part.float() for part in self._network(x.to(self.dtype), xt.to(self.dtype)))
        batch, _, *grid = spectrum.shape
        x = x.reshape(batch, -1, *grid) * deviation[..., None] + mean[..., None]
        stems: Tensor = xt * deviation_t + mean_t + self.spectrogram.inverse(x, length)
        return stems.reshape(batch, len(self.sources), self.audio_channels, length)

    def _network(self, x: Tensor, xt: Tensor) -> tuple[Tensor, Tensor]:
        """Both branches of the U-Net, as in the middle of the stock forward pass."""
        skips, skips_t, lengths, lengths_t = [], [], [], []
        for index, encode in enumerate(self.encoder):
            inject = None
            lengths.append(x.shape[-1])
            if index < len(self.tencoder):
                lengths_t.append(xt.shape[-1])
                xt = self.tencoder[index](xt)
                if self.tencoder[index].empty:
                    inject = xt  # the branches meet
                else:
                    skips_t.append(xt)
            x = encode(x, inject)
            if index == 0 and self.freq_emb is not None:
                embedding = self.freq_emb(torch.arange(x.shape[-2]))
                x = x + self.freq_emb_scale * embedding.t()[:, :, None]
            skips.append(x)
        if self.crosstransformer is not None:
            x, xt = self._transformed(x, xt)
        for index, decode in enumerate(self.decoder, len(self.tdecoder) - self.depth):
            x, before_last = decode(x, skips.pop(), lengths.pop())
            if index >= 0:
                decode_t = self.tdecoder[index]
                if decode_t.empty:  # the branches part
                    xt, _ = decode_t(before_last[:, :, 0], None, lengths_t.pop())
                else:
                    xt, _ = decode_t(xt, skips_t.pop(), lengths_t.pop())
        return x, xt

    def _transformed(self, x: Tensor, xt: Tensor) -> tuple[Tensor, Tensor]:
        if not self.bottom_channels:
            x, xt = self.crosstransformer(x, xt)
            return x, xt
        grid = x.shape[-2:]
        x = self.channel_upsampler(x.flatten(2))
        x = x.reshape(*x.shape[:2], *grid)
        x, xt = self.crosstransformer(x, self.channel_upsampler_t(xt))
        x = self.channel_downsampler(x.flatten(2))
        return x.reshape(*x.shape[:2], *grid), self.channel_downsampler_t(xt)


def _standardised(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x [batch, ...] less its mean and divided by its unbiased standard deviation, then both of
    them."""
    axes = x.dim() - 1
    count = math.prod(x.shape[1:])
    mean = mean_over(x, axes)
    centred = x - mean
    deviation = torch.sqrt(mean_over(centred * centred, axes) * (count / (count - 1)))
    return centred / (1e-5 + deviation), mean, deviation


class TabledTransformer(CrossTransformerEncoder):
    """CrossTransformerEncoder that keeps its two-dimensional positions as one table per axis.

    Frames fill the first half of the channels and bins the second (`create_2d_sin_embedding` of
    stock demucs); the table over both axes would be a constant of several megabytes. Tokens come
    bin by bin, not frame by frame: nothing depends on their order, and this one is a plain
    transpose away.
    """

    def forward(self, x: Tensor, xt: Tensor) -> tuple[Tensor, Tensor]:
        """Stock signature: x [batch, width, bins, frames], xt [batch, width, steps], returned
        alike."""
        batch, width, bins, frames = x.shape
        by_frame = F.pad(_positions(frames, width // 2, self.max_period), (0, width // 2)).to(x.dtype)
        by_bin = F.pad(_positions(bins, width // 2, self.max_period), (width // 2, 0)).to(x.dtype)
        x = self.norm_in(x.flatten(2).transpose(1, 2))
        x = (
            x.reshape(batch, bins, frames, width)
            + self.weight_pos_embed * by_frame
            + self.weight_pos_embed * by_bin[:, None]
        )
        x = x.reshape(batch, bins * frames, width)
        steps = xt.shape[-1]
        positions = (
            self._get_pos_embedding(  # type: ignore[no-untyped-call]
                steps, 1, width, xt.device
            )
            .transpose(0, 1)
            .to(xt.dtype)
        )
        xt = self.norm_in_t(xt.transpose(1, 2)) + self.weight_pos_embed * positions
        for index, (layer, layer_t) in enumerate(zip(self.layers, self.layers_t, strict=True)):
            if index % 2 == self.classic_parity:
                x, xt = layer(x), layer_t(xt)
            else:
                x, xt = layer(x, xt), layer_t(xt, x)
        return x.transpose(1, 2).reshape(batch, width, bins, frames), xt.transpose(1, 2)


def _positions(count: int, width: int, max_period: float) -> Tensor:
    """[count, width]: sines and cosines of the position, interleaved, at falling frequencies."""
    rates = torch.exp(torch.arange(0.0, width, 2) * -(math.log(max_period) / width))
    phase = torch.arange(0.0, count)[:, None] * rates
    return torch.stack([torch.sin(phase), torch.cos(phase)], dim=-1).reshape(count, width)


_REQUIRED: dict[str, object] = {
    "cac": True,
    "wiener_iters": 0,
    "use_train_segment": True,
}


def _refuse_unsupported(model: HTDemucs) -> None:
    if not isinstance(model, HTDemucs):
        raise ExportError(f"only HTDemucs models can be exported, not {type(model).__name__}")
    for name, value in _REQUIRED.items():
        if getattr(model, name) != value:
            raise ExportError(f"the parameter {name}={getattr(model, name)} is not supported, only {value}")
    transformer = model.crosstransformer
    if transformer is not None and transformer.sin_random_shift:
        raise ExportError("the parameter t_sin_random_shift is not supported: positions would be random")
    for module in model.modules():
        if getattr(module, "sparse", False):
            raise ExportError("the parameters t_sparse_self_attn and t_sparse_cross_attn are not supported")
    for name, tensor in model.state_dict().items():
        if tensor.dtype != torch.float32:
            raise ExportError(f"the weights must be float32, but {name} is {tensor.dtype}")
