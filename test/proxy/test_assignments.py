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
from test.proxy.memoryapi import INSTANCE, MemoryApi, assigned


@dataclass
class World:
    clock: Clock = field(default_factory=Clock)
    api: MemoryApi = field(default_factory=MemoryApi)
    events: list[tuple[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
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
        events, self.events[:] = list(self.events), []
        return events


@pytest.fixture
def world() -> World:
    return World()


def test_the_list_comes_first_and_then_every_change(world: World) -> None:
    world.api.assign("a")
    world.api.assign("not-ours", proxy="another")
    world.assignments.begin()
    assert world.assignments.complete
    assert world.take_events() == [("seen", "a"), ("complete", ["uid-a"])]
    world.api.assign("b")
    world.api.annotate("a", "soh.re/recall")
    world.api.remove(ISOLATION_PODS, "b")
    assert world.take_events() == [("seen", "b"), ("seen", "a"), ("gone", "uid-b")]


def test_an_empty_list_is_complete(world: World) -> None:
    assert not world.assignments.complete
    world.assignments.begin()
    assert world.take_events() == [("complete", [])]


def test_a_lost_label_is_gone_from_sight(world: World) -> None:
    item = world.api.assign("a")
    world.assignments.begin()
    world.take_events()
    world.api.store(ISOLATION_PODS, item | {"metadata": item["metadata"] | {"labels": {}}})
    assert world.take_events() == [("gone", "uid-a")]


def test_a_relist_tells_the_differences_only(world: World) -> None:
    world.api.assign("a")
    world.api.assign("b")
    world.assignments.begin()
    world.take_events()
    watch = world.api.watches.pop()  # deaf from now on
    world.api.remove(ISOLATION_PODS, "a")
    world.api.assign("c")
    watch.fail(WatchExpired("too old"))
    assert world.take_events() == [("gone", "uid-a"), ("seen", "c")]


def test_each_beginning_lists_anew(world: World) -> None:
    world.api.assign("a")
    world.assignments.begin()
    world.take_events()
    world.assignments.stop()
    assert not world.assignments.complete
    world.api.assign("b")
    assert world.take_events() == []
    world.assignments.begin()
    assert world.take_events() == [("seen", "a"), ("seen", "b"), ("complete", ["uid-a", "uid-b"])]


def test_the_newest_version_is_known_by_uid(world: World) -> None:
    pod = Backend.of(parse(IsolationPod, world.api.assign("a")))
    assert world.assignments.newest(pod) is None
    world.assignments.begin()
    world.api.annotate("a", "soh.re/recall")
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
