"""The control group below which the kubelet puts all pods of a cluster: made before, removed after it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def make_cgroup(name: str) -> None:
    """Make a control group in each hierarchy there is; ``name`` begins with a slash."""
    for root in _hierarchies():
        Path(f"{root}{name}").mkdir(exist_ok=True)


def remove_cgroup(name: str) -> None:
    """Remove a control group and all below it, in each hierarchy; no process may be left in them."""
    for root in _hierarchies():
        for folder, _, _ in os.walk(f"{root}{name}", topdown=False):
            with suppress(FileNotFoundError):
                os.rmdir(folder)


def _hierarchies() -> Iterator[str]:
    """Yield where each hierarchy is mounted, by version 1 or 2."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind in ("cgroup", "cgroup2"):
            yield place
