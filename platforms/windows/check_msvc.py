"""Parses by MSVC's rules what a build with mingw-w64 has compiled: clang as cl.exe's stand-in, with libc++ and the
headers of Windows and of its C library from Wine. Nothing is generated: Microsoft's own headers cannot be had here.

usage: check_msvc.py BUILD CLANG_VERSION
"""

import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
WINE = Path("/usr/include/wine/wine")


def rules(version: str, cplusplus: bool) -> list[str]:
    clang = Path(f"/usr/lib/llvm-{version}")
    folders = [clang / f"lib/clang/{version}/include", WINE / "msvcrt", WINE / "windows"]
    language = ["-std=c11"]
    if cplusplus:
        folders.insert(0, clang / "include/c++/v1")
        language = ["-std=c++20", "-fdelayed-template-parsing", "-D_LIBCPP_NO_VCRUNTIME"]
    return [
        str(clang / ("bin/clang++" if cplusplus else "bin/clang")),
        *(
            "--target=x86_64-pc-windows-msvc",
            "-fms-extensions",
            "-fms-compatibility",
            "-fms-compatibility-version=19.36",
        ),
        *("-fsyntax-only", "-nostdinc", "-Wall", "-Wextra", "-Wconversion", "-Werror"),
        *language,
        *(word for folder in folders for word in ("-isystem", str(folder))),
        *("-include", str(HERE / "msvc_gaps.h")),
    ]


def check(entry: dict[str, str], version: str) -> str:
    """What clang says of one translation unit."""
    words = iter(shlex.split(entry["command"])[1:])
    kept = []
    for word in words:
        if word in ("-isystem", "-I", "-D", "-include"):
            kept += [word, next(words)]
        elif word.startswith(("-I", "-D")):
            kept.append(word)
    command = [*rules(version, not entry["file"].endswith(".c")), *kept, entry["file"]]
    done = subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode != 0 else ""


def main() -> None:
    build, version = Path(sys.argv[1]), sys.argv[2]
    entries = [
        entry
        for entry in json.loads((build / "compile_commands.json").read_text())
        if Path(entry["file"]).suffix in (".c", ".cpp", ".cxx")
    ]
    with ThreadPoolExecutor() as pool:
        said = [text for text in pool.map(lambda entry: check(entry, version), entries) if text]
    if said or not entries:
        sys.exit("".join(said) or f"check_msvc: {build} has compiled nothing")
    print(f"MSVC's rules: {len(entries)} units parsed without a warning by clang {version}")


if __name__ == "__main__":
    main()
