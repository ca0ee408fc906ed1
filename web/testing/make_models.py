"""Small models for the tests in the browser. Usage: make_models.py OUTPUT

Writes tiny.onnx, an HTDemucs with two stems, half a second and seeded weights, and copies of it that are wrong:
wrong_answer.onnx has another known answer, no_answer.onnx none, no_weights.onnx a graph that cannot be loaded.
"""

import sys
from pathlib import Path

import demucs_export
import onnx

TINY = {
    "sources": ["left", "right"],
    "channels": 8,
    "depth": 2,
    "dconv_mode": 0,
    "bottom_channels": 16,
    "t_layers": 1,
    "segment": 0.5,
}


def main() -> None:
    output = Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    tiny = output / "tiny.onnx"
    if not tiny.exists():
        demucs_export.export(demucs_export.untrained(2, TINY), output, name="tiny", trained=False)
    model = onnx.load(tiny)
    answer = next(entry for entry in model.metadata_props if entry.key == "demucs_ort.known_answer")
    right = answer.value
    answer.value = ",".join(str(-int(number)) for number in right.split(","))
    onnx.save(model, output / "wrong_answer.onnx")
    model.metadata_props.remove(answer)
    onnx.save(model, output / "no_answer.onnx")
    model.metadata_props.add(key=answer.key, value=right)
    del model.graph.initializer[:]
    onnx.save(model, output / "no_weights.onnx")


if __name__ == "__main__":
    main()
