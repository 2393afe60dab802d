"""The proxy alone, beside HAProxy and nginx, all forwarding to the same listener.

Its pods are handmade (see ``bench/handmade.py``): what is measured is accept, claim, dial, relay, release and what the
proxy writes about it, without the cost of starting pods, which HAProxy and nginx have no counterpart of.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from bench import figures, load
from bench.contestants import Contestant, others, running
from bench.handmade import proxy


@contextlib.contextmanager
def field() -> Iterator[tuple[Sequence[Contestant], int]]:
    """Everyone there is, and the port that they relay to."""
    with load.server() as target, proxy(target) as ours, running(others(), target) as theirs:
        yield [ours, *theirs], target


def measure_all(quick: bool) -> None:
    """Print every figure of the proxy alone."""
    effort = figures.QUICK if quick else figures.FULL
    with field() as (everyone, target):
        figures.spaced_latency(everyone, target, effort)
        figures.packed_latency(everyone, target, effort)
        figures.connects(everyone, effort)
        figures.conversations(everyone, effort)
        figures.transfers(everyone, effort)
    with field() as (everyone, _):  # anew: memory that was used and freed before would be used again
        figures.memory(everyone, effort)
