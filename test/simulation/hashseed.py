"""The order of a set of strings, which Python draws anew in each process: here it is part of the seed."""

import os
import sys


def keep_to_one() -> None:
    """Begin this process anew, with the hash seed that all of them have, unless it has that."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [*sys.orig_argv], os.environ | {"PYTHONHASHSEED": "0"})
