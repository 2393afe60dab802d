"""The processes of this machine, as its kernel shows them: any of them may end while one looks."""

import os
from pathlib import Path


def processes() -> list[int]:
    """Return the ids of all."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def read(pid: int, name: str) -> str:
    """Return what is in a process's file of this name, "" if it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def command(pid: int) -> str:
    """Return a process's command line, "" if it has ended."""
    return read(pid, "cmdline").replace("\0", " ")


def is_of_pod(pid: int, service: str) -> bool:
    """Whether a process is of a pod of a service, by its environment."""
    return f"\0POD_NAME={service}-" in "\0" + read(pid, "environ")
