"""Writes one model as an ONNX file and converts that to ONNX Runtime's own format."""

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import torch
from demucs.htdemucs import HTDemucs
from numpy.typing import NDArray
from onnxruntime.tools.ort_format_model.ort_model_processor import (  # type: ignore[import-untyped]
    OrtFormatModelProcessor,
)
from onnxscript.rewriter.rules.common import slice_split_rule

from .errors import ExportError
from .gates import split_gates
from .graphs import set_nodes
from .metadata import GPU_PRECISIONS, PREFIX

OPSET = 20
INPUT, OUTPUT = "mix", "stems"
_MAX_IR_VERSION = 10
_HALVED_SIZE = 1024  # values; less is not worth an operator


def write_onnx(model: HTDemucs, frames: int, metadata: Mapping[str, str], path: Path, *, static_batch: bool) -> None:
    """Write the exportable twin `model` for inputs of `frames` frames; raises ExportError."""
    proto = _to_proto(model, frames, static_batch)
    strip(proto)
    split_gates(proto.graph)
    onnx.helper.set_model_props(proto, dict(metadata))
    save(proto, path)


def save(proto: onnx.ModelProto, path: Path) -> None:
    """Write a model that keeps the contract; raises ExportError."""
    check_contract(proto)
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString())


def write_ort(source: Path, path: Path) -> None:
    """Convert with the optimisations every ONNX Runtime build understands; raises ExportError."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    # Folding would store tables that the graph derives from smaller ones within a millisecond.
    onnxruntime.InferenceSession(
        str(source),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["ConstantFolding"],
    )
    foreign = sorted(domain for domain in operators(path) if domain not in ("", "ai.onnx"))
    if foreign:
        raise ExportError(f"the conversion to {path.name} added operators of {', '.join(foreign)}")


def store_half(path: Path) -> None:
    """Store the constants that float16 holds exactly as such, each followed by a Cast to float32.

    Lossless, and free at run time: ONNX Runtime folds a Cast of a constant when it loads the file.
    From an ORT-format file it would not, so that is converted from the file before this.
    """
    proto = onnx.load(path)
    graph = proto.graph
    casts = []
    for tensor in graph.initializer:
        halved = _exact_half(tensor)
        if halved is not None:
            name = tensor.name
            tensor.CopyFrom(onnx.numpy_helper.from_array(halved, name + ".half"))
            casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    set_nodes(graph, [*casts, *graph.node])
    save(proto, path)


def _exact_half(tensor: onnx.TensorProto) -> NDArray[np.float16] | None:
    """The tensor's values in half precision, or None if that is no gain or changes one of them."""
    if tensor.data_type != onnx.TensorProto.FLOAT or math.prod(tensor.dims) < _HALVED_SIZE:
        return None
    values = onnx.numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        halved = values.astype(np.float16)
    return halved if np.array_equal(halved.astype(np.float32), values) else None


def operators(path: Path) -> dict[str, set[str]]:
    """The operators an ORT-format file uses, by domain."""
    found: dict[str, dict[int, set[str]]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the reader leaves its file to the garbage collector
        OrtFormatModelProcessor(str(path), found, None).process()
    return {domain: set().union(*by_opset.values()) for domain, by_opset in found.items()}


def check_contract(proto: onnx.ModelProto) -> None:
    """Raise ExportError unless the file is self-contained and portable and wastes no memory."""
    graph = proto.graph
    used = {name for node in _nodes(graph) for name in node.input}
    domains = _domains(proto)
    faults = {
        "foreign operators": {node.op_type for node in _nodes(graph) if node.domain not in domains},
        "unused constants": {tensor.name for tensor in graph.initializer} - used,
        "external data": {t.name for t in graph.initializer if t.external_data},
        "intermediate shapes": {value.name for value in graph.value_info},
        "local functions": {function.name for function in proto.functions},
    }
    for fault, names in faults.items():
        if names:
            raise ExportError(f"the exporter left {fault} in the file: {', '.join(sorted(names)[:5])}")
    opsets = {entry.domain: entry.version for entry in proto.opset_import}
    if proto.ir_version > _MAX_IR_VERSION or opsets != domains:
        raise ExportError(f"the exporter wrote IR version {proto.ir_version}, opset {opsets}")


def _domains(proto: onnx.ModelProto) -> dict[str, int]:
    """The operator sets that the file may use, by their versions."""
    precision = next((entry.value for entry in proto.metadata_props if entry.key == PREFIX + "precision"), "")
    return {"": OPSET, "com.microsoft": 1} if precision in GPU_PRECISIONS else {"": OPSET}


def _to_proto(model: HTDemucs, frames: int, static_batch: bool) -> onnx.ModelProto:
    """Trace the model. An example batch of one would be taken for a constant, hence two."""
    example = torch.zeros(1 if static_batch else 2, model.audio_channels, frames)
    batch = None if static_batch else {"mix": {0: torch.export.Dim("batch")}}
    # This rule compares every operator with every other, to find none that it could change.
    without_rule = mock.patch.object(slice_split_rule, "try_rewrite", lambda *_, **__: None)
    with _quiet_exporter(), torch.no_grad(), without_rule:
        try:
            program = torch.onnx.export(
                model,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=batch,
                external_data=False,
                verbose=False,
            )
        except Exception as error:
            raise ExportError(f"PyTorch could not export the model: {_first_line(error)}") from error
    assert program is not None
    return program.model_proto


def strip(proto: onnx.ModelProto) -> None:
    """Remove what costs bytes or memory and carries nothing.

    Intermediate shapes make ONNX Runtime's planner keep encoder buffers for the decoder's tensors
    of the same shape: without them a run needs a third of the memory.
    """
    graph = proto.graph
    del graph.value_info[:]
    del graph.metadata_props[:]
    graph.doc_string = ""
    for item in (*_nodes(graph), *graph.initializer, *graph.input, *graph.output):
        item.doc_string = ""
        del item.metadata_props[:]


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Every node, including those of nested graphs."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence what the exporter says on every run; anything it cannot do it raises."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        # torch.export on its own pytree module, once per export.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
