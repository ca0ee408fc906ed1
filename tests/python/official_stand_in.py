"""A stand-in for where demucs gets the official weights: the same names and layout, small seeded weights.

The hub has htdemucs and htdemucs_ft, as `demucs.hf` asks for them. It has no htdemucs_6s, which so comes from the older
address, where the first digits of a checkpoint's SHA-256 are in its name.
"""

import hashlib
import http.server
import io
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import demucs_export
import torch
import yaml
from demucs.hf import hf_repo_name
from demucs.htdemucs import HTDemucs
from demucs.pretrained import REMOTE_ROOT
from test_weights import package, save_hub

SMALL = {"channels": 4, "depth": 2, "dconv_mode": 0, "bottom_channels": 8, "t_layers": 1, "segment": 0.3}
MEMBER = {**SMALL, "depth": 1, "bottom_channels": 0, "t_layers": 0}
"""Of the bag: the export of four is most of what a test waits for."""
SIX = ["drums", "bass", "other", "vocals", "guitar", "piano"]
REVISION = "5ca1ab1e" * 5

# Every Python that a test starts has it first on its path. There is no setting for the older address.
SITECUSTOMIZE = """
import importlib.abc, importlib.util, os, pathlib, sys

class Elsewhere(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "demucs.pretrained":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            module.ROOT_URL = os.environ["STAND_IN_URL"] + "/"
            module.REMOTE_ROOT = pathlib.Path(__file__).with_name("remote")
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Elsewhere())
"""


@dataclass
class StandIn:
    """What is served, by path, and how programs find it."""

    folder: Path
    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    models: dict[str, HTDemucs] = field(default_factory=dict)
    """By signature."""

    @property
    def caches(self) -> Path:
        return self.folder / "caches"

    @property
    def environment(self) -> dict[str, str]:
        """For programs: no other address is asked."""
        return os.environ | {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self.caches / "hub"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "TORCH_HOME": str(self.caches / "torch"),
            "PYTHONPATH": str(self.folder),
            "STAND_IN_URL": self.url,
        }

    def forget(self) -> None:
        """Empties the caches of the programs."""
        shutil.rmtree(self.caches, ignore_errors=True)

    def path_of(self, signature: str) -> str:
        """Where the weights of a signature are served."""
        (path,) = (path for path in self.files if Path(path).name.startswith((f"{signature}.", f"{signature}-")))
        return path


@contextmanager
def serving(folder: Path) -> Iterator[StandIn]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in = StandIn(folder, f"http://127.0.0.1:{server.server_address[1]}")
    server.files = stand_in.files  # type: ignore[attr-defined]
    _fill(stand_in)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _fill(stand_in: StandIn) -> None:
    remote = stand_in.folder / "remote"
    remote.mkdir(parents=True)
    (stand_in.folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    for name in ("htdemucs", "htdemucs_ft", "htdemucs_6s"):
        text = (REMOTE_ROOT / f"{name}.yaml").read_text()
        (remote / f"{name}.yaml").write_text(text)
        signatures = yaml.safe_load(text)["models"]
        config = {**(MEMBER if len(signatures) > 1 else SMALL), **({"sources": SIX} if name.endswith("6s") else {})}
        for signature in signatures:
            model = demucs_export.untrained(len(stand_in.models), config)
            stand_in.models[signature] = model
            if name.endswith("6s"):
                file, content = _checkpoint(signature, model)
                (remote / "files.txt").write_text(f"root: hybrid_transformer/\n{file}\n")
                stand_in.files[f"/hybrid_transformer/{file}"] = content
            else:
                on_hub = f"/adefossez/{hf_repo_name(name)}/resolve/main"
                stand_in.files[f"{on_hub}/{name}.yaml"] = text.encode()
                content = save_hub(model, stand_in.folder / "weights").read_bytes()
                stand_in.files[f"{on_hub}/{signature}.safetensors"] = content


def _checkpoint(signature: str, model: HTDemucs) -> tuple[str, bytes]:
    """Name and content of a file of the older address."""
    content = io.BytesIO()
    torch.save(package(model), content)
    return f"{signature}-{hashlib.sha256(content.getvalue()).hexdigest()[:8]}.th", content.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    """Says what the hub's client needs to hear."""

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def _answer(self, with_content: bool) -> None:
        content = self.server.files.get(self.path)  # type: ignore[attr-defined]
        self.send_response(404 if content is None else 200)
        if content is None:
            self.send_header("X-Error-Code", "RepoNotFound")
        else:
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", REVISION)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if content is not None and with_content:
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass
