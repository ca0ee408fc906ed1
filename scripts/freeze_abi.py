"""Records the binary interface of the C headers in tests/consumer/abi_1.def, which tests/consumer/abi_check.c compiles.

What is new is added. What is recorded stays: a change of it is refused, because programs are compiled with it. With
--check nothing is written, and what is not recorded yet is an error.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pycparser import c_ast, c_generator, c_parser

ROOT = Path(__file__).parents[1]
HEADERS = ROOT / "cpp/include"
RECORD = ROOT / "tests/consumer/abi_1.def"

OPENING = """/* Binary interface 1 of the C headers, on 64-bit systems. Written by scripts/freeze_abi.py; do not edit.
 * FIELD: struct, field, offset, type. STRUCT: its size, which may grow. */
"""

# What the headers include of the system, as the parser needs it. The compiler takes its own.
STANDARD = {
    "stddef.h": "typedef unsigned long size_t;",
    "stdint.h": "typedef unsigned char uint8_t; typedef int int32_t; typedef unsigned uint32_t;"
    "typedef long int64_t; typedef unsigned long uint64_t;",
}

# Each line of the record by what it is about: `FUNCTION(name`, `FIELD(struct, field`; then what must stay the same.
Interface = dict[str, str]
EXPRESSION = re.compile(r"@(\w+(?:\([^)]*\))?)")
LINE = re.compile(r"^((?:TYPE|CONSTANT|FUNCTION|STRUCT)\(\w+|FIELD\(\w+, \w+), (.*)\)$", re.MULTILINE)


class Refused(Exception):
    """One sentence for a person."""


def write_files(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")
    return folder


def run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(f"the headers cannot be compiled: {done.stderr.strip()}")
    return done.stdout


def type_name(node: c_ast.Node) -> str:
    """A type as one writes it without the name of what has it, nor those of parameters."""
    nameless = [node]
    while nameless:
        inner = nameless.pop()
        if isinstance(inner, c_ast.TypeDecl):
            inner.declname = None
        nameless += [child for _, child in inner.children()]
    text = c_generator.CGenerator().visit(c_ast.Typename(None, [], None, node))
    return re.sub(r" +\*", "*", text).strip()


def declared(node: c_ast.Node) -> Interface:
    """The lines of one declaration. Numbers are those that the compiler will tell, as expressions."""
    inner = node.type
    lines: Interface = {}
    if isinstance(inner, c_ast.FuncDecl) and not isinstance(node, c_ast.Typedef):
        return {f"FUNCTION({node.name}": type_name(inner)}
    if isinstance(inner, c_ast.Enum):
        return {f"CONSTANT({each.name}": f"@{each.name}" for each in inner.values.enumerators}
    if isinstance(inner, c_ast.TypeDecl) and isinstance(inner.type, c_ast.Struct) and inner.type.decls:
        lines[f"STRUCT({node.name}"] = f"@sizeof({node.name})"
        for field in inner.type.decls:
            place = f"@offsetof({node.name}, {field.name})"
            lines[f"FIELD({node.name}, {field.name}"] = f"{place}, {type_name(field.type)}"
        return lines
    if isinstance(node, c_ast.Typedef):
        return {f"TYPE({node.name}": type_name(inner)}
    raise Refused(f"{node.coord}: this script does not know how to record such a declaration; teach it")


def measured(interface: Interface, headers: list[str], folder: Path, options: list[str]) -> Interface:
    """The same with numbers in place of the expressions."""
    expressions = EXPRESSION.findall("\n".join(interface.values()))
    source, program = folder / "measure.c", folder / "measure"
    printed = "".join(f'  printf("%lld\\n", (long long){expression});\n' for expression in expressions)
    included = "".join(f"#include <{header}>\n" for header in headers)
    source.write_text(f"#include <stdio.h>\n{included}int main(void) {{\n{printed}  return 0;\n}}\n")
    run(os.environ.get("CC", "cc"), *options, source, "-o", program)
    numbers = dict(zip(expressions, run(program).split(), strict=True))
    return {key: EXPRESSION.sub(lambda found: numbers[found[1]], value) for key, value in interface.items()}


def instead_of_generated(include: Path, headers: list[str], folder: Path) -> list[str]:
    """Compiler options in place of the headers that CMake writes: export marks are nothing, versions do not matter."""
    text = "".join((include / header).read_text() for header in headers)
    included = set(re.findall(r'#include "(demucs_ort/\w+\.h)"', text))
    write_files(folder, {name: "" for name in included if not (include / name).exists()})
    return [f"-I{folder}", *(f"-D{mark}=" for mark in set(re.findall(r"\bDEMUCS_ORT_(?:\w+_)?EXPORT\b", text)))]


def interface_of(include: Path) -> dict[str, Interface]:
    """What each C header declares, by its name in an #include."""
    headers = sorted(str(header.relative_to(include)) for header in include.glob("demucs_ort/c_api*.h"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        options = [f"-I{include}", *instead_of_generated(include, headers, folder / "generated")]
        standard = write_files(folder / "standard", STANDARD)
        source = folder / "all.c"
        source.write_text("".join(f"#include <{header}>\n" for header in headers))
        text = run(os.environ.get("CC", "cc"), "-E", "-nostdinc", *options, f"-I{standard}", source)
        found: dict[str, Interface] = {header: {} for header in headers}
        try:
            nodes = c_parser.CParser().parse(text).ext
        except c_parser.ParseError as error:
            raise Refused(f"the headers cannot be read: {error}") from None
        for node in nodes:
            header = node.coord.file.removeprefix(f"{include}/")
            if header in found:
                found[header] |= declared(node)
        return {header: measured(lines, headers, folder, options) for header, lines in found.items()}


def shown(key: str) -> str:
    return key.partition("(")[2].replace(", ", ".")


def incompatibility(recorded: Interface, now: Interface) -> str | None:
    """What programs that were compiled with the recorded interface would trip over; None: nothing."""
    for key, value in recorded.items():
        if key not in now:
            return f"{shown(key)} is gone"
        if key.startswith("STRUCT("):
            if int(now[key]) < int(value):
                return f"{shown(key)} shrank from {value} to {now[key]} bytes"
        elif now[key] != value:
            return f"{shown(key)} was '{value}' and is now '{now[key]}'"
    for key in now.keys() - recorded.keys():
        struct, _, field = shown(key).partition(".")
        size = recorded.get(f"STRUCT({struct}")
        if not field or size is None:
            continue
        if f"FIELD({struct}, struct_size" not in recorded:
            return f"{struct} does not begin with its size, so {field} cannot be added"
        if int(now[key].partition(",")[0]) < int(size):
            return (
                f"{struct}.{field} lies in the padding at the struct's old end, where its size does not tell whether "
                f"a program knows it; begin it at byte {size} or later"
            )
    return None


def freeze(include: Path, record: Path, only_check: bool) -> str:
    """Brings the record up to date and says what was done. Throws Refused."""
    headers = interface_of(include)
    now = {key: value for lines in headers.values() for key, value in lines.items()}
    recorded: Interface = dict(LINE.findall(record.read_text())) if record.exists() else {}
    if problem := incompatibility(recorded, now):
        raise Refused(f"{problem}; interface 1 is frozen: leave what is there, and add what is new under another name")
    new = [shown(key) for key in now if key not in recorded]
    if only_check and new:
        raise Refused(f"{len(new)} not recorded yet ({', '.join(new)}); run scripts/freeze_abi.py")
    if only_check:
        return f"{record.name} is complete: {len(now)} lines"
    sections = (
        f"\n#include <{header}>\n" + "".join(f"{key}, {value})\n" for key, value in lines.items())
        for header, lines in headers.items()
    )
    record.write_text(OPENING + "".join(sections))
    return f"{record.name}: {len(new)} added, {len(now)} lines"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something is not recorded")
    try:
        print(freeze(HEADERS, RECORD, parser.parse_args().check))
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
