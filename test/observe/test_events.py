"""Events as they are kept by the embedded API server, and what happens where they cannot be written."""

import pytest
from twisted.internet.task import Clock

from isoproxy.kube.errors import ApiError, Forbidden, NamespaceTerminating, NotSent, ServerError, UnknownOutcome
from isoproxy.kube.resources import EVENTS, NAMESPACES, Json
from isoproxy.local.apiserver.kinds.events import from_core
from isoproxy.model.event import EventType, News, Regarding
from isoproxy.observe.events import MOST_PENDING, Events
from isoproxy.observe.telling import REPEAT_SECONDS
from isoproxy.timesource import TimeSource
from test.memoryapi import MemoryApi, at_once, make_core

REGARDING = Regarding("soh.re/v1alpha1", "DedicatedService", "n", "chess", "uid-1")


def news(note: str = "connections wait", *, reason: str = "PoolExhausted") -> News:
    return News(EventType.WARNING, reason, "MakePod", note)


class World:
    """One API server and one who tells."""

    def __init__(self) -> None:
        self.clock = Clock()
        core = make_core(self.clock)
        self.hand = MemoryApi(core, self.clock)
        self.api = MemoryApi(core, self.clock)
        self.do(self.hand.create(NAMESPACES, {"metadata": {"name": "n"}}))
        suffixes = (str(number) for number in range(10_000))
        time = TimeSource.simulated(self.clock)
        self.events = Events(api=self.api, time=time, instance="op-1", suffix=lambda: next(suffixes))

    do = staticmethod(at_once)

    def kept(self) -> list[Json]:
        """The Events as ``events.k8s.io`` shows them; as stored they are the older API's."""
        return [from_core(event) for event in self.do(self.hand.list(EVENTS)).items]


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_told_is_kept(world: World) -> None:
    world.events.tell(REGARDING, news())
    [event] = world.kept()
    assert (event["regarding"]["uid"], event["reason"], event["note"]) == ("uid-1", "PoolExhausted", "connections wait")
    assert (event["reportingController"], event["reportingInstance"]) == ("soh.re/isoproxy", "op-1")


def test_a_repeat_is_a_count_on_the_same_event(world: World) -> None:
    for _ in range(3):
        world.events.tell(REGARDING, news())
        world.clock.advance(REPEAT_SECONDS)
    [event] = world.kept()
    assert event["series"] == {"count": 3, "lastObservedTime": "1970-01-01T00:04:00.000000Z"}


def test_an_event_that_the_server_has_forgotten_is_made_again_with_its_count(world: World) -> None:
    world.events.tell(REGARDING, news())
    [event] = world.kept()
    world.do(world.hand.delete(EVENTS, event["metadata"]["name"], namespace="n"))
    world.clock.advance(REPEAT_SECONDS)
    world.events.tell(REGARDING, news())
    [event] = world.kept()
    assert event["series"]["count"] == 2


@pytest.mark.parametrize("error", [Forbidden(403), NotSent("down"), ServerError(500), UnknownOutcome(), ValueError()])
def test_whoever_tells_never_fails_by_it_and_the_next_is_told_again(world: World, error: Exception) -> None:
    world.api.faults.down = error
    world.events.tell(REGARDING, news())
    world.api.faults.down = None
    world.events.tell(REGARDING, news("another"))
    assert [event["note"] for event in world.kept()] == ["another"]


def test_a_service_whose_namespace_is_gone_is_no_longer_told_of(world: World) -> None:
    gone = Regarding("soh.re/v1alpha1", "DedicatedService", "gone", "chess", "uid-2")
    world.events.tell(gone, news())
    world.events.tell(REGARDING, news())
    assert [event["regarding"]["uid"] for event in world.kept()] == ["uid-1"]


def test_missing_rights_are_logged_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[ApiError] = []
    monkeypatch.setattr("isoproxy.observe.events.log.warn", lambda line, error: lines.append(error))
    world.api.faults.down = Forbidden(403)
    for number in range(5):
        world.events.tell(REGARDING, news(f"note {number}"))
    assert len(lines) == 1
    world.api.faults.down = None
    world.events.tell(REGARDING, news("allowed"))
    world.api.faults.down = Forbidden(403)
    world.events.tell(REGARDING, news("not any more"))
    assert len(lines) == 2


def test_that_a_namespace_which_is_deleted_takes_none_is_no_warning(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr("isoproxy.observe.events.log.warn", lambda line, **_: lines.append(line))
    world.api.faults.down = NamespaceTerminating(403)
    world.events.tell(REGARDING, news())
    world.api.faults.down = Forbidden(403)
    world.events.tell(REGARDING, news("another"))
    assert len(lines) == 1, "the second, which is about a right"


class SlowWorld(World):
    """The same, of which each request waits until it is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.api.faults.holds = lambda verb, resource, name: verb == "create"
        self.gates = self.api.faults.held

    def tell(self, count: int) -> None:
        for number in range(count):
            regarding = Regarding("soh.re/v1alpha1", "DedicatedService", "n", "chess", f"uid-{number}")
            self.events.tell(regarding, news(f"note {number}"))
            self.clock.advance(1.0)


def test_events_are_written_one_after_the_other_in_their_order() -> None:
    world = SlowWorld()
    world.tell(3)
    for number in range(3):
        assert len(world.gates) == number + 1
        world.gates[number].callback(None)
    assert [event["note"] for event in world.kept()] == ["note 0", "note 1", "note 2"]
    assert [event["eventTime"][-9:] for event in world.kept()] == [f"{number}.000000Z" for number in range(3)]


def test_what_waits_to_be_written_is_bounded() -> None:
    world = SlowWorld()
    world.tell(3 * MOST_PENDING)
    for gate in world.gates:  # grows as they are answered
        gate.callback(None)
    assert len(world.kept()) == MOST_PENDING + 1


def test_a_stop_drops_what_is_not_written() -> None:
    world = SlowWorld()
    world.tell(3)
    world.events.stop()
    assert world.kept() == []
    assert len(world.gates) == 1
