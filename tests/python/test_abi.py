"""Binary interface 1 stays: its record is complete, no change of the C headers compiles, and C has all of C++."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT
from test_install import STRICT, run

sys.path.insert(0, str(ROOT / "scripts"))
from freeze_abi import HEADERS, LINE, RECORD, Refused, freeze

CHECK = ROOT / "tests/consumer/abi_check.c"
GENERATED = ROOT / "build/release/include"  # export.h and version.h
EXPORTED = "".join(file.read_text() for file in (ROOT / "tests/consumer").rglob("exported_symbols.txt"))
C11 = f"-std=c11 {STRICT} -Wstrict-prototypes".split()

# What is there once in the headers, and what it becomes.
Change = tuple[str, str]
DECK = "typedef struct demucs_ort_deck demucs_ort_deck;"
BREAKS: dict[str, Change] = {
    "fields change places": (
        "size_t cached_bytes;\n  size_t spilled_bytes;",
        "size_t spilled_bytes;\n  size_t cached_bytes;",
    ),
    "a field comes in between": ("  double fraction; ", "  double added;\n  double fraction; "),
    "a field goes": ("  char message[512]; ", "  /* */ "),
    "a field becomes smaller": ("char message[512]", "char message[256]"),
    "a field gets another type of the same size": ("  double hop; ", "  uint64_t hop; "),
    "a field is no longer const": ("  const char* spill_folder; ", "  char* spill_folder; "),
    "a parameter gets another type": (
        "set_playhead(demucs_ort_deck* deck, size_t",
        "set_playhead(demucs_ort_deck* deck, int",
    ),
    "a parameter comes in": ("demucs_ort_deck_frames(const", "demucs_ort_deck_frames(int32_t unit, const"),
    "a result gets another type": ("uint64_t demucs_ort_stream_underruns", "uint32_t demucs_ort_stream_underruns"),
    "a function goes": ("DEMUCS_ORT_EXPORT void demucs_ort_stream_reset(demucs_ort_stream* stream);", ""),
    "a callback gets another type": ("stage, double fraction)", "stage, float fraction)"),
    "a number changes": ("DEMUCS_ORT_CANCELLED = 6", "DEMUCS_ORT_CANCELLED = 10"),
    "a number goes": (", DEMUCS_ORT_QUALITY_FINAL = 2", ""),
    "a status becomes wider": ("typedef int32_t demucs_ort_status", "typedef int64_t demucs_ort_status"),
    "a handle becomes something else": (DECK, "typedef void demucs_ort_deck;"),
}
ADDS: dict[str, Change] = {
    "a field at the end": ("} demucs_ort_deck_state;", "  double added;\n} demucs_ort_deck_state;"),
    "a function": (DECK, f"{DECK}\nDEMUCS_ORT_EXPORT int32_t demucs_ort_added(demucs_ort_deck* deck);"),
    "a number": ("DEMUCS_ORT_QUALITY_FINAL = 2", "DEMUCS_ORT_QUALITY_FINAL = 2, DEMUCS_ORT_ADDED = 3"),
    "a callback": (DECK, f"{DECK}\ntypedef void (*demucs_ort_added)(void);"),
    "a struct": (DECK, f"{DECK}\ntypedef struct demucs_ort_added {{\n  size_t struct_size;\n}} demucs_ort_added;"),
}


def changed_headers(folder: Path, change: Change) -> Path:
    """A copy of the headers with a change."""
    shutil.copytree(HEADERS, folder)
    texts = {file: file.read_text() for file in folder.rglob("c_api*.h")}
    assert sum(text.count(change[0]) for text in texts.values()) == 1, (
        f"'{change[0]}' is not there once: adapt the test"
    )
    for file, text in texts.items():
        file.write_text(text.replace(*change))
    return folder


def compiles(include: Path) -> bool:
    command = ["cc", *C11, "-I", include, "-I", GENERATED, "-fsyntax-only", CHECK]
    return subprocess.run([*map(str, command)], capture_output=True, check=False).returncode == 0


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return Path(shutil.copy(RECORD, tmp_path / "record.def"))


def recorded(kind: str = "") -> set[str]:
    """Names in the record; of a field: `struct, field`."""
    lines = (key.partition("(") for key, _ in LINE.findall(RECORD.read_text()))
    return {name for found, _, name in lines if kind in ("", found)}


def test_nothing_is_left_to_record() -> None:
    assert "complete" in freeze(HEADERS, RECORD, only_check=True)


def test_the_record_has_what_the_headers_and_the_library_have() -> None:
    """Found without the parser that made it."""
    headers = "".join(file.read_text() for file in sorted(HEADERS.rglob("c_api*.h")))

    def declared(pattern: str) -> set[str]:
        return set(re.findall(pattern, headers, re.MULTILINE))

    assert recorded("FUNCTION") == set(re.findall(r"^demucs_ort_\w+$", EXPORTED, re.MULTILINE))
    assert recorded("FUNCTION") == declared(r"^DEMUCS_ORT_\w*EXPORT [^;(]*?\b(demucs_ort_\w+)\(")
    assert recorded("STRUCT") == declared(r"^typedef struct (\w+) \{")
    assert recorded("CONSTANT") == declared(r"\b(DEMUCS_ORT_\w+) = ")
    assert recorded("TYPE") == declared(r"^typedef (?:\w+ |struct \w+ |\w+ \(\*)(\w+)(?:;|\))")
    structs = re.findall(r"^typedef struct (\w+) \{\n(.*?)^\}", headers, re.MULTILINE | re.DOTALL)
    fields = r"^  [^/\n][^;\n]*?(\w+)(?:\[\d+\])?;"
    assert recorded("FIELD") == {
        f"{struct}, {field}" for struct, body in structs for field in re.findall(fields, body, re.MULTILINE)
    }


def test_a_program_of_the_interface_links_and_runs(tmp_path: Path) -> None:
    run("cmake", "--install", ROOT / "build/release", "--prefix", tmp_path)
    packages = tmp_path / "lib/pkgconfig"
    # The component `files` has a part of the interface in a library of its own.
    wanted = ["demucs_ort_files"] if (packages / "demucs_ort_files.pc").exists() else ["--static", "demucs_ort"]
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", *wanted, PKG_CONFIG_PATH=str(packages)))
    run("cc", *C11, CHECK, "-o", tmp_path / "abi_check", *flags)
    assert run(tmp_path / "abi_check") == f"{len(recorded('FUNCTION'))} functions\n"


@pytest.mark.parametrize("change", BREAKS.values(), ids=BREAKS)
def test_a_change_neither_compiles_nor_is_recorded(change: Change, record: Path, tmp_path: Path) -> None:
    assert compiles(HEADERS)
    include = changed_headers(tmp_path / "include", change)
    assert not compiles(include)
    with pytest.raises(Refused, match=r"(is gone|is now|shrank).*; interface 1 is frozen"):
        freeze(include, record, only_check=False)
    assert record.read_text() == RECORD.read_text()


@pytest.mark.parametrize("addition", ADDS.values(), ids=ADDS)
def test_what_is_new_is_added(addition: Change, record: Path, tmp_path: Path) -> None:
    include = changed_headers(tmp_path / "include", addition)
    assert compiles(include)
    with pytest.raises(Refused, match=r"^[12] not recorded yet \(.*(added|ADDED)"):
        freeze(include, record, only_check=True)
    freeze(include, record, only_check=False)
    assert "complete" in freeze(include, record, only_check=True)
    before, after = dict(LINE.findall(RECORD.read_text())), dict(LINE.findall(record.read_text()))
    assert after.keys() > before.keys()
    grown = {key for key, value in before.items() if after[key] != value}
    assert all(key.startswith("STRUCT(") and int(after[key]) > int(before[key]) for key in grown)


def test_no_field_hides_in_padding(record: Path, tmp_path: Path) -> None:
    """A library that does not know it would not see it."""
    change = ("} demucs_ort_run_options;", "  int32_t added;\n} demucs_ort_run_options;")
    with pytest.raises(Refused, match=r"^demucs_ort_run_options\.added lies in the padding .* at byte 40 or later"):
        freeze(changed_headers(tmp_path / "include", change), record, only_check=False)


def test_an_interface_number_of_its_own_needs_a_record_of_its_own(tmp_path: Path) -> None:
    assert not compiles(changed_headers(tmp_path / "include", ("ABI_VERSION 1", "ABI_VERSION 2")))


def test_headers_that_do_not_compile_are_said(record: Path, tmp_path: Path) -> None:
    include = changed_headers(
        tmp_path / "include", ("typedef int32_t demucs_ort_status", "typedef nonsense demucs_ort_status")
    )
    with pytest.raises(Refused, match=r"the headers cannot be read: .*c_api\.h:\d+.*type"):
        freeze(include, record, only_check=False)


# What C has under another name: facts are fields of demucs_ort_model_info, and names of stems come one by one.
OTHER_NAMES = {
    "CancelToken::request": "demucs_ort_cancel_request",
    "CancelToken::requested": "demucs_ort_cancel_requested",
    "Model::info": "demucs_ort_model_get_info",
    "Model::provider": "demucs_ort_model_info, provider",
    "Model::runtime_version": "demucs_ort_model_info, runtime_version",
    "Model::max_concurrent_runs": "demucs_ort_model_info, max_concurrent_runs",
    "Model::max_batch": "demucs_ort_model_info, max_batch",
    "Model::threads": "demucs_ort_model_info, threads",
    "Model::available_providers": "demucs_ort_available_providers",
    "Model::default_threads": "demucs_ort_default_threads",
    "Separator::separate": "demucs_ort_separate",
    "Deck::state": "demucs_ort_deck_get_state",
    **{f"{owner}::stems": f"demucs_ort_{owner.lower()}_stem_name" for owner in ("Separator", "Deck", "Stream")},
}
# A caller in C has the handle of the model that it gave, passes functions of C as callbacks, and asks for tags by name.
NOT_NEEDED = {"Separator::model", "DeckPool::model", "Stream::model"}
NOT_NEEDED |= {"Song::as_read", "StemWriter::as_write", "SongInfo::tags"}


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def test_every_cpp_function_is_there_in_c() -> None:
    in_c = recorded()
    members = re.findall(r"^demucs_ort::(\w+)::(\w+)(?:\[abi:cxx11\])?\(", EXPORTED, re.MULTILINE)
    assert len(members) > 40
    missing = {
        f"{owner}::{member}"
        for owner, member in members
        if member not in (owner, "operator") and owner != "Error"
        if OTHER_NAMES.get(f"{owner}::{member}", f"demucs_ort_{snake(owner)}_{member}") not in in_c
    }
    assert missing - NOT_NEEDED == set()


def test_every_cpp_option_and_fact_is_there_in_c() -> None:
    in_c = recorded()
    headers = "".join(file.read_text() for file in sorted(HEADERS.rglob("*.hpp")))
    structs = dict(
        re.findall(
            r"^struct (\w+(?:Options|Info|State|Estimate|Layout)) \{\n(.*?)^\};", headers, re.MULTILINE | re.DOTALL
        )
    )
    assert len(structs) >= 8
    missing = {
        f"{struct}::{field}"
        for struct, body in structs.items()
        for field in re.findall(r"^  [\w:<>, ]+ (\w+)(?: = [^;]*)?;", body, re.MULTILINE)
        if f"demucs_ort_{snake(struct)}, {field}" not in in_c
    }
    assert missing - NOT_NEEDED == set()
