"""Writes the tiny ONNX models that model_test.cpp loads: arithmetic instead of a network, the real contract."""

import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper

FRAMES = 1000
METADATA = {
    "schema_version": "1",
    "model_name": "gains",
    "sample_rate": "44100",
    "channels": "2",
    "segment_frames": str(FRAMES),
    "sources": "drums,bass",
    "precision": "fp32",
    "trained": "false",
    "weights_sha256": "0" * 64,
    "demucs_version": "4.1.0",
}


def gains_model(extra_nodes: list[onnx.NodeProto], last: str) -> onnx.GraphProto:
    """stems = mix * [0.75, 0.25] per source, after extra_nodes have made `last` of "mix"."""
    nodes = [
        *extra_nodes,
        helper.make_node("Unsqueeze", [last, "axis"], ["wide"]),
        helper.make_node("Mul", ["wide", "gains"], ["stems"]),
    ]
    return helper.make_graph(
        nodes,
        "gains",
        [helper.make_tensor_value_info("mix", TensorProto.FLOAT, ["batch", 2, FRAMES])],
        [helper.make_tensor_value_info("stems", TensorProto.FLOAT, ["batch", 2, 2, FRAMES])],
        [
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
            helper.make_tensor("gains", TensorProto.FLOAT, [1, 2, 1, 1], [0.75, 0.25]),
        ],
    )


def slow_nodes(steps: int) -> list[onnx.NodeProto]:
    """A long chain that ends in the mix again: the sine of the sine ... times zero, plus the mix."""
    nodes = []
    last = "mix"
    for step in range(steps):
        nodes.append(helper.make_node("Sin", [last], [f"sin{step}"]))
        last = f"sin{step}"
    nodes.append(helper.make_node("Sub", [last, last], ["nothing"]))
    nodes.append(helper.make_node("Add", ["mix", "nothing"], ["same"]))
    return nodes


def save(folder: Path, name: str, graph: onnx.GraphProto, metadata: dict[str, str]) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {f"demucs_ort.{key}": value for key, value in metadata.items()})
    onnx.checker.check_model(model)
    onnx.save(model, folder / name)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    plain = gains_model([], "mix")
    for name in ("gains.onnx", "žluťoučký 音楽.onnx"):
        save(folder, name, plain, METADATA)
    save(folder, "slow.onnx", gains_model(slow_nodes(3000), "same"), METADATA)
    no_sources = {key: value for key, value in METADATA.items() if key != "sources"}
    save(folder, "no_sources.onnx", plain, no_sources)
    save(folder, "wrong_shape.onnx", plain, METADATA | {"segment_frames": str(FRAMES + 1)})
    whole = (folder / "gains.onnx").read_bytes()
    (folder / "truncated.onnx").write_bytes(whole[: len(whole) // 2])
    (folder / "garbage.onnx").write_bytes(b"This is not a model.")
    (folder / "empty.onnx").write_bytes(b"")


if __name__ == "__main__":
    main()
