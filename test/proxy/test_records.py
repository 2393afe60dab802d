"""Every story is told to its end, once, through conflicts, lost replies and outages."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from isoproxy.kube.errors import (
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotSent,
    ServerError,
    TooManyRequests,
    UnknownOutcome,
)
from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.records import CALM_SECONDS, CONCURRENCY, LONGEST_COURTESY_SECONDS, Records
from isoproxy.timesource import TimeSource
from test.faults import HANGS, REPLY_LOST, Fault
from test.memoryapi import MemoryApi, make_core
from test.proxy.operator import INSTANCE, Operator


@dataclass
class World:
    """The records of a proxy, and a watch that may lag behind the API server."""

    clock: Clock = field(default_factory=Clock)
    seen: dict[str, IsolationPod] = field(default_factory=dict)  # by the watch
    final: list[str] = field(default_factory=list)
    told: int = 0

    def __post_init__(self) -> None:
        core = make_core(self.clock)
        self.api = MemoryApi(core, self.clock)
        self.operator = Operator(core, self.clock)
        self.time = TimeSource.simulated(self.clock)
        self.records = Records(
            api=self.api,
            instance=INSTANCE,
            time=self.time,
            newest=lambda pod: self.seen.get(pod.uid),
            on_told=self.count_told,
            on_final=self.final.append,
            jitter=lambda: 0.5,
        )

    def count_told(self) -> None:
        self.told += 1

    def pod(self, name: str = "a") -> Backend:
        record = self.operator.assign(name)
        self.seen[record.metadata.uid] = record
        return Backend.of(record)

    def claim(self, name: str = "a") -> Backend:
        pod = self.pod(name)
        self.records.claimed(pod, "192.0.2.7:1234", self.time.utcnow())
        return pod

    def release(self, pod: Backend, outcome: Outcome = Outcome.COMPLETED) -> None:
        self.records.released(pod, outcome, self.time.utcnow())
        self.turn()

    def turn(self) -> None:
        """Let the moment pass in which clients come first."""
        self.clock.advance(CALM_SECONDS)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.clock.advance(0.05)

    def phases_written(self) -> list[str]:
        return [patch["status"]["phase"] for patch in self.api.patches]

    def flush(self, within: float = 10.0) -> list[bool]:
        result: list[bool] = []
        Deferred.fromCoroutine(self.records.flush(within)).addCallback(result.append)
        return result


@pytest.fixture
def world() -> World:
    return World()


def test_a_short_connection_costs_one_write(world: World) -> None:
    pod = world.claim()
    world.pass_time(0.9)
    world.release(pod)
    world.pass_time(2.0)
    assert world.phases_written() == ["Released"]
    assert world.operator.status("a")["outcome"] == "completed"
    assert world.final == [pod.uid]


def test_a_longer_one_is_seen_in_use_and_then_released(world: World) -> None:
    pod = world.claim()
    assert world.records.untold == 1
    world.pass_time(1.1)
    assert world.operator.status("a")["inUse"] is True
    assert world.operator.status("a")["client"] == "192.0.2.7:1234"
    assert (world.records.untold, world.final) == (0, [])
    world.release(pod, Outcome.BACKEND_RESET)
    assert world.phases_written() == ["InUse", "Released"]
    assert world.operator.status("a")["inUse"] is False
    assert world.operator.status("a")["outcome"] == "backend_reset"
    assert (world.told, world.final) == (1, [pod.uid])


def test_an_unused_pod_is_returned(world: World) -> None:
    pod = world.pod()
    world.records.returned(pod)
    world.turn()
    assert world.operator.status("a")["phase"] == "Returned"
    assert world.final == [pod.uid]
    assert world.records.untold == 0


def test_a_conflict_means_to_look_again(world: World) -> None:
    pod = world.claim()
    world.operator.annotate("a", "soh.re/recall")  # the watch has not shown it yet
    world.release(pod)
    assert world.api.count("get", "isolationpods") == 1
    assert world.operator.status("a")["phase"] == "Released"
    assert world.final == [pod.uid]


def test_the_newest_copy_of_the_watch_saves_the_conflict(world: World) -> None:
    pod = world.claim()
    world.operator.annotate("a", "soh.re/recall")
    world.seen[pod.uid] = world.operator.record("a")
    world.release(pod)
    assert world.api.count("get", "isolationpods") == 0
    assert world.final == [pod.uid]


def test_what_is_final_already_is_left_alone(world: World) -> None:
    pod = world.claim()
    lost = {"status": {"phase": "Released", "outcome": "proxy_lost"}}
    world.operator.patch(ISOLATION_PODS, "a", lost, subresource="status")
    world.release(pod)
    assert world.operator.status("a")["outcome"] == "proxy_lost"
    assert world.final == [pod.uid]


def test_a_record_that_is_gone_needs_no_telling(world: World) -> None:
    pod = world.claim()
    world.operator.delete(ISOLATION_PODS, "a")
    world.pass_time(1.1)
    assert (world.records.untold, world.final) == (0, [])
    calls = len(world.api.requests)
    world.release(pod)
    assert world.final == [pod.uid]
    assert len(world.api.requests) == calls


def test_another_object_of_the_same_name_is_no_concern(world: World) -> None:
    pod = world.claim()
    world.operator.delete(ISOLATION_PODS, "a")
    world.operator.assign("a")
    world.release(pod)
    assert world.operator.status("a")["phase"] == "Idle"
    assert world.final == [pod.uid]


def test_a_write_whose_reply_was_lost_is_found_done(world: World) -> None:
    pod = world.claim()
    world.api.faults.order(REPLY_LOST, "patch")
    world.release(pod)
    assert world.final == []
    world.pass_time(1.0)
    assert world.phases_written() == ["Released"]
    assert world.final == [pod.uid]


@pytest.mark.parametrize(
    "error",
    [NotSent("down"), UnknownOutcome("lost"), ServerError(500), TooManyRequests(429), Forbidden(403), Invalid(422)],
)
def test_any_failure_is_tried_again_without_end(world: World, error: KubeError) -> None:
    pod = world.claim()
    world.api.faults.order(Fault(error), "patch", times=20)
    world.release(pod)
    world.pass_time(600)
    assert world.operator.status("a")["phase"] == "Released"
    assert world.final == [pod.uid]


def test_an_outage_is_probed_by_few_and_everything_is_told_after_it(world: World) -> None:
    world.api.go_down()
    pods = [world.claim(f"pod-{number}") for number in range(100)]
    for pod in pods:
        world.release(pod)
    world.pass_time(120)
    assert len(world.api.requests) < 100
    assert world.records.untold == 100
    world.api.come_back()
    world.pass_time(31)
    assert sorted(world.final) == sorted(pod.uid for pod in pods)
    assert world.records.untold == 0


def test_the_server_is_given_the_time_it_asks_for(world: World) -> None:
    world.api.faults.order(Fault(TooManyRequests(429, retry_after=7.0)), "patch")
    pod = world.claim()
    world.release(pod)
    world.pass_time(6.9)
    assert len(world.api.requests) == 1
    world.pass_time(0.2)
    assert world.final == [pod.uid]


def test_one_object_that_is_refused_does_not_hold_up_the_others(world: World) -> None:
    world.api.faults.order(Fault(Invalid(422)), "patch")
    bad, good = world.claim("bad"), world.claim("good")
    world.release(bad)
    world.release(good)
    assert world.final == [good.uid]


def test_an_object_that_others_keep_changing_is_left_for_later(world: World) -> None:
    world.api.faults.order(Fault(Conflict(409)), "patch", times=5)
    pod = world.claim()
    world.release(pod)
    assert world.final == []
    world.pass_time(1.0)
    assert world.final == [pod.uid]


def test_writes_at_once_are_bounded(world: World) -> None:
    world.api.faults.order(HANGS, "patch", times=100)
    for number in range(40):
        world.release(world.claim(f"pod-{number}"))
    assert len(world.api.requests) == CONCURRENCY
    world.records.stop()


def test_a_crowd_is_let_through_before_anything_is_written(world: World) -> None:
    for number in range(20):
        pod = world.claim(f"pod-{number}")
        world.clock.advance(0.6 * CALM_SECONDS)
        world.records.released(pod, Outcome.COMPLETED, world.time.utcnow())
        assert world.phases_written() == []
    world.pass_time(0.1)
    assert world.phases_written() == ["Released"] * 20


def test_a_crowd_without_end_does_not_hold_up_the_writes(world: World) -> None:
    lag = 0
    for number in range(500):
        pod = world.claim(f"pod-{number}")
        world.clock.advance(0.6 * CALM_SECONDS)
        world.records.released(pod, Outcome.COMPLETED, world.time.utcnow())
        lag = max(lag, number + 1 - len(world.final))
    assert lag * 0.6 * CALM_SECONDS <= LONGEST_COURTESY_SECONDS + 2 * CALM_SECONDS


def test_a_release_during_the_write_of_the_use_follows_it(world: World) -> None:
    gate: Deferred[None] = Deferred()
    world.api.faults.order(Fault(gate=gate), "patch")
    pod = world.claim()
    world.pass_time(1.1)
    world.release(pod)
    gate.callback(None)
    world.turn()
    assert world.phases_written() == ["InUse", "Released"]
    assert world.final == [pod.uid]


def test_many_stories_are_told_without_deep_recursion(world: World) -> None:
    world.api.faults.order(Fault(NotSent("down")), "patch")
    for number in range(2000):
        world.release(world.claim(f"pod-{number}"))
    world.pass_time(1.0)
    assert len(world.final) == 2000


def test_a_flush_waits_until_all_is_told(world: World) -> None:
    assert world.flush() == [True]
    gate: Deferred[None] = Deferred()
    world.api.faults.order(Fault(gate=gate), "patch")
    world.release(world.claim())
    result = world.flush()
    assert result == []
    gate.callback(None)
    assert result == [True]


def test_a_flush_ends_in_time(world: World) -> None:
    world.api.go_down()
    world.release(world.claim())
    result = world.flush(within=3.0)
    world.pass_time(3.1)
    assert result == [False]
    world.records.stop()
    assert not world.clock.getDelayedCalls()


def test_stopping_leaves_nothing_behind(world: World) -> None:
    world.api.faults.order(HANGS, "patch")
    world.api.faults.order(Fault(Invalid(422)), "patch")
    world.release(world.claim("hangs"))
    world.release(world.claim("refused"))
    world.claim("young")
    world.records.stop()
    world.records.stop()
    assert not world.clock.getDelayedCalls()


def test_it_may_be_stopped_by_who_waited_for_the_flush(world: World) -> None:
    gate: Deferred[None] = Deferred()
    world.api.faults.order(Fault(gate=gate), "patch")
    world.release(world.claim())
    stopped: list[None] = []
    flushing = Deferred.fromCoroutine(world.records.flush(9.0))
    flushing.addCallback(lambda _: world.records.stop()).addCallback(stopped.append)
    gate.callback(None)
    assert stopped == [None]


FAULTS = st.sampled_from(
    [
        Fault(),
        REPLY_LOST,
        Fault(UnknownOutcome("nothing happened")),
        Fault(NotSent("down")),
        Fault(Conflict(409)),
        Fault(ServerError(500), after=True),
        Fault(Invalid(422)),
    ]
)


@settings(deadline=None, max_examples=60)
@given(
    faults=st.lists(st.tuples(st.sampled_from(["get", "patch"]), FAULTS), max_size=12),
    lifetimes=st.lists(st.sampled_from([0.0, 0.5, 1.5, 4.0]), min_size=1, max_size=4),
)
def test_whatever_goes_wrong_each_story_ends_once_and_right(
    faults: list[tuple[str, Fault]], lifetimes: list[float]
) -> None:
    world = World()
    for verb, fault in faults:
        world.api.faults.order(fault, verb)
    for number, lifetime in enumerate(lifetimes):
        pod = world.claim(f"pod-{number}")
        world.clock.callLater(lifetime, world.release, pod)
    world.pass_time(60)
    for number in range(len(lifetimes)):
        assert world.operator.status(f"pod-{number}")["phase"] == "Released"
        assert world.operator.status(f"pod-{number}")["outcome"] == "completed"
    assert len(world.final) == len(lifetimes)
    assert world.records.untold == 0
    assert not world.clock.getDelayedCalls()
