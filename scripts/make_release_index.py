"""Writes what pins a release: FOLDER/released_models.json, which demucs-models is shipped with, and FOLDER/SHA256SUMS.

The models are those whose records (NAME.json) demucs-export wrote into the folder. Of a model the index names only what
programs load: NAME.onnx, or of a bag NAME.json and its members' .onnx files. SHA256SUMS has every file. Nothing is
written and the exit code is 1 if a file is missing, is not as recorded, or has a name that release pages change.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

INDEX = "released_models.json"
SUMS = "SHA256SUMS"
Facts = dict[str, int | str]


def read_record(file: Path) -> dict[str, Any]:
    """What demucs-export wrote beside an export."""
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return record


def files_to_load(record_file: Path) -> list[str]:
    """What programs need of a model; the first of them is the file to give to them."""
    record = read_record(record_file)
    if "members" in record:
        return [record_file.name, *(member["onnx"] for member in record["members"])]
    return [f"{record_file.stem}.onnx"]


def facts_of(file: Path) -> Facts:
    content = file.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def index_of(folder: Path, base_url: str) -> tuple[dict[str, Any], dict[str, Facts]]:
    """The index, and the facts of every file; raises ValueError."""
    files = sorted(file for file in folder.iterdir() if file.name not in (INDEX, SUMS))
    odd = [file.name for file in files if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", file.name)]
    if odd:
        raise ValueError(f"release pages change these names: {', '.join(odd)}")
    facts = {file.name: facts_of(file) for file in files}
    models = {}
    for record_file in (file for file in files if file.suffix == ".json"):
        for name, recorded in read_record(record_file)["files"].items():
            if facts.get(name) != recorded:
                raise ValueError(f"{name} is missing, or not what {record_file.name} records")
        load, *others = files_to_load(record_file)
        models[record_file.stem] = {"load": load, "files": {name: facts[name] for name in (load, *others)}}
    if not models:
        raise ValueError("there are no records of demucs-export")
    return {"base_url": base_url, "models": models}, facts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what demucs-export wrote into")
    parser.add_argument("--base-url", required=True, metavar="URL", help="where the files will lie")
    options = parser.parse_args()
    try:
        index, facts = index_of(options.folder, options.base_url)
    except (OSError, ValueError, KeyError) as error:
        print(f"make_release_index: {options.folder}: {error}", file=sys.stderr)
        return 1
    (options.folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    facts[INDEX] = facts_of(options.folder / INDEX)
    sums = "".join(f"{facts[name]['sha256']}  {name}\n" for name in sorted(facts))
    (options.folder / SUMS).write_text(sums, encoding="utf-8", newline="\n")
    for name, model in index["models"].items():
        print(f"{name:24} {sum(file['bytes'] for file in model['files'].values()) / 1e6:8.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
