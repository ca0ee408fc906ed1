"""The plug-in in LV2 hosts that process files, against a stream that was given the same song."""

import os
import platform
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import demucs_native
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from support import ROOT, decode, write_wav

PLUGINS = Path(os.environ.get("DEMUCS_ORT_PLUGINS", ROOT / "build/release/plugins"))
# Of LV2 itself; newer packages have them in the folder of the architecture.
SPECIFICATIONS = [
    file for folder in ("lv2", "*/lv2") for file in sorted(Path("/usr/lib").glob(f"{folder}/*.lv2/*.ttl"))
]
STEMS = ["drums", "bass", "other", "vocals"]
RATE = 44_100
SECONDS = 4
Audio = NDArray[np.float32]


class Variant(NamedTuple):
    """One of the two plug-ins."""

    folder: str
    uri: str
    outputs: list[str]


URI = "https://github.com/demucs-ort/demucs-ort/plugin/"
MIXED = Variant("demucs_stems.lv2", URI + "stems", ["lv2_audio_out_1", "lv2_audio_out_2"])
MULTI_OUT = Variant(
    "demucs_stems_multi_out.lv2",
    URI + "multi-out",
    [f"lv2_{stem}_{side}" for stem in STEMS for side in ("left", "right")],
)
BOTH = pytest.mark.parametrize("variant", [MIXED, MULTI_OUT], ids=["stems", "multi-out"])

# What the two bundles use of the vocabularies of MOD and KXStudio, which publish no schema.
FOREIGN_WORDS = """
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
<http://moddevices.com/ns/mod#brand> a rdf:Property ; rdfs:label "brand" .
<http://moddevices.com/ns/mod#label> a rdf:Property ; rdfs:label "label" .
<http://kxstudio.sf.net/ns/lv2ext/props#NonAutomatable> a lv2:PortProperty ; rdfs:label "not automatable" .
"""


def run(*command: object, lv2_path: Path | str = PLUGINS / "lv2") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(argument) for argument in command],
        env={**os.environ, "LV2_PATH": str(lv2_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def succeed(*command: object) -> str:
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def mix() -> Audio:
    return decode(ROOT / "demo_model/song/mixture.ogg")[:, : SECONDS * RATE]


@pytest.fixture(scope="module")
def song(mix: Audio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("hosts") / "song.wav", mix)


class Reference(NamedTuple):
    """What a stream with the plug-in's options makes of a mix."""

    latency: int
    stems: dict[str, Audio]


def reference(mix: Audio, rate: int, hop: float, compute_time: float) -> Reference:
    with demucs_native.Stream(
        demucs_native.Model(ROOT / "demo_model/htdemucs_demo.onnx"),
        hop=hop,
        compute_time=compute_time,
        lookahead=0.25,
        crossfade=0.05,
        stems=STEMS,
        residual_to="other",
        underrun="mix",
        sample_rate=rate,
    ) as stream:
        return Reference(stream.latency_frames, stream.render(mix))


def late(mix: Audio, latency: int) -> Audio:
    return np.pad(mix, ((0, 0), (latency, 0)))[:, : mix.shape[1]]


@pytest.fixture(scope="module")
def live(mix: Audio) -> Reference:
    return reference(mix, RATE, hop=0.5, compute_time=0.5)


def sound(file: Path, expected_rate: int = RATE) -> Audio:
    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    assert rate == expected_rate
    return np.ascontiguousarray(samples.T)


def ffmpeg(source: Path, made: Path, variant: Variant, **controls: int) -> Path:
    """Filters a file with FFmpeg, which knows no latency, so that it stays in the result."""
    uri = variant.uri.replace(":", r"\\:")
    values = "|".join(f"{symbol}={value}" for symbol, value in controls.items())
    succeed("ffmpeg", "-v", "error", "-y", "-i", source, "-af", f"lv2=p={uri}:c={values}", "-c:a", "pcm_f32le", made)
    return made


# ---------------------------------------------------------------------------------------------------- what it says


@BOTH
def test_descriptions_are_valid(variant: Variant, tmp_path: Path) -> None:
    words = tmp_path / "words.ttl"
    words.write_text(FOREIGN_WORDS)
    files = sorted((PLUGINS / "lv2" / variant.folder).glob("*.ttl"))
    assert len(files) >= 2
    done = run("sord_validate", *SPECIFICATIONS, words, *files)
    # It counts what it checked, so that schemas that were not found are no success.
    checked = re.search(r"Found 0 errors among (\d+) files \(checked (\d+) restrictions\)", done.stdout + done.stderr)
    assert checked, done.stdout + done.stderr
    assert int(checked[2]) > 1000


def test_hosts_list_both() -> None:
    assert succeed("lv2ls").split() == sorted([MULTI_OUT.uri, MIXED.uri])


def described_ports(text: str) -> dict[str, str]:
    """What lv2info says of each port, by symbol."""
    parts = re.split(r"\n\tPort \d+:\n", text)[1:]
    return {re.search(r"Symbol:\s+(\S+)", part)[1]: part for part in parts}  # type: ignore[index]


@BOTH
def test_hosts_read_ports_and_features(variant: Variant) -> None:
    text = succeed("lv2info", variant.uri)
    ports = described_ports(text)
    audio = [symbol for symbol, port in ports.items() if "lv2core#AudioPort" in port]
    assert audio == ["lv2_audio_in_1", "lv2_audio_in_2", *variant.outputs]
    assert re.search(r"Has latency:\s+yes, reported by port", text)
    assert "lv2core#latency" in ports["lv2_latency"]
    assert "lv2core#freeWheeling" in ports["wait"]
    assert [symbol for symbol, port in ports.items() if "freeWheeling" in port] == ["wait"]
    assert not re.search(r"Required Features:\s*\S+\n", text.replace("Optional Features", "\nOptional Features"))
    described = "".join(file.read_text() for file in (PLUGINS / "lv2" / variant.folder).glob("*.ttl"))
    assert f"patch:writable <{variant.uri}#model>" in described
    for symbol in ("lv2_events_in", "lv2_events_out"):
        assert "lv2core#connectionOptional" in ports[symbol]
    faders = {f"{stem}_{kind}" for stem in STEMS for kind in ("level", "mute", "solo")}
    assert faders & ports.keys() == (faders if variant is MIXED else set())
    assert {"latency", "state", "underruns", "load"} <= ports.keys()


@BOTH
def test_lv2bench_runs_it(variant: Variant) -> None:
    seconds, uri = succeed("lv2bench", "-n", 44_100, variant.uri).split()
    assert uri == variant.uri
    assert float(seconds) > 0


# ------------------------------------------------------------------------------------------------- what it delivers


@BOTH
def test_lv2apply_gives_the_stems(variant: Variant, song: Path, live: Reference, tmp_path: Path) -> None:
    made = tmp_path / "out.wav"
    solo = ["-c", "vocals_solo", 1] if variant is MIXED else []
    succeed("lv2apply", "-i", song, "-o", made, "-c", "wait", 1, *solo, variant.uri)
    stems = [live.stems["vocals"]] if variant is MIXED else [live.stems[stem] for stem in STEMS]
    np.testing.assert_array_equal(sound(made), np.concatenate(stems))


@pytest.mark.skipif(
    platform.freedesktop_os_release().get("VERSION_CODENAME") != "bookworm",
    reason="lv2file 0.95 of Debian 13 and Ubuntu 24.04 gives plug-ins a feature whose name is at the address 1",
)
def test_lv2file_gives_eight_channels(song: Path, live: Reference, tmp_path: Path) -> None:
    made = tmp_path / "out.wav"
    succeed("lv2file", "-i", song, "-o", made, "-b", 441, "-p", "wait:1", MULTI_OUT.uri)
    np.testing.assert_array_equal(sound(made), np.concatenate([live.stems[stem] for stem in STEMS]))


def test_ffmpeg_gives_one_stem(song: Path, live: Reference, tmp_path: Path) -> None:
    made = ffmpeg(song, tmp_path / "out.wav", MIXED, wait=1, vocals_solo=1)
    np.testing.assert_array_equal(sound(made), live.stems["vocals"])


def test_ffmpeg_gives_eight_channels_at_another_rate_and_the_safe_latency(tmp_path: Path) -> None:
    mix = decode(ROOT / "demo_model/song/mixture.ogg", "-ar", "48000")[:, : SECONDS * 48_000]
    safe = reference(mix, 48_000, hop=1, compute_time=1.2)
    source = write_wav(tmp_path / "song.wav", mix, 48_000)
    stems = sound(ffmpeg(source, tmp_path / "out.wav", MULTI_OUT, wait=1, latency=1), 48_000)
    np.testing.assert_array_equal(stems, np.concatenate([safe.stems[stem] for stem in STEMS]))
    together = sum(stems[2 * k : 2 * k + 2] for k in range(4))
    np.testing.assert_allclose(together, late(mix, safe.latency), atol=1e-6, rtol=0)


@pytest.mark.parametrize("wait", [0, 1], ids=["live", "waiting"])
def test_ffmpeg_gives_the_late_mix_with_all_faders_up(wait: int, song: Path, mix: Audio, tmp_path: Path) -> None:
    """Without waiting FFmpeg is faster than any model: then it is the mix because stems are missing."""
    latency = demucs_native.Stream.latency_of(hop=0.5, lookahead=0.25, crossfade=0.05, compute_time=0.5)
    made = sound(ffmpeg(song, tmp_path / "out.wav", MIXED, wait=wait))
    np.testing.assert_allclose(made, late(mix, latency), atol=1e-6, rtol=0)
