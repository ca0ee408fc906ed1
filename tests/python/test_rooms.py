"""The check that keeps the C++ code in its rooms finds what it is there for."""

import sys

import pytest
from support import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from check_rooms import check_file


@pytest.mark.parametrize(
    ("file", "include", "complaint"),
    [
        ("cpp/src/model/bag.cpp", '"deck/stem_cache.hpp"', "model may not use deck"),
        ("cpp/src/stream/stream.cpp", '"c_api/c_api_support.hpp"', "stream may not use c_api"),
        ("cpp/src/loose.cpp", '"base/cancel_state.hpp"', "lies in no room"),
        ("cpp/src/deck/deck.cpp", "<onnxruntime_cxx_api.h>", "only cpp/src/model/ may"),
        ("cpp/cli/main.cpp", '"model/run_queue.hpp"', "only the public headers and base/"),
        ("cpp/cli/main.cpp", "<libavformat/avformat.h>", "only cpp/files/ may"),
    ],
)
def test_what_leaves_its_room_is_found(file: str, include: str, complaint: str) -> None:
    (found,) = check_file(file, f"#include {include}\n")
    assert complaint in found


def test_what_stays_in_its_room_is_fine() -> None:
    includes = '#include "demucs_ort/model.hpp"\n#include "base/cancel_state.hpp"\n#include "model/bag.hpp"\n'
    assert check_file("cpp/src/model/bag.cpp", includes + "#include <onnxruntime_cxx_api.h>\n") == []
