"""Public headers open with an example that compiles, and every function says on which thread it may be called."""

import re
from pathlib import Path

import pytest
from support import ROOT
from test_embedding import headers as headers  # a fixture
from test_install import C_STRICT, CPP_STRICT, run

PUBLIC = ROOT / "cpp/include/demucs_ort"
CPP = sorted(PUBLIC.glob("*.hpp"))
C = sorted(PUBLIC.glob("*.h"))

# What the examples may use.
CPP_CONTEXT = """#include <demucs_ort/demucs_ort.hpp>
#include <demucs_ort/files.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
void report(std::size_t number);
void report(double number);
void report(int level, const std::string& sentence);
void example({separator}const float* const* mix, const float* const* in, std::size_t frames, float* const* const* stems,
             float* const* const* out);
void example({separator}const float* const* mix, const float* const* in, std::size_t frames, float* const* const* stems,
             float* const* const* out) {{
  (void)mix, (void)in, (void)frames, (void)stems, (void)out;
{example}}}
"""
C_CONTEXT = """#include <demucs_ort/c_api_deck.h>
#include <demucs_ort/c_api_files.h>
#include <demucs_ort/c_api_stream.h>
#include <stdio.h>
void report(size_t number);
void example({model}const float* const* mix, const float* const* in, size_t frames, float* const* const* stems,
             float* const* const* out, demucs_ort_read_callback read_track);
void example({model}const float* const* mix, const float* const* in, size_t frames, float* const* const* stems,
             float* const* const* out, demucs_ort_read_callback read_track) {{
  (void)mix, (void)in, (void)frames, (void)stems, (void)out, (void)read_track;
{example}}}
"""


def example_of(header: Path, prefix: str) -> str:
    """The indented lines of the comment that opens a header."""
    opening = header.read_text().partition("#include <")[0]
    lines = re.findall(rf"^{re.escape(prefix)}    (.*)$", opening, re.MULTILINE)
    assert len(lines) >= 3, f"{header.name} opens with no example"
    return "".join(line + "\n" for line in lines)


@pytest.mark.parametrize("header", CPP, ids=lambda header: header.name)
def test_the_example_of_a_cpp_header_compiles(header: Path, headers: Path, tmp_path: Path) -> None:
    example = example_of(header, "/// ")
    separator = "" if "Separator separator(" in example else "demucs_ort::Separator& separator, "
    source = tmp_path / "example.cpp"
    source.write_text(CPP_CONTEXT.format(separator=separator, example=example))
    run("c++", *CPP_STRICT.split(), "-Wno-unused-parameter", "-isystem", headers, "-fsyntax-only", source)


@pytest.mark.parametrize("header", C, ids=lambda header: header.name)
def test_the_example_of_a_c_header_compiles(header: Path, headers: Path, tmp_path: Path) -> None:
    example = example_of(header, " * ")
    model = "" if "model = NULL" in example else "const demucs_ort_model* model, "
    source = tmp_path / "example.c"
    source.write_text(C_CONTEXT.format(model=model, example=example))
    run("cc", *C_STRICT.split(), "-Wno-unused-parameter", "-isystem", headers, "-fsyntax-only", source)


@pytest.mark.parametrize("header", C, ids=lambda header: header.name)
def test_every_c_function_states_its_thread_rule(header: Path) -> None:
    text = header.read_text()
    functions = re.findall(
        r"(/\*(?:(?!\*/).)*\*/)?\nDEMUCS_ORT_(?:FILES_)?EXPORT[^;]*?(demucs_ort_\w+)\(", text, re.DOTALL
    )
    assert functions
    for comment, name in functions:
        assert re.search(r"Thread: (any|owner's)", comment), f"{name} states no thread rule"


@pytest.mark.parametrize("header", CPP, ids=lambda header: header.name)
def test_every_cpp_function_states_its_thread_rule(header: Path) -> None:
    classes = r"^class DEMUCS_ORT_(?:FILES_)?EXPORT (\w+)[^{]*\{\n public:\n(.*?)(?:^ private:|^\};)"
    for name, public in re.findall(classes, header.read_text(), re.DOTALL | re.MULTILINE):
        # A member function at the class's own indent, with its return type and the comment above it.
        members = r"((?:^  ///.*\n)*)^  (?!explicit\b)[\w:<>,&* ]+[ &*](\w+)\("
        for comment, member in re.findall(members, public, re.MULTILINE):
            if member not in (name, "state" if name == "CancelToken" else name):
                assert re.search(r"Thread: (any|owner's)", comment), f"{name}::{member} states no thread rule"
