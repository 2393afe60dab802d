"""What is assigned to one instance, by a watch that its label filters."""

from dataclasses import dataclass, field

import pytest
from twisted.internet.task import Clock

from isoproxy.kube.errors import WatchExpired
from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import parse
from isoproxy.proxy.assignments import Assignments
from isoproxy.proxy.backend import Backend
from isoproxy.timesource import TimeSource
from test.memoryapi import MemoryApi, make_core
from test.proxy.operator import INSTANCE, Operator, assigned


@dataclass
class World:
    clock: Clock = field(default_factory=Clock)
    events: list[tuple[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        core = make_core(self.clock)
        self.api = MemoryApi(core, self.clock)
        self.operator = Operator(core, self.clock)
        self.assignments = Assignments(
            api=self.api,
            namespace="default",
            instance=INSTANCE,
            time=TimeSource.simulated(self.clock),
            on_seen=lambda record: self.events.append(("seen", record.metadata.name)),
            on_gone=lambda uid: self.events.append(("gone", uid)),
            on_complete=lambda uids: self.events.append(("complete", sorted(uids))),
            jitter=lambda: 0.5,
        )

    def take_events(self) -> list[tuple[str, object]]:
        """What was told since the last time that we looked."""
        self.clock.advance(0)
        events, self.events[:] = list(self.events), []
        return events


@pytest.fixture
def world() -> World:
    return World()


def test_the_list_comes_first_and_then_every_change(world: World) -> None:
    a = world.operator.assign("a")
    world.operator.assign("not-ours", proxy="another")
    world.assignments.begin()
    assert world.assignments.complete
    assert world.take_events() == [("seen", "a"), ("complete", [a.metadata.uid])]
    b = world.operator.assign("b")
    world.operator.annotate("a", "soh.re/recall")
    world.operator.delete(ISOLATION_PODS, "b")
    assert world.take_events() == [("seen", "b"), ("seen", "a"), ("gone", b.metadata.uid)]


def test_an_empty_list_is_complete(world: World) -> None:
    assert not world.assignments.complete
    world.assignments.begin()
    assert world.take_events() == [("complete", [])]


def test_a_lost_label_is_gone_from_sight(world: World) -> None:
    a = world.operator.assign("a")
    world.assignments.begin()
    world.take_events()
    world.operator.relabel("a", None)
    assert world.take_events() == [("gone", a.metadata.uid)]


def test_a_relist_tells_the_differences_only(world: World) -> None:
    a = world.operator.assign("a")
    world.operator.assign("b")
    world.assignments.begin()
    world.take_events()
    world.operator.delete(ISOLATION_PODS, "a")
    world.operator.assign("c")
    world.api.break_watches(WatchExpired("too old"))  # before it has shown them
    assert world.take_events() == [("gone", a.metadata.uid), ("seen", "c")]


def test_each_beginning_lists_anew(world: World) -> None:
    a = world.operator.assign("a")
    world.assignments.begin()
    world.take_events()
    world.assignments.stop()
    assert not world.assignments.complete
    b = world.operator.assign("b")
    assert world.take_events() == []
    world.assignments.begin()
    uids = sorted([a.metadata.uid, b.metadata.uid])
    assert world.take_events() == [("seen", "a"), ("seen", "b"), ("complete", uids)]


def test_the_newest_version_is_known_by_uid(world: World) -> None:
    pod = Backend.of(world.operator.assign("a"))
    assert world.assignments.newest(pod) is None
    world.assignments.begin()
    world.operator.annotate("a", "soh.re/recall")
    world.clock.advance(0)
    newest = world.assignments.newest(pod)
    assert newest is not None
    assert newest.recalled
    another = Backend.of(parse(IsolationPod, assigned("a", uid="another")))
    assert world.assignments.newest(another) is None


def test_stopping_ends_the_watch(world: World) -> None:
    world.assignments.begin()
    world.assignments.stop()
    world.assignments.stop()
    assert world.api.watches == []
    assert not world.clock.getDelayedCalls()
