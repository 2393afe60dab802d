"""What operators write beside their services: Events, and the Lease by which they agree on a leader."""

from datetime import UTC, datetime

import pytest
import pytest_twisted

from isoproxy.kube.errors import Conflict
from isoproxy.kube.resources import EVENTS, LEASES
from isoproxy.model import leaderlease
from isoproxy.model.event import MOST_NOTE_BYTES, EventType, News, Regarding, event, series
from isoproxy.model.leaderlease import LEASE_NAME, LeaderLease
from isoproxy.model.parsing import Json, parse
from test.contract.cluster import Space

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INSTANCE = f"{'h' * 63}_00000000-0000-0000-0000-000000000000"  # of the longest host name there is


def told(space: Space, note: str) -> Json:
    regarding = Regarding("soh.re/v1alpha1", "DedicatedService", space.namespace, "chess", "uid-1")
    news = News(EventType.WARNING, "PodsFailing", "Reconcile", note)
    return event("chess.1", regarding, news, instance=INSTANCE, now=NOW)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "note", ["pods do not start", "x" * 5000, "ü" * 5000, ""], ids=["short", "long", "wide", "none"]
)
async def test_an_event_is_taken_whatever_its_note(space: Space, note: str) -> None:
    made = await space.create(EVENTS, told(space, note), strict=True)
    assert len(made.get("note", "").encode()) <= MOST_NOTE_BYTES


@pytest_twisted.ensureDeferred
async def test_a_count_is_taken_later_and_at_once(space: Space) -> None:
    await space.create(EVENTS, told(space, "n"), strict=True)
    made = await space.patch(EVENTS, "chess.1", series(2, NOW), strict=True)
    assert made["series"]["count"] == 2
    again = told(space, "n") | series(3, NOW)
    again["metadata"]["name"] = "chess.2"
    assert (await space.create(EVENTS, again, strict=True))["series"]["count"] == 3


@pytest_twisted.ensureDeferred
async def test_the_leaders_lease_is_held_by_who_saw_it_last(space: Space) -> None:
    made = parse(LeaderLease, await space.create(LEASES, leaderlease.manifest("a", NOW), strict=True))
    renewed = await space.patch(LEASES, LEASE_NAME, leaderlease.hold(made, "a", NOW.replace(second=1)), strict=True)
    with pytest.raises(Conflict):
        await space.patch(LEASES, LEASE_NAME, leaderlease.hold(made, "b", NOW))
    left = await space.patch(LEASES, LEASE_NAME, leaderlease.release(parse(LeaderLease, renewed), NOW), strict=True)
    free = parse(LeaderLease, left)
    assert (free.holder, free.spec.lease_transitions) == ("", 0)
    taken = parse(LeaderLease, await space.patch(LEASES, LEASE_NAME, leaderlease.hold(free, "b", NOW), strict=True))
    assert (taken.holder, taken.spec.lease_transitions) == ("b", 1)
