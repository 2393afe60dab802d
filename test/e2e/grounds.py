"""What the same tests stand on: the embedded API server, or a real cluster. Each offers the same machines."""

from pathlib import Path
from typing import Protocol

from test.cluster import cluster
from test.cluster.target import Target
from test.e2e.oncluster import Node, OnNode
from test.running.harness import Cluster, Local

Machine = Local | Cluster | Node
"""An API server, and what runs the pods."""

Whole = Local | OnNode
"""The same with operator and proxies."""


class Ground(Protocol):
    """Where services run."""

    @property
    def crowd(self) -> int:
        """How many connections keep it busy for some seconds."""

    def machine(self, *manifests: Path) -> Machine:
        """Return an API server and what runs the pods of the services in ``manifests``, and nothing else."""

    def whole(self, *manifests: Path) -> Whole:
        """Return the same with operator and proxies."""


class Embedded:
    """Each machine has an API server of its own."""

    crowd = 500

    def machine(self, *manifests: Path) -> Local:
        return Local("--role=none", *manifests)

    def whole(self, *manifests: Path) -> Local:
        return Local(*manifests)


class Real:
    """All machines are nodes of one cluster, whose scheduler binds the pods and whose controllers clean up."""

    crowd = 100  # a pod costs more there, in writes and in others who look on

    def __init__(self, target: Target) -> None:
        """The cluster is one that was prepared."""
        self.target = target

    @property
    def parts(self) -> cluster.Cluster:
        """The cluster's parts, to be stopped and started; it must be ours."""
        assert self.target.cluster is not None
        return self.target.cluster

    def machine(self, *manifests: Path) -> Node:
        return Node(self.target.kubeconfig, *manifests)

    def whole(self, *manifests: Path) -> OnNode:
        return OnNode(self.target.kubeconfig, *manifests)
