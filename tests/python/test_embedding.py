"""The snippets of docs/embedding.md are compiled against the installed package, as strictly as hosts compile."""

import re
from pathlib import Path

import pytest
from support import ROOT
from test_install import C_STRICT, CPP_STRICT, run

# What a snippet without includes may use.
CONTEXT = """#include <demucs_ort/demucs_ort.hpp>
void snippet(const float* const* mix, std::size_t frames, float* const* const* stems) {{
{}}}
"""


def snippets(language: str) -> list[str]:
    page = (ROOT / "docs/embedding.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("headers")
    run("cmake", "--install", ROOT / "build/release", "--prefix", prefix)
    return prefix / "include"


def test_cpp_snippets_compile(headers: Path, tmp_path: Path) -> None:
    found = snippets("cpp")
    assert len(found) >= 3
    for number, snippet in enumerate(found):
        source = tmp_path / f"snippet{number}.cpp"
        source.write_text(snippet if "#include" in snippet else CONTEXT.format(snippet))
        run("c++", *CPP_STRICT.split(), "-Wno-float-equal", "-isystem", headers, "-fsyntax-only", source)


def test_c_snippets_compile(headers: Path, tmp_path: Path) -> None:
    found = snippets("c")
    assert found
    for number, snippet in enumerate(found):
        source = tmp_path / f"snippet{number}.c"
        uses = re.findall(r"^static \w+ (\w+)\(", snippet, re.MULTILINE)
        source.write_text(snippet + "".join(f"const void* use_{name} = (const void*)&{name};\n" for name in uses))
        run("cc", *C_STRICT.replace("-Wpedantic ", "").split(), "-isystem", headers, "-fsyntax-only", source)


def test_names_in_the_page_exist() -> None:
    page = (ROOT / "docs/embedding.md").read_text()
    headers = "".join(file.read_text() for file in (ROOT / "cpp/include/demucs_ort").iterdir())
    names = re.findall(r"`((?!onnxruntime)\w+)::(\w+)", page)
    assert len(names) >= 5
    for owner, member in names:
        assert re.search(rf"\b{owner}\b", headers), owner
        assert re.search(rf"\b{member}\b", headers), member
