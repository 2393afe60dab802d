"""What goes wrong here and concerns no report, in words for whoever looks after twistd."""

import sys
from contextlib import suppress


def complain(text: str) -> None:
    """Say it where twistd says what it has to say, if anybody listens there."""
    with suppress(OSError):
        print(f"isoproxy: {text}", file=sys.stderr, flush=True)
