"""Writes that need leadership: refused without it, and cut off where it ends."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from isoproxy.kube.errors import UnknownOutcome
from isoproxy.kube.leaderapi import LeaderApi, NotLeading
from isoproxy.kube.resources import CONFIG_MAPS, NAMESPACES
from test.faults import HANGS
from test.memoryapi import MemoryApi, make_core

Write = Callable[[LeaderApi], Any]

CREATE: Write = lambda api: api.create(CONFIG_MAPS, {"metadata": {"name": "new"}}, namespace="n")  # noqa: E731
PATCH: Write = lambda api: api.patch(CONFIG_MAPS, "c", {"data": {"a": "b"}}, namespace="n")  # noqa: E731
DELETE: Write = lambda api: api.delete(CONFIG_MAPS, "c", namespace="n")  # noqa: E731


def outcome(coroutine: Any) -> list[Any]:
    """What came of it, if anything has yet."""
    results: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    return results


class Office:
    """A leader's client, and whether it leads."""

    def __init__(self) -> None:
        clock = Clock()
        core = make_core(clock)
        hand = MemoryApi(core, clock)
        outcome(hand.create(NAMESPACES, {"metadata": {"name": "n"}}))
        outcome(hand.create(CONFIG_MAPS, {"metadata": {"name": "c"}}, namespace="n"))
        self.below = MemoryApi(core, clock)
        self.leads = True
        self.api = LeaderApi(self.below, leads=lambda: self.leads)


@pytest.mark.parametrize("write", [CREATE, PATCH, DELETE])
def test_a_leaders_write_is_made(write: Write) -> None:
    office = Office()
    [result] = outcome(write(office.api))
    assert not isinstance(result, Failure)
    assert len(office.below.requests) == 1


@pytest.mark.parametrize("write", [CREATE, PATCH, DELETE])
def test_a_write_of_who_does_not_lead_is_not_sent(write: Write) -> None:
    office = Office()
    office.leads = False
    [failure] = outcome(write(office.api))
    assert failure.check(NotLeading)
    assert not failure.value.may_have_happened
    assert office.below.requests == []


def test_who_does_not_lead_reads_all_the_same() -> None:
    office = Office()
    office.leads = False
    [found] = outcome(office.api.get(CONFIG_MAPS, "c", namespace="n"))
    [listed] = outcome(office.api.list(CONFIG_MAPS, namespace="n"))
    assert listed.items == [found]
    watch = office.api.watch(CONFIG_MAPS, resource_version=listed.resource_version)
    assert outcome(watch.next()) == []
    watch.close()


def test_a_write_under_way_when_leadership_ends_is_cut_off_and_may_have_happened() -> None:
    office = Office()
    office.below.faults.order(HANGS, "create")
    results = outcome(CREATE(office.api))
    office.leads = False
    assert results == []
    office.api.cut()
    assert results[0].check(UnknownOutcome)


def test_a_write_that_its_caller_gives_up_is_cancelled() -> None:
    office = Office()
    office.below.faults.order(HANGS, "create")
    write = Deferred.fromCoroutine(CREATE(office.api))
    results: list[Any] = []
    write.addBoth(results.append)
    write.cancel()
    assert results[0].check(CancelledError)
