"""Convolutions whose output is only cut in two become two."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from demucs_export import writer
from demucs_export.gates import split_gates
from torch import nn
from torch.nn import functional as F


class Gates(nn.Module):
    """Two convolutions of concern, of which one has no bias, and two whose output is needed whole or cut in time."""

    def __init__(self) -> None:
        super().__init__()
        self.gated = nn.Conv1d(4, 12, 3, padding=2, dilation=2)
        self.plain = nn.Conv1d(6, 8, 1, bias=False)
        self.whole = nn.Conv1d(4, 8, 1)
        self.timed = nn.Conv1d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        whole = self.whole(F.glu(self.plain(F.glu(self.gated(x), dim=1)), dim=1))
        return F.glu(whole, dim=1) + whole[:, :4] + F.glu(self.timed(x), dim=2).repeat(1, 1, 2)


def outputs(proto: onnx.ModelProto, mix: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"mix": mix})
    return np.asarray(found)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of torch.export itself
def test_values_stay_and_only_copies_go():
    torch.manual_seed(0)
    program = torch.onnx.export(
        Gates().eval(), (torch.zeros(1, 4, 64),), dynamo=True, opset_version=writer.OPSET, input_names=["mix"],
        verbose=False,
    )  # fmt: skip
    assert program is not None
    proto = program.model_proto
    mix = np.random.default_rng(0).standard_normal((1, 4, 64)).astype(np.float32)
    before, weights = outputs(proto, mix), len(proto.graph.initializer)
    kinds = [node.op_type for node in proto.graph.node]
    split_gates(proto.graph)
    onnx.checker.check_model(proto, full_check=True)
    np.testing.assert_array_equal(outputs(proto, mix), before)
    found = [node.op_type for node in proto.graph.node]
    assert found.count("Conv") == kinds.count("Conv") + 2
    assert found.count("Split") == kinds.count("Split") - 2
    assert len(proto.graph.initializer) == weights + 3
