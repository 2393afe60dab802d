"""Who is measured: relays that run, each in processes of its own, to be taken in turns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from bench import peers

BASELINE = "HAProxy, forced splice"

Start = Callable[[int, int], AbstractContextManager[int]]
"""From a port to listen on and one to relay to, to the pid of a process that does."""


def _nothing(_: int = 0) -> None:
    """Needs no preparation."""


@dataclass(frozen=True)
class Contestant:
    """A relay that is running; ``pid`` is the process whose work is counted."""

    name: str
    port: int
    pid: int
    supply: Callable[[int], None] = _nothing
    """Makes it ready for exactly so many connections; returns when it is."""
    settle: Callable[[], None] = _nothing
    """Returns when it has done what connections that are over left it to do."""


def others() -> dict[str, Start]:
    """HAProxy and nginx, as far as they are installed."""
    found: dict[str, Start] = {}
    if peers.available("haproxy"):
        found[BASELINE] = lambda port, target: peers.haproxy(port=port, target=target)
        found["HAProxy, forced splice, 1 MiB pipes"] = lambda port, target: peers.haproxy(
            port=port, target=target, pipe_bytes=1 << 20
        )
        found["HAProxy, copying (its default)"] = lambda port, target: peers.haproxy(
            port=port, target=target, splice=""
        )
    if peers.available("nginx"):
        found["nginx stream"] = lambda port, target: peers.nginx(port=port, target=target)
    return found


@contextlib.contextmanager
def running(starts: dict[str, Start], target: int) -> Iterator[list[Contestant]]:
    """All of them, relaying to ``target``."""
    with ExitStack() as stack:
        field = []
        for name, start in starts.items():
            port = peers.free_port()
            field.append(Contestant(name, port, stack.enter_context(start(port, target))))
        yield field
