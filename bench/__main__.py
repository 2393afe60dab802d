"""``python -m bench [--quick] [PART...]``: figures of isoproxy beside HAProxy and nginx, see docs/benchmarks.md."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

from bench import alone, kubernetes, machinery, peers, relay
from bench.absent import leave_out

PARTS: dict[str, tuple[str, Callable[[bool], None]]] = {
    "alone": (
        "The proxy alone, with handmade pods, beside relays that forward to the same listener",
        alone.measure_all,
    ),
    "machinery": ("The whole, with real pods that are replaced", machinery.measure_all),
    "kubernetes": (
        "The whole on a real API server, beside bare loops of the same client that write the same",
        kubernetes.measure_all,
    ),
    "relay": ("The byte relay by itself", relay.measure_all),
}
BY_DEFAULT = ("alone", "machinery", "kubernetes")


def main() -> None:
    """Measure the parts that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: a minute at most")
    parser.add_argument("part", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} [{' '.join(BY_DEFAULT)}]")
    options = parser.parse_args()
    if unknown := set(options.part) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    _allow_many_files()
    for name in ("haproxy", "nginx"):
        if not peers.available(name):
            leave_out(f"{name} is not installed")
    began = time.monotonic()
    for part in options.part or BY_DEFAULT:
        title, measure_all = PARTS[part]
        print(f"{title}\n{'=' * len(title)}\n", flush=True)
        measure_all(options.quick)
    print(f"(all this took {time.monotonic() - began:.0f} s)")


def _allow_many_files() -> None:
    """As many as the system lets us, for us and the processes that we start: a session takes two."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
