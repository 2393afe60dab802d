"""Services that go: nothing of them stays, and the next of their name has nothing of theirs."""

from collections.abc import Iterator

import pytest

from test.e2e.grounds import Ground, Whole
from test.running.api import DEDIS, names
from test.running.clients import ask, connected, is_cut, who_serves
from test.running.harness import dedicated_service
from test.running.waiting import BOUND, eventually

POOL = 3


@pytest.fixture(scope="module")
def machine(ground: Ground) -> Iterator[Whole]:
    with ground.whole() as machine:
        yield machine
        machine.stop()


def test_a_deleted_service_ends_its_connections_and_leaves_nothing(machine: Whole) -> None:
    machine.serve(dedicated_service("gone", ["echo"], replicas=POOL))
    machine.api.wait_for_base("gone", POOL)
    (address,) = machine.api.endpoints("gone")
    with connected(address) as session:
        assert ask(session, b"hello") == b"hello"
        machine.api.wait_for_base("gone", POOL, used=1)
        machine.api.delete(f"{DEDIS}/gone")
        assert is_cut(session)
    assert len(machine.outcomes("gone", 1)) == 1
    # A garbage collector may take half a minute to hear of a new kind.
    eventually(lambda: machine.api.traces("gone") == set(), "nothing is left", within=2 * BOUND)


def test_a_new_service_of_the_name_of_one_just_deleted_has_pods_of_its_own(machine: Whole) -> None:
    machine.serve(dedicated_service("again", ["echo"], replicas=POOL))
    machine.api.wait_for_base("again", POOL)
    before = machine.api.traces("again")
    machine.api.delete(f"{DEDIS}/again")
    machine.serve(dedicated_service("again", ["who"], replicas=POOL))
    machine.api.wait_for_base("again", POOL)
    (address,) = machine.api.endpoints("again")
    pod, number = who_serves(address)
    assert number == 1
    assert not before & ({pod} | names(machine.api.pods("again")))
