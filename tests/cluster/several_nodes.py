"""A Ray cluster of several nodes on the loopback, which tests may break."""

import time
from collections.abc import Callable

import psutil
from ray.cluster_utils import Cluster


class Nodes:
    """A head without CPUs, where the driver runs, and two nodes with one CPU each."""

    def __init__(self) -> None:
        self.limits = {"object_store_memory": 80_000_000, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **self.limits})
        self.workers = [self.add() for _ in range(2)]

    def add(self) -> object:
        for last in (False, False, True):
            try:
                return self.cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
            except Exception:  # Ray gives a node 30 s to start, which is not enough on a busy machine
                if last:
                    raise
        return None

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def kill_one(self) -> None:
        """A node dies as by a power cut, with all that runs on it."""
        self.cluster.remove_node(self.workers.pop(0), allow_graceful=False)

    def actors(self) -> list[psutil.Process]:
        """The processes of actors that separate, on all nodes."""
        ours = psutil.Process().children(recursive=True)
        return [process for process in ours if "MapWorker" in title(process)]


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def wait_for(what: Callable[[], object], seconds: float = 240) -> None:
    """Until something is so, which a broken cluster may never be."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)
