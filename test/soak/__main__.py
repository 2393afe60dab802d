"""``python -m test.soak --minutes 60 --seed 1``: exit status 1, and the history, if a promise is broken."""

import argparse
import os
import random
import sys

from test.cluster.level import Level
from test.cluster.levels import up
from test.soak.soak import soak

PACE_SECONDS = 3.0


def main() -> int:
    """Soak; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m test.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.getrandbits(31), help="of what happens when [any]")
    parser.add_argument(
        "--pace", type=float, default=PACE_SECONDS, help="seconds from a fault to the next [%(default)s]"
    )
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    cluster = up(f"soak-{os.getpid()}", Level.CONTROL, owned=True)
    try:
        with cluster.joined():
            report = soak(cluster, seconds=60 * arguments.minutes, seed=arguments.seed, pace=arguments.pace)
    finally:
        cluster.down()
    print(report.text())
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
