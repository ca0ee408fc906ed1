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
    extra_nodes: list[onnx.NodeProto], last: str, gains: tuple[float, ...] = (0.75, 0.25), frames: int = FRAMES
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
        [helper.make_tensor_value_info("mix", TensorProto.FLOAT, ["batch", 2, frames])],
        [helper.make_tensor_value_info("stems", TensorProto.FLOAT, ["batch", len(gains), 2, frames])],
        [
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
            helper.make_tensor("gains", TensorProto.FLOAT, [1, len(gains), 1, 1], gains),
        ],
    )


def ramp_model(frames: int = FRAMES, gains: tuple[float, ...] = (0.75, 0.25)) -> onnx.GraphProto:
    """gains_model that also scales each frame by its place in the segment: where a segment lies makes a difference."""
    ramp = [1 + frame / frames for frame in range(frames)]
    graph = gains_model([helper.make_node("Mul", ["mix", "ramp"], ["steeper"])], "steeper", gains, frames)
    graph.initializer.append(helper.make_tensor("ramp", TensorProto.FLOAT, [1, 1, frames], ramp))
    return graph


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


def glacial_nodes(graph: onnx.GraphProto, steps: int, size: int = 1000) -> None:
    """Puts a chain of large matrix products, of zeros, before a gains_model of "same"; each takes some 20 ms."""
    nodes = [
        helper.make_node("ReduceMean", ["mix"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "mean"], ["zero"]),
        helper.make_node("Expand", ["zero", "square"], ["product0"]),
    ]
    for step in range(steps):
        nodes.append(helper.make_node("MatMul", [f"product{step}", f"product{step}"], [f"product{step + 1}"]))
    nodes.append(helper.make_node("ReduceMean", [f"product{steps}"], ["nothing"], keepdims=0))
    nodes.append(helper.make_node("Add", ["mix", "nothing"], ["same"]))
    for place, node in enumerate(nodes):
        graph.node.insert(place, node)
    graph.initializer.append(helper.make_tensor("square", TensorProto.INT64, [2], [size, size]))


def hungry_model() -> onnx.GraphProto:
    """ramp_model that also takes batch ** 20 numbers of memory: of more than two segments at a time it gets none."""
    nodes = [
        helper.make_node("Shape", ["mix"], ["size"], end=1),
        helper.make_node("Cast", ["size"], ["batch_size"], to=TensorProto.DOUBLE),
        helper.make_node("Pow", ["batch_size", "power"], ["count"]),
        helper.make_node("Cast", ["count"], ["shape"], to=TensorProto.INT64),
        helper.make_node("ReduceMin", ["mix"], ["least"], keepdims=0),
        helper.make_node("Expand", ["least", "shape"], ["much"]),
        helper.make_node("ReduceMean", ["much"], ["one"], keepdims=0),
        helper.make_node("Sub", ["one", "one"], ["nothing"]),
        helper.make_node("Add", ["steeper", "nothing"], ["same"]),
    ]
    graph = ramp_model()
    graph.node[-2].input[0] = "same"
    for place, node in enumerate(nodes):
        graph.node.insert(1 + place, node)
    graph.initializer.append(helper.make_tensor("power", TensorProto.DOUBLE, [], [20.0]))
    return graph


def endless_model() -> onnx.GraphProto:
    """gains_model that never ends by itself if a sample of the mix is above 1: only a stop inside a run ends it."""
    counter = helper.make_tensor_value_info("counter", TensorProto.INT64, [])
    go_on, went_on = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go_on", "went_on"))
    before, after = (helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in ("before", "after"))
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["went_on"]), helper.make_node("Sin", ["before"], ["after"])],
        "body",
        [counter, go_on, before],
        [went_on, after],
    )
    nodes = [
        helper.make_node("ReduceMax", ["mix"], ["peak"], keepdims=0),
        helper.make_node("Greater", ["peak", "limit"], ["loud"]),
        helper.make_node("Sub", ["peak", "peak"], ["zero"]),
        helper.make_node("Loop", ["", "loud", "zero"], ["nothing"], body=body),
        helper.make_node("Add", ["mix", "nothing"], ["same"]),
    ]
    graph = gains_model(nodes, "same")
    graph.initializer.append(helper.make_tensor("limit", TensorProto.FLOAT, [], [1.0]))
    return graph


def external_tensor(location: str) -> onnx.TensorProto:
    """The two gains, said to lie in another file."""
    tensor = helper.make_tensor("gains", TensorProto.FLOAT, [1, 2, 1, 1], [0.75, 0.25])
    del tensor.float_data[:]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value="8")
    return tensor


def external_model(location: str, place: str) -> onnx.GraphProto:
    """gains_model whose gains lie elsewhere: an initializer, a Constant node, or a Constant inside a branch."""
    graph = gains_model([], "mix")
    gains = external_tensor(location)
    del graph.initializer[1]
    if place == "initializer":
        graph.initializer.append(gains)
        return graph
    constant = helper.make_node("Constant", [], ["gains"], value=gains)
    if place == "branch":
        same = helper.make_tensor_value_info("gains", TensorProto.FLOAT, [1, 2, 1, 1])
        branch = helper.make_graph([constant], "branch", [], [same])
        graph.initializer.append(helper.make_tensor("yes", TensorProto.BOOL, [], [True]))
        constant = helper.make_node("If", ["yes"], ["gains"], then_branch=branch, else_branch=branch)
    graph.node.insert(0, constant)
    return graph


def compiled_model(location: str) -> onnx.GraphProto:
    """A graph that is one node, which a provider would load from a file of its own."""
    graph = gains_model([], "mix")
    del graph.node[:], graph.initializer[:]
    graph.node.append(
        helper.make_node(
            "EPContext", ["mix"], ["stems"], domain="com.microsoft", embed_mode=0, ep_cache_context=location
        )
    )
    return graph


def save_hostile(folder: Path) -> None:
    """Models that name data outside of their file, which exists where a path can be right."""
    (folder / "secret.bin").write_bytes(b"\0\0\0\x3f" * 2)
    memory = "*/_ORT_MEM_ADDR_/*"  # by which ONNX Runtime itself marks an address in its process
    graphs = {
        "external_file": external_model("secret.bin", "initializer"),
        "external_parent": external_model(f"../{folder.name}/secret.bin", "initializer"),
        "external_absolute": external_model(str((folder / "secret.bin").resolve()), "initializer"),
        "external_memory": external_model(memory, "initializer"),
        "external_constant": external_model("secret.bin", "constant"),
        "external_branch": external_model("secret.bin", "branch"),
        "external_context": compiled_model("secret.bin"),
    }
    for name, graph in graphs.items():
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        helper.set_model_props(model, {f"demucs_ort.{key}": value for key, value in METADATA.items()})
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def huge_model(frames: int, sources: int) -> onnx.GraphProto:
    """A file of a few hundred bytes whose tensors take gigabytes, and whose metadata agrees."""
    graph = gains_model([], "mix")
    graph.input[0].CopyFrom(helper.make_tensor_value_info("mix", TensorProto.FLOAT, ["batch", 2, frames]))
    shape = ["batch", sources, 2, frames]
    graph.output[0].CopyFrom(helper.make_tensor_value_info("stems", TensorProto.FLOAT, shape))
    graph.initializer[1].CopyFrom(helper.make_tensor("gains", TensorProto.FLOAT, [1, sources, 1, 1], [0.5] * sources))
    return graph


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
    for name in ("gains.onnx", "žluťoučký 音楽.onnx"):
        save(folder, name, plain, METADATA)
    save(folder, "slow.onnx", gains_model(slow_nodes(3000), "same"), METADATA)
    save(folder, "ramp.onnx", ramp_model(), METADATA)
    save(folder, "hungry.onnx", hungry_model(), METADATA)
    one_segment = gains_model([], "mix")
    for value in (one_segment.input[0], one_segment.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    save(folder, "static.onnx", one_segment, METADATA)
    for name, steps in (("heavy", 4), ("glacial", 100)):
        graph = gains_model([], "same")
        glacial_nodes(graph, steps)
        save(folder, f"{name}.onnx", graph, METADATA)
    save(folder, "endless.onnx", endless_model(), METADATA)
    # Of a musical length, and far faster than music even on a busy machine.
    save(folder, "ramp_4s.onnx", ramp_model(176_400), METADATA | {"segment_frames": "176400"})
    save(folder, "short_1s.onnx", gains_model([], "mix", (0.5, 0.5), 44_100), METADATA | {"segment_frames": "44100"})
    # For the plug-in: its four stems in an order of the model's own, "other" being what is left; and five.
    band = METADATA | {"segment_frames": "88200", "sources": "vocals,bass,drums,other"}
    save(folder, "band_2s.onnx", gains_model([], "mix", (0.125, 0.25, 0.25, 0.125), 88_200), band)
    save(folder, "band_ramp_2s.onnx", ramp_model(88_200, (0.125, 0.25, 0.25, 0.125)), band)
    five = METADATA | {"segment_frames": "88200", "sources": "vocals,bass,guitar,drums,other"}
    save(folder, "five_2s.onnx", gains_model([], "mix", (0.125, 0.25, 0.125, 0.25, 0.125), 88_200), five)
    save(folder, "long.onnx", gains_model([], "mix", (0.5, 0.5), 343_980), METADATA | {"segment_frames": "343980"})
    short = METADATA | {"segment_frames": "400"}
    save(folder, "short.onnx", gains_model([], "mix", (0.5, 0.5), 400), short)
    no_sources = {key: value for key, value in METADATA.items() if key != "sources"}
    save(folder, "no_sources.onnx", plain, no_sources)
    save(folder, "wrong_shape.onnx", plain, METADATA | {"segment_frames": str(FRAMES + 1)})
    huge = METADATA | {"segment_frames": "2147483000"}
    save(folder, "huge_segment.onnx", huge_model(2147483000, 2), huge)
    many = METADATA | {"sources": ",".join(f"stem{index}" for index in range(65))}
    save(folder, "many_sources.onnx", huge_model(FRAMES, 65), many)
    save(folder, "huge_rate.onnx", plain, METADATA | {"sample_rate": "2000000000"})
    save(folder, "escape.onnx", plain, METADATA | {"description": "\x1b]0;evil\x07"})
    four = METADATA | {"sources": "drums,bass,other,vocals"}
    save(folder, "four.onnx", gains_model([], "mix", (0.4, 0.3, 0.2, 0.1)), four)
    six = METADATA | {"sources": "drums,bass,other,vocals,guitar,piano"}
    save(folder, "six.onnx", gains_model([], "mix", (0.3, 0.25, 0.2, 0.1, 0.1, 0.05)), six)
    save_hostile(folder)
    whole = (folder / "gains.onnx").read_bytes()
    (folder / "truncated.onnx").write_bytes(whole[: len(whole) // 2])
    save_bags(folder)
    (folder / "garbage.onnx").write_bytes(b"This is not a model.")
    (folder / "empty.onnx").write_bytes(b"")


if __name__ == "__main__":
    main()
