"""Who is whose child, from /proc."""

import os
from collections.abc import Iterator
from contextlib import suppress

_LISTED = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # the kernel has CONFIG_PROC_CHILDREN


def children(pid: int) -> list[int]:
    """The direct children of a process, zombies included; none if it is gone."""
    if not _LISTED:
        return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and _parent(entry) == pid]
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as listing:
                found += map(int, listing.read().split())
        except OSError:
            continue  # this thread is gone, or is not ours to look into
    return found


def descendants(pid: int) -> Iterator[int]:
    """A process, and all that it started which have not left it."""
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += children(one)


def sockets(pid: int) -> set[int] | None:
    """The inodes of the sockets that a process and its descendants hold; None if any does not let us look."""
    found: set[int] = set()
    for process in descendants(pid):
        try:
            descriptors = os.listdir(f"/proc/{process}/fd")
        except FileNotFoundError:
            continue
        except PermissionError:
            return None
        for descriptor in descriptors:
            with suppress(FileNotFoundError):
                link = os.readlink(f"/proc/{process}/fd/{descriptor}")
                if link.startswith("socket:["):
                    found.add(int(link[8:-1]))
    return found


def _parent(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # pid (name, which may hold anything) state parent ...
            return int(stat.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return None
