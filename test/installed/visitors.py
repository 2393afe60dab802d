"""Clients that come while something happens, and what the log of their proxy tells of each."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from test.installed.installation import Space
from test.running.accesslog import Entry, entries
from test.running.api import PODS, Refused, names
from test.running.clients import Address, ask, connected
from test.running.program import receive
from test.running.waiting import BOUND, eventually

EVERY = 3.0
"""Seconds between two clients: a pool lasts for longer than no pods come, also on a busy machine."""
AT_ONCE = 0.04
"""Seconds between accept and claim where a pod was warm: none, but that a process may lose its turn in between.

To wait for one takes some writes to the API server, 50 ms at the least, and mostly a pod's start.
"""
AT_THE_DOOR = 5.0
"""Seconds within which a client is through also on a busy machine, where a lost packet is sent again after one."""


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
def repeating(step: Callable[[], object], *, every: float) -> Iterator[None]:
    """Call ``step`` every so many seconds meanwhile, in a thread; what it raises is raised in the end."""
    troubles: list[Exception] = []
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(every):
            try:
                step()
            except Exception as error:  # told where the test fails, not here
                troubles.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(BOUND)
    assert not thread.is_alive()
    if troubles:
        raise ExceptionGroup("meanwhile", troubles)


@contextmanager
def visiting(
    space: Space,
    address: Address,
    *,
    every: float = EVERY,
    cut: bool = False,
    then: Callable[[Visit], object] = lambda _: None,
) -> Iterator[list[Visit]]:
    """Have a client come every so many seconds from outside meanwhile, and hold all of them to being served.

    Those that have been there are in the list; ``then`` is called with each. Where something that they depend on is
    killed, some may be ``cut`` off.
    """
    visits: list[Visit] = []

    def come() -> None:
        try:
            with space.outside():
                visits.append(visit(address))
        except ConnectionError:
            if not cut:
                raise
        else:
            then(visits[-1])

    with repeating(come, every=every):
        yield visits
    assert {one.number for one in visits} <= {1}
    assert len({one.pod for one in visits}) == len(visits)


@contextmanager
def finding_warm_pods(space: Space, address: Address) -> Iterator[list[Visit]]:
    """Have clients come meanwhile, and hold each of them to finding a pod that was warm.

    Their proxies tell how long they waited. One may end meanwhile, and its log with it: so each client is looked up as
    soon as it has been there.
    """
    with visiting(space, address, then=lambda one: check_warm(space, one)) as visits:
        yield visits
        eventually(lambda: visits, "a client has come")


def wait_for_more(visits: list[Visit]) -> None:
    """Wait until another client has been served, one that comes from now on."""
    before = len(visits)
    eventually(lambda: len(visits) > before + 1, "clients are served", within=60)


def check_warm(space: Space, one: Visit) -> None:
    """Fail if a client waited for a pod, by its proxy's log, or for anything before that, by its own clock."""
    entry = logged(space, one.pod)
    assert float(entry["queued"]) < AT_ONCE, entry
    assert (entry["outcome"], entry["attempts"]) == ("completed", "1"), entry
    assert one.waited < AT_THE_DOOR, f"{one}: {entry}"


def logged(space: Space, pod: str) -> Entry:
    """Return what the log of its proxy tells of the ended connection to a pod."""

    def found() -> Entry | None:
        proxies = names(space.api.items(space.api.here(PODS), labelSelector="soh.re/role=proxy"))
        ended = (entry for name in proxies for entry in entries(log_of(space, name)))
        return next((entry for entry in ended if entry["pod"] == pod), None)

    return eventually(found, f"a proxy tells of the connection to {pod}")


def log_of(space: Space, proxy: str) -> str:
    """Return what a proxy has printed, nothing where it has not begun or is gone."""
    try:
        return space.api.log(proxy)
    except Refused as refused:
        if refused.code not in (400, 404):
            raise
        return ""
