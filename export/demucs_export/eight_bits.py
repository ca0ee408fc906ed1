"""Weights in 8 bits, and products of 8-bit numbers where that costs little: smaller files that run faster.

Linear layers are those of `quantize_dynamic` of ONNX Runtime's tools. Convolutions are `QLinearConv`, whose inputs and
outputs have fixed scales, so music decides about these and about the layers that stay as they are. docs/adr/0020 says
why.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-untyped]

from . import known_answer, writer
from .errors import ExportError
from .graphs import set_nodes
from .runtime import session

Array = NDArray[np.float32]

_LINEAR_SIZE = 4096  # weights; a smaller layer takes no time to speak of
_CONVOLUTION_SIZE = 15_000
_MOST_WEIGHT = 63  # 7 of 8 bits: sums of full ones overflow on x86 processors without VNNI
_CLIPPED = 1e-5  # of the values of a tensor, at either end: single large ones would make all others coarse
_SAMPLES = 1 << 20  # values that decide about a tensor's range
_TENSORS_AT_A_TIME = 12  # which bounds the memory

MUSIC_BUDGET, NOISE_BUDGET = 10 ** (-36 / 10), 10 ** (-26 / 10)
"""Power that all convolutions together may add to a stem as errors, relative to the stem's own: of music, and of the
noise that programs test what computes the model with."""


@dataclass(frozen=True)
class Layer:
    """A convolution that could be computed in 8 bits, and what that costs and gains."""

    name: str
    operations: int
    """Multiplications of a segment."""
    loss: float
    """What it adds to a stem as errors, as a part of the budget."""


@dataclass(frozen=True)
class _Range:
    low: float
    high: float
    size: int
    """Values of the tensor."""

    def quantised(self) -> tuple[np.float32, np.uint8]:
        """Scale and zero point of the tensor in 8 bits; zero is exact."""
        scale = max((self.high - self.low) / 255, 1e-8)
        return np.float32(scale), np.uint8(np.clip(round(-self.low / scale), 0, 255))


def quantise(path: Path, music: Sequence[Array]) -> dict[str, dict[str, float | bool]]:
    """Rewrite the ONNX file, with the convolutions whose errors stay within the budgets on `music` [channels, frames].

    Returns what was found of each convolution that was tried. Raises ExportError for a model without linear layers.
    """
    proto = onnx.load(path)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    _fold_weights(proto.graph)
    linear = [node.name for node in proto.graph.node if _is_linear(node, _weights(proto))]
    if not linear:
        raise ExportError("the model has no linear layers to store in 8 bits: export it in another precision")
    layers, ranges = _measured(proto, music)
    _store_linear_layers(proto, linear, path)
    proto = onnx.load(path)
    chosen = _affordable(layers)
    _store_convolutions(proto, chosen, ranges)
    _round_convolutions(proto)
    writer.strip(proto)
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, metadata)
    writer.save(proto, path)
    return {
        layer.name: {"share_of_budget": round(layer.loss, 4), "in_8_bits": layer.name in chosen} for layer in layers
    }


def _affordable(layers: Sequence[Layer]) -> set[str]:
    """Those that together stay within the budget, with as many operations as is easily had."""
    chosen, spent = set(), 0.0
    for layer in sorted(layers, key=lambda layer: layer.loss / layer.operations):
        if spent + layer.loss <= 1:
            spent += layer.loss
            chosen.add(layer.name)
    return chosen


def _measured(proto: onnx.ModelProto, music: Sequence[Array]) -> tuple[list[Layer], dict[str, _Range]]:
    """Every convolution of some size, with its loss if it alone is quantised, and the ranges of what goes in and out.

    Errors of several layers add up in power, as they have nothing to do with each other (to 0.2 dB on models that were
    tried). So one run of each tells what any set of them costs.
    """
    nodes = [node for node in proto.graph.node if _is_wide_convolution(node, _weights(proto))]
    ranges = _ranges(proto, {name for node in nodes for name in (node.input[0], node.output[0])}, music)
    noise = known_answer.signal(*music[0].shape)
    signals = {"music": _medley(music), "noise": noise}
    plain = session(proto.SerializeToString())
    exact = {name: _run(plain, signal) for name, signal in signals.items()}
    layers = []
    for node in nodes:
        changed = onnx.ModelProto()
        changed.CopyFrom(proto)
        _store_convolutions(changed, {node.name}, ranges)
        loaded = session(changed.SerializeToString())
        losses = {name: _error(exact[name], _run(loaded, signal)) for name, signal in signals.items()}
        size = math.prod(_weights(proto)[node.input[1]].dims[1:]) * ranges[node.output[0]].size
        layers.append(Layer(node.name, size, losses["music"] / MUSIC_BUDGET + losses["noise"] / NOISE_BUDGET))
    return layers, ranges


def _medley(music: Sequence[Array]) -> Array:
    """One segment with a part of every song, so that one run hears them all."""
    ends = np.linspace(0, music[0].shape[1], len(music) + 1).astype(int)
    return np.concatenate([song[:, a:b] for song, (a, b) in zip(music, pairwise(ends), strict=True)], axis=1)


def _error(exact: Array, found: Array) -> float:
    """Power of the difference relative to the stem's, of the stem [stem, channel, frame] where that is worst.

    A stem that is 30 dB below the loudest counts as if it were not, or a medley without a singer would allow nothing.
    """
    power = np.square(exact, dtype=np.float64).sum((1, 2))
    error = np.square(exact - found, dtype=np.float64).sum((1, 2))
    return float(np.max(error / np.maximum(power, max(1e-3 * power.max(), 1e-12))))


def _ranges(proto: onnx.ModelProto, names: set[str], music: Sequence[Array]) -> dict[str, _Range]:
    """The least and greatest values of these tensors, but for the few that are clipped; zero is always among them."""
    found: dict[str, _Range] = {}
    for first in range(0, len(names), _TENSORS_AT_A_TIME):
        some = sorted(names)[first : first + _TENSORS_AT_A_TIME]
        watched = onnx.ModelProto()
        watched.CopyFrom(proto)
        for name in some:
            watched.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
        loaded = session(watched.SerializeToString())
        for segment in music:
            for name, values in zip(some, loaded.run(some, {writer.INPUT: segment[None]}), strict=True):
                low, high = _clipped(values.ravel())
                before = found.get(name, _Range(0, 0, 0))
                found[name] = _Range(min(low, before.low), max(high, before.high), values.size)
    return found


def _clipped(values: Array) -> tuple[float, float]:
    some = values[:: max(1, values.size // _SAMPLES)]
    cut = int(_CLIPPED * some.size)
    ends = np.partition(some, (cut, some.size - 1 - cut))
    return float(ends[cut]), float(ends[-1 - cut])


def _store_convolutions(proto: onnx.ModelProto, chosen: set[str], ranges: Mapping[str, _Range]) -> None:
    """Make `QLinearConv` of the convolutions of these names."""
    weights = _weights(proto)
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, NDArray[Any]] = {}
    for node in proto.graph.node:
        if node.name in chosen:
            nodes += _in_8_bits(node, weights, ranges, constants)
        else:
            nodes.append(node)
    for name, values in constants.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    set_nodes(proto.graph, nodes)


def _in_8_bits(
    node: onnx.NodeProto,
    weights: Mapping[str, onnx.TensorProto],
    ranges: Mapping[str, _Range],
    constants: dict[str, NDArray[Any]],
) -> Iterator[onnx.NodeProto]:
    """The nodes that a convolution becomes; what they need is added to `constants`."""
    given, output = node.input[0], node.output[0]
    if f"{given}.scale" not in constants:
        yield onnx.helper.make_node("QuantizeLinear", [given, f"{given}.scale", f"{given}.zero"], [f"{given}.eight"])
    for name in (given, output):
        constants[f"{name}.scale"], constants[f"{name}.zero"] = map(np.asarray, ranges[name].quantised())
    values = onnx.numpy_helper.to_array(weights[node.input[1]])
    scales = np.maximum(np.abs(values).max(axis=tuple(range(1, values.ndim))), 1e-12) / _MOST_WEIGHT
    constants[f"{node.name}.scale"] = scales.astype(np.float32)
    constants[f"{node.name}.zero"] = np.zeros(len(scales), np.int8)
    constants[f"{node.name}.weight"] = np.rint(values / scales.reshape(-1, *[1] * (values.ndim - 1))).astype(np.int8)
    inputs = [f"{given}.{part}" for part in ("eight", "scale", "zero")]
    inputs += [f"{node.name}.{part}" for part in ("weight", "scale", "zero")]
    inputs += [f"{output}.{part}" for part in ("scale", "zero")]
    if len(node.input) > 2:
        bias = onnx.numpy_helper.to_array(weights[node.input[2]])
        constants[f"{node.name}.bias"] = np.rint(bias / (scales * constants[f"{given}.scale"])).astype(np.int32)
        inputs.append(f"{node.name}.bias")
    product = onnx.helper.make_node("QLinearConv", inputs, [f"{output}.eight"], node.name)
    product.attribute.extend(node.attribute)
    yield product
    yield onnx.helper.make_node("DequantizeLinear", [f"{output}.eight", *inputs[6:8]], [output])


def _store_linear_layers(proto: onnx.ModelProto, layers: list[str], path: Path) -> None:
    proto.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")  # else it warns
    quantize_dynamic(
        proto, path, op_types_to_quantize=["MatMul"], nodes_to_quantize=layers, per_channel=True, reduce_range=True,
        weight_type=QuantType.QInt8,
    )  # fmt: skip


def _round_convolutions(proto: onnx.ModelProto) -> None:
    """Round the weights of all other convolutions to half precision, which is far finer than the 8 bits before them."""
    weights = _weights(proto)
    for name in {node.input[1] for node in proto.graph.node if node.op_type == "Conv"} & weights.keys():
        rounded = onnx.numpy_helper.to_array(weights[name]).astype(np.float16).astype(np.float32)
        weights[name].CopyFrom(onnx.numpy_helper.from_array(rounded, name))


def _fold_weights(graph: onnx.GraphProto) -> None:
    """Cut and transpose the weights now that the file does so when it is loaded: then they are weights of a layer."""
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    nodes = []
    for node in graph.node:
        if node.op_type in ("Split", "Transpose") and all(name in values and uses[name] == 1 for name in node.input):
            evaluated = ReferenceEvaluator(node, opsets={"": writer.OPSET})
            results: Any = evaluated.run(None, {name: values[name] for name in node.input})
            for name, result in zip(node.output, results, strict=True):
                values[name] = np.ascontiguousarray(result)
                graph.initializer.append(onnx.numpy_helper.from_array(values[name], name))
        else:
            nodes.append(node)
    set_nodes(graph, nodes)


def _weights(proto: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in proto.graph.initializer}


def _is_linear(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    return node.op_type == "MatMul" and _count(node, weights, 2) >= _LINEAR_SIZE


def _is_wide_convolution(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    return node.op_type == "Conv" and max(_count(node, weights, 3), _count(node, weights, 4)) >= _CONVOLUTION_SIZE


def _count(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto], axes: int) -> int:
    """How many weights of that many axes the layer has; 0 if it has none, or others."""
    found = weights.get(node.input[1])
    return math.prod(found.dims) if found is not None and len(found.dims) == axes else 0


def _run(loaded: onnxruntime.InferenceSession, mix: Array) -> Array:
    stems: Array = loaded.run([writer.OUTPUT], {writer.INPUT: mix[None]})[0][0]
    return stems
