"""``python init.py FOLDER [--owned]``: the first process of a cluster.

It collects the dead, and all other processes end with it. The folder only tells whose cluster it is. With ``--owned``
it ends when its standard input does, and so at the latest with whoever started it.
"""

import os
import select
import signal
import sys


def main() -> None:
    """Run until SIGTERM, or the end of the owner."""
    owned = "--owned" in sys.argv
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("up", flush=True)
    while True:
        ready, _, _ = select.select([wake, *([sys.stdin] if owned else [])], [], [])
        if sys.stdin in ready:
            return
        os.read(wake, 4096)
        collect()


def collect() -> None:
    """Collect every process that has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main()
