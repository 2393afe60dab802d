"""What tests need of the machine: ``@pytest.mark.needs_program("curl")`` and ``@pytest.mark.needs_cluster("node")``."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache

import pytest

from test.cluster.gotool import go_is_new_enough, oldest_go
from test.cluster.level import Level
from test.cluster.programs import RECIPES, modules_of, obtainable
from test.cluster.target import named

_DEBIAN = {
    "apt-get": "apt",
    "buildah": "buildah",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "ctr": "containerd",
    "curl": "curl",
    "dpkg-deb": "dpkg",
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
    "tar": "tar",
    "unshare": "util-linux",
}
_OTHER = {
    "go": f"{oldest_go()} or newer, with which Kubernetes is built",
    "namespaces": "of the kernel's, in which a cluster lives: root may make them, but not in every container",
}
_NAMESPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--mount-proc")


def must_run_all() -> bool:
    """Whether what is missing is a failure, and nothing may be left out."""
    return any(os.environ.get(name, "") not in ("", "0", "false") for name in ("CI", "ISOPROXY_REQUIRE_ALL"))


def hint(name: str) -> str:
    """Say how to come by what is missing."""
    return _OTHER.get(name) or f"Debian: apt-get install {_DEBIAN.get(name, name)}"


def missing(item: pytest.Item) -> list[str]:
    """Return what a test needs and this machine lacks."""
    programs = {name for mark in item.iter_markers("needs_program") for name in mark.args}
    clusters = [cluster_lacks(Level(*mark.args), **mark.kwargs) for mark in item.iter_markers("needs_cluster")]
    return sorted(_without(programs).union(*clusters))


def modules(items: Iterable[pytest.Item]) -> set[str]:
    """Return the Go modules whose programs the tests use; a test that asks for Go itself may want any of them."""
    if any("go" in mark.args for item in items for mark in item.iter_markers("needs_program")):
        return set(RECIPES)
    return modules_of(name for level in levels(items) for name in level.programs)


def dockerfile(items: Iterable[pytest.Item]) -> bool:
    """Whether tests look at what an engine makes of the Dockerfile."""
    return any("buildah" in mark.args for item in items for mark in item.iter_markers("needs_program"))


def levels(items: Iterable[pytest.Item]) -> set[Level]:
    """Return the levels of the clusters that are made for the tests."""
    marks = [mark for item in items for mark in item.iter_markers("needs_cluster")]
    return {Level(*mark.args) for mark in marks if not _is_given(Level(*mark.args), **mark.kwargs)}


@cache
def cluster_lacks(level: Level, *, ours: bool = False) -> frozenset[str]:
    """Return what this machine lacks for a cluster of a level, see Keeper."""
    if _is_given(level, ours=ours):
        return frozenset()
    namespaces = set() if _can_make_namespaces() else {"namespaces"}
    go = set() if obtainable(level.programs) else {"go"}
    return frozenset(namespaces | go | _without(set(level.commands)))


def _is_given(level: Level, *, ours: bool = False) -> bool:
    return level < Level.NODE and not ours and named() is not None


@cache
def _can_make_namespaces() -> bool:
    try:
        return subprocess.run(["unshare", *_NAMESPACES, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _without(programs: set[str]) -> set[str]:
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])  # Debian keeps servers there
    missing = {name for name in programs if shutil.which(name, path=search) is None}
    return missing if go_is_new_enough() else missing | programs & {"go"}
