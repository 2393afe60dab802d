"""The API server that tests use: of a cluster made for them, or one that somebody else has named."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from test.cluster import layout
from test.cluster.cluster import Cluster
from test.cluster.health import is_healthy
from test.cluster.level import Level
from test.cluster.levels import up

KUBECONFIG = "ISOPROXY_KUBECONFIG"
"""Names a kubeconfig whose cluster is used by the tests that need no more than an API server with controllers."""

_PREFIX = "tests-"


@dataclass(frozen=True, slots=True)
class Target:
    """An API server, and what else there is of its cluster."""

    kubeconfig: Path
    cluster: Cluster | None  # None: somebody else's
    level: Level

    @property
    def etcd(self) -> str:
        """The URL of its store, "" where that cannot be reached."""
        return layout.ETCD_URL if self.cluster is not None else ""


def named() -> Path | None:
    """Return the kubeconfig of the cluster that somebody has named, if so."""
    path = os.environ.get(KUBECONFIG)
    return Path(path) if path else None


class Keeper:
    """Has at most one cluster at a time: the one that the tests use at present."""

    def __init__(self) -> None:
        self._cluster: Cluster | None = None
        self._level = Level.API

    @contextmanager
    def joined(self, level: Level, *, ours: bool = False) -> Iterator[Target]:
        """Have this thread, and what it starts, in the network of a cluster of at least this level.

        One that is ``ours`` is none that somebody has named: its parts can be stopped and started.
        """
        if level < Level.NODE and not ours and (path := named()) is not None:
            yield Target(path, None, Level.CONTROL)
            return
        cluster = self._at_least(level)
        with cluster.joined():
            yield Target(cluster.files.kubeconfig(), cluster, self._level)

    def _at_least(self, level: Level) -> Cluster:
        if self._cluster is not None and (self._level < level or not _answers(self._cluster)):
            self.end()
        if self._cluster is None:
            remove_orphans()
            self._cluster, self._level = up(f"{_PREFIX}{os.getpid()}", level, owned=True), level
        return self._cluster

    def end(self) -> None:
        """End the cluster."""
        if self._cluster is not None:
            self._cluster.down()
            self._cluster = None


def _answers(cluster: Cluster) -> bool:
    """Whether the API server works: a test that stopped it may have failed to start it again."""
    with cluster.joined():
        return is_healthy(f"{layout.API_URL}/readyz")


def remove_orphans() -> None:
    """Remove what is left of the clusters of test runs that were killed; those that run have their own."""
    for name in Cluster.names():
        owner = name.removeprefix(_PREFIX)
        if owner != name and not Path(f"/proc/{owner}").exists() and (orphan := Cluster.find(name)) is not None:
            orphan.down()
