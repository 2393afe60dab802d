"""What cannot be measured here."""

import sys

from test.needs import must_run_all


def leave_out(why: str) -> None:
    """Say why there are figures missing; where everything must run, end the program with it as a failure."""
    if must_run_all():
        sys.exit(f"bench: {why}")
    print(f"left out: {why}\n", flush=True)
