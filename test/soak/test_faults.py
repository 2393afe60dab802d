"""Faults of a cluster, one at a time: connections go on, the log says what is wrong, and all recovers by itself."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from functools import partial
from random import Random

import pytest

from test.cluster.level import Level
from test.cluster.levels import up
from test.running import program
from test.running.clients import ask, connected
from test.running.process import complaints
from test.running.waiting import eventually, throughout
from test.soak.faults import admission, authority, cluster
from test.soak.faults.fault import Begun
from test.soak.faults.processes import api_server
from test.soak.leftovers import wait_for_base
from test.soak.seat import Seat
from test.soak.world import SERVICES, World, running

pytestmark = [pytest.mark.needs_cluster("control", ours=True), pytest.mark.needs_program("nft")]

NOTICED_SECONDS = 40.0
"""An API server remembers a token for 10 s, and who renews a Lease may be at it for as long."""
RECOVERED_SECONDS = 60.0
A_WHILE = 3.0


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world in a cluster of its own, which no other test finds as these leave it."""
    made = up(f"faults-{os.getpid()}", Level.CONTROL, owned=True)
    try:
        with made.joined(), running(made) as found:
            yield found
    finally:
        made.down()


def lengths(world: World) -> dict[str, int]:
    """Return how much the process in each seat has logged."""
    return {seat.name: len(seat.run.process.log) for seat in world.seats}


def told(pattern: str, seat: Seat, since: dict[str, int]) -> bool:
    """Whether a process of ours has logged what is wrong."""
    return re.search(pattern, seat.run.process.log[since[seat.name] :]) is not None


def check_survived(
    world: World, fault: Callable[[World, Random], Begun], *, sign: str, hit: Callable[[], object]
) -> None:
    """Hold all to going on under a fault, which ``hit`` makes felt, to telling of it, and to recovering."""
    since = lengths(world)
    with connected(("127.0.0.1", world.proxies[0].port)) as session:
        assert program.receive(session)
        begun = fault(world, Random(0))
        assert begun.undo is not None
        try:
            hit()
            if sign:
                for seat in world.seats:
                    eventually(partial(told, sign, seat, since), f"{sign!r} in each log", within=NOTICED_SECONDS)
            throughout(lambda: ask(session, b"still here?") == b"still here?", "the session goes on", seconds=A_WHILE)
        finally:
            begun.undo()
        for service in SERVICES:
            used = 1 if service == world.proxies[0].service else 0
            wait_for_base(world, service, used=used, within=RECOVERED_SECONDS)
        assert ask(session, b"and now?") == b"and now?"
    check_whole(world)


def check_whole(world: World) -> None:
    """Every pool is full again, and no process of ours has ended or complained."""
    for service in SERVICES:
        wait_for_base(world, service, within=RECOVERED_SECONDS)
    for seat in world.seats:
        assert seat.run.process.running
        assert complaints(seat.run.process.log) == []


def test_a_token_that_expires_is_told_and_the_next_is_used_when_it_is_there(world: World) -> None:
    check_survived(world, cluster.expire_token, sign=r"401|Unauthorized", hit=lambda: None)


def test_the_authority_of_the_api_server_can_be_exchanged(world: World) -> None:
    def break_connections() -> None:
        part = api_server(world)
        world.cluster.processes.end(part.name, signal.SIGKILL)
        world.cluster.start(part)

    check_survived(
        world, authority.exchange_authority, sign="certificates .* have been exchanged", hit=break_connections
    )


def test_connections_go_on_while_the_api_servers_disk_is_full(world: World) -> None:
    check_survived(world, cluster.fill_disk, sign="", hit=lambda: None)


@pytest.mark.parametrize(
    ("fault", "why"), [(admission.refuse_pods, admission.REASON), (admission.fail_pods, "webhook")]
)
def test_a_service_whose_pods_are_refused_says_why(
    world: World, fault: Callable[[World, Random], Begun], why: str
) -> None:
    address = ("127.0.0.1", world.proxies[0].port)

    def use_pods_up() -> None:
        """Until one is missed; a new rule is not obeyed at once."""

        def is_told() -> bool:
            if world.api.is_at_base("steady", world.base("steady"), used=1):
                with connected(address) as peer:
                    program.receive(peer)
            return why in world.api.condition("steady", "Degraded").get("message", "")

        eventually(is_told, f"{why!r} in the condition", within=NOTICED_SECONDS)

    check_survived(world, fault, sign="", hit=use_pods_up)
    eventually(lambda: world.api.condition("steady", "Degraded")["status"] == "False", "nothing is wrong any more")


def test_a_definition_that_was_deleted_is_told_and_services_work_again_when_they_are_back(world: World) -> None:
    """Its objects are gone, and with them the connections; nothing else is."""
    for number in range(2):
        since = lengths(world)
        begun = cluster.delete_definition(world, Random(number))
        assert begun.undo is not None
        eventually(partial(is_told_by_operator, world, since), "it is told", within=NOTICED_SECONDS)
        begun.undo()
        check_whole(world)
        for seat in world.proxies:
            eventually(partial(serves, seat), f"{seat.name} serves again")
        check_whole(world)


def is_told_by_operator(world: World, since: dict[str, int]) -> bool:
    """Whether the one that leads, whichever it is by now, has logged that a kind is not there."""
    return any(told(r"404|NotFound", seat, since) for seat in world.operators)


def serves(seat: Seat) -> bool:
    try:
        with connected(("127.0.0.1", seat.port)) as peer:
            return program.receive(peer) != b""
    except ConnectionError:  # it has not heard of the service yet
        return False
