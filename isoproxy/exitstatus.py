"""The exit status of a process that twistd runs."""

import atexit
import os
import sys
from contextlib import suppress


def exit_in_failure() -> None:
    """Have this process exit with status 1 once twistd is done with it; it still has to be stopped.

    twistd itself ends with 0 whenever the reactor stops without a signal, so that whoever restarts what failed would
    take it for a success. It can be told nothing else: an exception that leaves the reactor it prints and drops.
    """
    atexit.register(_exit)


def _exit() -> None:
    # By now the pidfile is gone and the log written. No exception makes a status of its own from here on.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed
            stream.flush()
    os._exit(1)
