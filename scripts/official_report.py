"""The report of `make official`: Markdown that fits into an issue, and what in it failed."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ISSUES = "https://github.com/demucs-ort/demucs-ort/issues/new/choose"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Song:
    name: str
    known: bool
    """Whether it is the synthesised one of the checkout."""
    seconds: float
    sha256: str
    """Of the samples that both programs heard, as a WAV file."""


@dataclass(frozen=True)
class Facts:
    """All that was found out."""

    system: Mapping[str, Any]
    commit: str
    weights: Mapping[str, Mapping[str, Any]]
    """By model: its digest and files, or the error."""
    exports: Rows
    """By model and precision: the exporter's record, or the error."""
    song: Song
    separated: Mapping[str, Mapping[str, Any]]
    """By model: times of stock demucs and of every precision, and differences of the stems."""
    judged: Rows
    """By export: the table of MUSDB18-HQ, or the error."""
    limit: int | None
    rounds: int
    seconds: float


def text(facts: Facts) -> str:
    failed = failures(facts)
    passed = sum("error" not in row for row in facts.exports)
    head = [
        "# Official weights",
        f"{passed} of {len(facts.exports)} exports were verified. "
        + (f"**{len(failed)} failed:**" if failed else "Nothing failed."),
        *(["\n".join(f"- {_plain(failure)}" for failure in failed)] if failed else []),
    ]
    parts = [*head, *_machine(facts), *_weights(facts), *_exports(facts), *_song(facts), *_judged(facts)]
    return "\n\n".join([*parts, *_hashes(facts)])


def failures(facts: Facts) -> list[str]:
    """A sentence for everything that is not as it should be."""
    found = [f"{row['model']} {row['precision']}: {row['error']}" for row in facts.exports if "error" in row]
    for model, separated in facts.separated.items():
        runs = {"stock demucs": separated["stock"], **separated["ours"]}
        found += [f"{model}, {name} on the song: {run['error']}"
                  for name, rows in runs.items() for run in rows if run["status"] != "ok"]  # fmt: skip
        for precision, stems in separated["stems"].items():
            if isinstance(stems, str):
                found.append(f"{model} {precision} on the song: {stems}")
            else:
                found += [f"{model} {precision} on the song: {row['stem']} differs from stock demucs by more than "
                          "is allowed" for row in stems if not row["passed"]]  # fmt: skip
    return found + [f"{row['name']} on MUSDB18-HQ: {row['error']}" for row in facts.judged if "error" in row]


def _machine(facts: Facts) -> Iterator[str]:
    system, packages = facts.system, facts.system["packages"]
    ours = [run for separated in facts.separated.values() for rows in separated["ours"].values() for run in rows]
    threads = {f"{run['threads']}" for run in ours if run["status"] == "ok"}
    runtimes = {run["onnxruntime_version"] for run in ours if run["status"] == "ok"}
    rows = {
        "commit": facts.commit,
        "date": system["time"],
        "processor": system["processor"],
        "cores": f"{system['physical_cores']} physical, {system['logical_cores']} logical; "
        f"demucs_ort_cli used {' or '.join(sorted(threads)) or 'no'} threads, demucs its default",
        "memory": f"{system['memory_bytes'] / 1e9:.1f} GB",
        "system": system["system"],
        "Python": system["python"],
        "packages": ", ".join(f"{name} {version}" for name, version in packages.items()),
        "ONNX Runtime of demucs_ort_cli": " or ".join(sorted(runtimes)) or "not run",
        "time of all this": f"{facts.seconds / 60:.0f} min",
    }
    yield "## Machine and versions"
    yield _table(["fact", "value"], rows.items())


def _weights(facts: Facts) -> Iterator[str]:
    rows = []
    for model, found in facts.weights.items():
        if "error" in found:
            rows.append([model, f"FAILED: {found['error']}", "", "", "", ""])
        for file in found.get("files", ()):
            stated = f"same first {len(file['published'])} digits" if file["published"] else "none known"
            size = f"{file['bytes'] / 1e6:.1f}"
            rows.append([model, file["name"], file["origin"], size, f"`{file['sha256']}`", stated])
    yield "## Weights, as demucs downloaded them"
    yield _table(["model", "file", "from", "MB", "SHA-256", "publisher's SHA-256"], rows)


def _exports(facts: Facts) -> Iterator[str]:
    yield "## Exports"
    yield (
        "*demucs-export compared each file with unpatched PyTorch, and kept it only if every stem passed. SNR is the "
        "lowest, the difference the largest, over all files, stems and signals. The least of `int8` holds for music; "
        "for noise and the like it is 15 dB.*"
    )
    head = ["model", "precision", "result", "MB to load", "MB in all", "SNR, dB", "at least", "difference", "time"]
    yield _table(head, [_export(row) for row in facts.exports])


def _export(row: Mapping[str, Any]) -> list[str]:
    if "error" in row:
        return [row["model"], row["precision"], f"FAILED: {row['error']}", "", "", "", "", "", ""]
    record = row["record"]
    measured = [stem for stems in record["measured"].values() for stem in stems.values()]
    snrs = [stem["snr_db"] for stem in measured if stem["snr_db"] is not None]
    sizes = {name: facts["bytes"] / 1e6 for name, facts in record["files"].items()}
    return [
        row["model"],
        row["precision"],
        "verified" if row["seconds"] is not None else "verified before, kept",
        f"{sum(sizes.get(name, 0) for name in row['load']):.1f}",
        f"{sum(sizes.values()):.1f}",
        f"{min(snrs):.1f}" if snrs else "silent",
        f"{record['tolerance']['snr_db']:.0f}",
        f"{max(stem['max_abs'] for stem in measured):.1e}",
        f"{row['seconds']:.0f} s" if row["seconds"] is not None else "",
    ]


def _song(facts: Facts) -> Iterator[str]:
    song = facts.song
    yield "## One whole song"
    if song.known:
        what = (
            "the synthesised song of the checkout, since none was given. These weights were trained on real music, so "
            "this compares arithmetic and speed, and says nothing about how well they separate"
        )
    else:
        what = f"`{Path(song.name).name}`, a song that was given"
    yield (
        f"*{song.seconds:.1f} s: {what}. Decoded once to float at 44.1 kHz (SHA-256 `{song.sha256}`), then separated "
        f"by unpatched demucs {facts.system['packages']['demucs']} (`python -m demucs.separate --shifts 0 --float32 "
        "--clip-mode none`) and by `demucs_ort_cli`, on the processor.*"
    )
    rows = [row for model, found in facts.separated.items() for row in _stems(model, found["stems"])]
    yield _table(["model", "precision", "stem", "peak", "largest difference", "SNR, dB", "allowed"], rows)
    yield (
        "*Whole commands, from start to end, each alone in a process of its own, in turns: medians and spread of "
        f"{facts.rounds} rounds. A wide spread tells of other work on the machine. Files for GPUs ran "
        "once, on the processor, to be compared: their times say nothing of a GPU.*"
    )
    rows = [row for model, found in facts.separated.items() for row in _times(model, found)]
    yield _table(["model", "program", "s", "least to greatest", "demucs / this", "peak memory, MB", "runs"], rows)


def _stems(model: str, precisions: Mapping[str, Any]) -> Iterator[list[str]]:
    for precision, stems in precisions.items():
        if isinstance(stems, str):
            yield [model, precision, f"FAILED: {stems}", "", "", "", ""]
            continue
        for row in stems:
            snr = f"{row['snr_db']:.1f}" if math.isfinite(row["snr_db"]) else "silent or equal"
            verdict = "yes" if row["passed"] else "**no**"
            yield [model, precision, row["stem"], f"{row['peak']:.3f}", f"{row['max_abs']:.1e}", snr, verdict]


def _times(model: str, found: Mapping[str, Any]) -> Iterator[list[str]]:
    stock = _median(found["stock"], "seconds")
    for name, runs in {"stock demucs": found["stock"], **found["ours"]}.items():
        seconds, memory = _median(runs, "seconds"), _median(runs, "peak_memory_bytes")
        if seconds is None or memory is None:
            yield [model, name, f"FAILED: {runs[0]['error']}", "", "", "", ""]
            continue
        ratio = "" if stock is None else f"{stock / seconds:.2f}"
        good = [run["seconds"] for run in runs if run["status"] == "ok"]
        spread = f"{min(good):.2f} to {max(good):.2f}"
        yield [model, name, f"{seconds:.2f}", spread, ratio, f"{memory / 1e6:.0f}", str(len(good))]


def _median(runs: Rows, key: str) -> float | None:
    values = [run[key] for run in runs if run["status"] == "ok"]
    return statistics.median(values) if values else None


def _judged(facts: Facts) -> Iterator[str]:
    if not facts.judged:
        return
    yield "## MUSDB18-HQ"
    songs = "the whole test set" if facts.limit is None else f"the first {facts.limit} songs of the test set"
    yield f"*SI-SDR by `demucs_bench quality` on {songs}; every stem of a song counts as one.*"
    for row in facts.judged:
        yield f"### {row['name']}"
        if "error" in row:
            yield f"FAILED: {_plain(row['error'])}"
        if "table" in row:
            yield str(row["table"]).strip()


def _hashes(facts: Facts) -> Iterator[str]:
    lines = [f"{file['sha256']}  {file['name']}" for found in facts.weights.values() for file in found.get("files", ())]
    for row in facts.exports:
        lines += [f"{known['sha256']}  {name}" for name, known in row.get("record", {}).get("files", {}).items()]
        lines += [f"{row['record_sha256']}  {row['load'][0]}"] if row.get("load", [""])[0].endswith(".json") else []
    digests = [f"{found['weights_sha256']}  {model}" for model, found in facts.weights.items() if "error" not in found]
    yield (
        "<details><summary>SHA-256 of the files, and of the weights as the files state them</summary>\n\n```\n"
        + "\n".join([*lines, "", *digests])
        + "\n```\n\n</details>"
    )


def _table(head: Sequence[str], rows: Any) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(cell: str) -> str:
    """One line, without what would end a cell, and without the name of who ran this."""
    return " ".join(str(cell).replace(str(Path.home()), "~").split()).replace("|", "\\|")
