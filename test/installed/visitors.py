"""Clients that come while something happens."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from test.e2e.clients import Address, ask, connected
from test.e2e.program import receive
from test.e2e.waiting import BOUND
from test.installed.installation import Space

PROMPT = 5.0
"""Seconds within which a client has a pod also on a busy machine, as long as the pool is not empty for long."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One client: which pod it met, as the pod's how many-th, and how many seconds after it began to connect."""

    pod: str
    number: int
    waited: float


def visit(address: Address) -> Visit:
    """Make one connection to ``tool obey``, see it to its end, and return what was met."""
    began = time.monotonic()
    with connected(address) as peer:
        answer = ask(peer, b"who").decode()
        if not answer:
            raise ConnectionAbortedError("cut off without an answer")
        name, number = answer.split()
        waited = time.monotonic() - began
        peer.shutdown(socket.SHUT_WR)
        assert receive(peer, b"") == b""
    return Visit(name, int(number), waited)


@contextmanager
def visiting(space: Space, address: Address, *, every: float = 1.5, cut: bool = False) -> Iterator[list[Visit]]:
    """Have a client come every so many seconds from outside meanwhile, and hold all of them to being served.

    Those that have been there are in the list. Where something that they depend on is killed, some may be ``cut`` off.
    """
    visits: list[Visit] = []
    troubles: list[Exception] = []
    ended = threading.Event()

    def run() -> None:
        with space.outside():
            while not ended.wait(every):
                try:
                    visits.append(visit(address))
                except ConnectionError as error:
                    troubles.extend([] if cut else [error])
                except Exception as error:  # told where the test fails, not here
                    troubles.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield visits
    finally:
        ended.set()
        thread.join(BOUND)
    assert troubles == []
    assert {one.number for one in visits} <= {1}
    assert len({one.pod for one in visits}) == len(visits)


def slow(visits: list[Visit]) -> list[Visit]:
    """Return those who waited for long."""
    return [one for one in visits if one.waited > PROMPT]
