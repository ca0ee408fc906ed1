"""What every rewriting of an exported graph needs."""

from collections.abc import Iterable

from onnx import GraphProto, NodeProto


def set_nodes(graph: GraphProto, nodes: Iterable[NodeProto]) -> None:
    """Make these, which may be some of the graph's own, its nodes, and drop the constants that none of them uses."""
    kept = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in used:
            del graph.initializer[index]
