"""Writes the tiny ONNX models that model_test.cpp loads: arithmetic instead of a network, the real contract."""

import json
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


def gains_model(
    extra_nodes: list[onnx.NodeProto], last: str, gains: tuple[float, float] = (0.75, 0.25)
) -> onnx.GraphProto:
    """stems = mix * gains per source, after extra_nodes have made `last` of "mix"."""
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
            helper.make_tensor("gains", TensorProto.FLOAT, [1, 2, 1, 1], gains),
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


def save_bag(folder: Path, name: str, members: list[tuple[str, list[float]]], **changes: object) -> None:
    """The JSON of a bag, as demucs-export writes it, of members (file name without ending, weights)."""
    digests = {"gains": "0" * 64, "other": "1" * 64}
    entries = [
        {"onnx": f"{file}.onnx", "ort": f"{file}.ort", "weights_sha256": digests.get(file, "2" * 64), "weights": row}
        for file, row in members
    ]
    content = {"model": METADATA | {"model_name": "bag"}, "members": entries, **changes}
    (folder / name).write_text(json.dumps(content))


def save_bags(folder: Path) -> None:
    """Bags of gains.onnx and other.onnx, and broken ones."""
    save(folder, "other.onnx", gains_model([], "mix", (0.5, -1.0)), METADATA | {"weights_sha256": "1" * 64})
    save_bag(folder, "specialists.json", [("gains", [1, 0]), ("other", [0, 1])])
    save_bag(folder, "weighted.json", [("gains", [1, 3]), ("other", [1, 1])])
    save_bag(folder, "half_broken.json", [("gains", [1, 0]), ("garbage", [0, 1])])
    save_bag(folder, "mixed_up.json", [("other", [1, 1]), ("wrong_weights", [1, 1])])
    save(folder, "wrong_weights.onnx", gains_model([], "mix"), METADATA)
    save_bag(folder, "missing_member.json", [("nowhere", [1, 1])])
    save_bag(folder, "outside.json", [("../models/gains", [1, 1])])
    save_bag(folder, "few_weights.json", [("gains", [1])])
    save_bag(folder, "no_weight.json", [("gains", [1, 0]), ("other", [1, 0])])
    save_bag(folder, "text_weight.json", [("gains", [1, "1"])])  # type: ignore[list-item]
    save_bag(folder, "no_members.json", [])
    save_bag(folder, "no_sources.json", [("gains", [1, 1])], model={"schema_version": "1"})
    (folder / "single.json").write_text(json.dumps({"model": METADATA}))
    (folder / "garbage.json").write_text("{")
    (folder / "list.json").write_text("[]")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    plain = gains_model([], "mix")
    save(folder, "gains.onnx", plain, METADATA)
    save(folder, "slow.onnx", gains_model(slow_nodes(3000), "same"), METADATA)
    no_sources = {key: value for key, value in METADATA.items() if key != "sources"}
    save(folder, "no_sources.onnx", plain, no_sources)
    save(folder, "wrong_shape.onnx", plain, METADATA | {"segment_frames": str(FRAMES + 1)})
    whole = (folder / "gains.onnx").read_bytes()
    (folder / "truncated.onnx").write_bytes(whole[: len(whole) // 2])
    save_bags(folder)
    (folder / "garbage.onnx").write_bytes(b"This is not a model.")
    (folder / "empty.onnx").write_bytes(b"")


if __name__ == "__main__":
    main()
