"""What tests need of the machine: ``@pytest.mark.needs_program("curl")`` and ``@pytest.mark.needs_cluster("node")``."""

import os
import shutil
from functools import cache

import pytest

from test.cluster.level import Level
from test.cluster.programs import missing_programs
from test.cluster.target import named

_DEBIAN = {
    "conntrack": "conntrack",
    "containerd": "containerd",
    "ctr": "containerd",
    "curl": "curl",
    "haproxy": "haproxy",
    "ip": "iproute2",
    "ipset": "ipset",
    "iptables": "iptables",
    "kubectl": "kubernetes-client",
    "nc": "netcat-openbsd",
    "nft": "nftables",
    "nginx": "nginx-light",
    "nsenter": "util-linux",
    "redis-benchmark": "redis-tools",
    "redis-cli": "redis-tools",
    "redis-server": "redis-server",
    "runc": "runc",
    "sysctl": "procps",
    "unshare": "util-linux",
}
_OTHER = {
    "go": "1.25 or newer, with which Kubernetes is built",
    "root": "who alone may make the namespaces that a cluster lives in",
}


def hint(name: str) -> str:
    """Say how to come by what is missing."""
    return _OTHER.get(name) or f"Debian: apt-get install {_DEBIAN.get(name, name)}"


def missing(item: pytest.Item) -> list[str]:
    """Return what a test needs and this machine lacks."""
    programs = {name for mark in item.iter_markers("needs_program") for name in mark.args}
    clusters = [cluster_lacks(Level(*mark.args), **mark.kwargs) for mark in item.iter_markers("needs_cluster")]
    return sorted(_without(programs).union(*clusters))


@cache
def cluster_lacks(level: Level, *, ours: bool = False) -> frozenset[str]:
    """Return what this machine lacks for a cluster of a level, see Keeper."""
    if level < Level.NODE and not ours and named() is not None:
        return frozenset()
    root = set() if os.geteuid() == 0 else {"root"}
    return frozenset(root | _without(set(level.commands)) | set(missing_programs(level.programs)))


def _without(programs: set[str]) -> set[str]:
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])  # Debian keeps servers there
    return {name for name in programs if shutil.which(name, path=search) is None}
