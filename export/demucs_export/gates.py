"""Gated linear units without the copies that a Split makes."""

from collections import Counter
from collections.abc import Set

import numpy as np
from onnx import GraphProto, NodeProto, numpy_helper

from .graphs import set_nodes


def split_gates(graph: GraphProto) -> None:
    """Make two convolutions of each one whose output is only cut into two halves of channels.

    Where ONNX Runtime meets a Split it copies both halves, and it computes the sigmoid of a gate along with
    a convolution only if that comes straight from one. The values stay the same.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    cuts = _cuts(graph, constants.keys())
    nodes = []
    for node in graph.node:
        if node.output[0] in cuts:
            for half, output in enumerate(cuts[node.output[0]].output):
                nodes.append(_half(node, half, output))
        elif not (node.op_type == "Split" and node.input[0] in cuts):
            nodes.append(node)
    weights = {name for node in graph.node if node.output[0] in cuts for name in node.input[1:]}
    for name in sorted(weights):
        for half, values in enumerate(np.split(numpy_helper.to_array(constants[name]), 2)):
            graph.initializer.append(numpy_helper.from_array(values, _half_name(name, half)))
    set_nodes(graph, nodes)


def _cuts(graph: GraphProto, constants: Set[str]) -> dict[str, NodeProto]:
    """The Splits of concern, by the convolution's output that they cut."""
    uses = Counter(name for node in graph.node for name in node.input)
    convolutions = {
        node.output[0]
        for node in graph.node
        if node.op_type == "Conv" and uses[node.output[0]] == 1 and constants >= set(node.input[1:])
    }
    splits = (node for node in graph.node if node.op_type == "Split" and node.input[0] in convolutions)
    return {node.input[0]: node for node in splits if _cuts_channels_in_two(node)}


def _cuts_channels_in_two(split: NodeProto) -> bool:
    axis = next((attribute.i for attribute in split.attribute if attribute.name == "axis"), 0)
    return axis == 1 and len(split.output) == 2 and len(split.input) == 1


def _half(convolution: NodeProto, half: int, output: str) -> NodeProto:
    node = NodeProto()
    node.CopyFrom(convolution)
    node.name = _half_name(node.name, half)
    node.input[1:] = [_half_name(name, half) for name in node.input[1:]]
    node.output[0] = output
    return node


def _half_name(name: str, half: int) -> str:
    return f"{name}.{('linear', 'gate')[half]}"
