"""How much of an overload there is to be, and what this process needs for it."""

import os
import resource

TIMES = int(os.environ.get("ISOPROXY_OVERLOAD", "1"))
"""How many times as much as is enough to see what breaks."""
PATIENCE = 120.0
"""Seconds that something may take on a machine that others overload."""


def open_many_files() -> int:
    """Let this process, and those that it starts, open as many files as they may; return how many that is."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
