"""The folders that pods live in: made by one runtime, removed by it, or by the next if it could not."""

import fcntl
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from isoproxy.local.runtime.supervisor.removal import remove

_PREFIX = "r"


class Folder(NamedTuple):
    """A folder that is ours as long as `lock`, a descriptor, is open here or in a child."""

    path: str
    lock: int


class NotOurs(Exception):
    """The folder that should hold ours belongs to somebody else, or is open to others."""


def prepare(base: str) -> None:
    """Make sure that the folder exists and is this user's alone. Raises NotOurs, OSError."""
    with suppress(FileExistsError):
        os.makedirs(base, mode=0o700)
    status = os.lstat(base)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise NotOurs(f"{base} is not a folder of this user alone (mode 0700)")
    os.chmod(base, 0o700)  # a program may have shut us out


def claim(base: str) -> Folder:
    """Make a new folder in `base`. Raises OSError."""
    # Short, because paths of sockets in it may have no more than 107 bytes.
    unlocked = os.path.join(base, f".{os.getpid()}")
    os.mkdir(unlocked, 0o700)
    lock = _lock(unlocked)
    assert lock is not None
    path = os.path.join(base, f"{_PREFIX}{os.urandom(4).hex()}")
    os.rename(unlocked, path)
    return Folder(path, lock)


def clear_leftovers(base: str) -> None:
    """Kill and remove what earlier runtimes left in `base`: those whose processes were all killed at once."""
    for name in os.listdir(base):
        path = os.path.join(base, name)
        if not name.startswith(_PREFIX) or (lock := _lock(path)) is None:
            continue
        for pid in _processes_of(path):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        remove(path)
        os.close(lock)


def _lock(path: str) -> int | None:
    """An exclusive lock on a folder, None when somebody has it, or the folder is none."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _processes_of(path: str) -> Iterator[int]:
    """Processes that have the folder in their environment, as all programs have that we start."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{entry}/environ", "rb") as environ:
            if f"={path}/".encode() in environ.read():
                yield int(entry)
