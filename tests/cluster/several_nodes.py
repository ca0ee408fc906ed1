"""A Ray cluster of several nodes on the loopback, which tests may break."""

import time
from collections.abc import Callable

import psutil
from ray.cluster_utils import Cluster


class Nodes:
    """A head without CPUs, where the driver runs, and two nodes with one CPU each."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.add(num_cpus=0, include_dashboard=False)
        self.workers = [self.add(), self.add()]

    def add(self, **arguments: object) -> object:
        limits = {"num_cpus": 1, "object_store_memory": 80_000_000, **arguments}
        for tries_left in (2, 1, 0):
            try:
                return self.cluster.add_node(**limits)
            except Exception:  # Ray gives a node 30 s to start, which is not enough on a busy machine
                if tries_left == 0:
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
    for _ in range(round(seconds / 0.05)):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")
