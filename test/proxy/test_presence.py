"""The Lease through outages, and the fence: the proxy stops using its pods before anybody may take them away."""

from dataclasses import dataclass, field

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from isoproxy.kube.errors import Forbidden, ServerError
from isoproxy.kube.resources import LEASES
from isoproxy.model.parsing import parse
from isoproxy.model.proxylease import ProxyLease
from isoproxy.proxy.leasepace import Demand
from isoproxy.proxy.presence import YIELD_SECONDS, Holder, Presence
from isoproxy.timesource import TimeSource
from test.faults import HANGS, REPLY_LOST, Fault
from test.memoryapi import MemoryApi, make_core
from test.proxy.operator import INSTANCE, Operator

NAME = f"web-{INSTANCE}"
GRACE = 60


@dataclass
class World:
    """A presence, its API server, and what it was told."""

    clock: Clock = field(default_factory=Clock)
    demand: Demand = field(default_factory=Demand)
    events: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        core = make_core(self.clock)
        self.api = MemoryApi(core, self.clock)
        self.operator = Operator(core, self.clock)
        self.service_uid = self.operator.serve()
        self.presence = Presence(
            api=self.api,
            holder=Holder("default", "web", self.service_uid, INSTANCE),
            time=TimeSource.simulated(self.clock),
            grace_seconds=GRACE,
            demand=lambda: self.demand,
            on_held=lambda: self.events.append("held"),
            on_fenced=lambda: self.events.append("fenced"),
            jitter=lambda: 0.5,
        )
        self.clock.advance(1_000_000)

    def pass_time(self, seconds: float, step: float = 0.05) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)

    def lease(self) -> ProxyLease:
        return parse(ProxyLease, self.operator.get(LEASES, NAME))

    def writes(self) -> int:
        return self.api.count("create", "leases") + self.api.count("patch", "leases")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def held(world: World) -> World:
    world.presence.start()
    world.pass_time(0.1)
    assert world.events == ["held"]
    return world


def test_the_lease_says_who_holds_it_and_what_it_promises(held: World) -> None:
    raw = held.operator.get(LEASES, NAME)
    lease = held.lease()
    assert lease.instance == INSTANCE
    assert lease.metadata.service_uid == held.service_uid
    assert lease.grace_seconds == GRACE
    assert raw["spec"]["leaseDurationSeconds"] == 15
    assert raw["spec"]["renewTime"] == "1970-01-12T13:46:40.050000Z"
    assert held.presence.held
    assert not held.presence.is_fenced()


def test_it_is_renewed_every_five_seconds_by_a_write_that_changes_it(held: World) -> None:
    before = held.operator.get(LEASES, NAME)["metadata"]["resourceVersion"]
    held.pass_time(20.0)
    assert held.writes() == 5
    assert held.operator.get(LEASES, NAME)["metadata"]["resourceVersion"] != before


def test_the_first_in_the_queue_is_told_at_once(held: World) -> None:
    held.demand = Demand(queued=1)
    held.presence.demand_changed(urgent=True)
    held.clock.advance(0)
    assert held.lease().queued == 1


def test_the_queue_is_told_at_once_each_time_it_begins(held: World) -> None:
    for waiting in (1, 0, 1, 0, 1):
        held.pass_time(1.0)
        held.demand = Demand(queued=waiting)
        held.presence.demand_changed(urgent=waiting == 1)
    held.clock.advance(0)
    assert held.lease().queued == 1


def test_a_claim_is_told_when_its_connection_has_been_served(held: World) -> None:
    held.pass_time(1.0)
    before = held.writes()
    held.demand = Demand(held=3, claimed=1)
    held.presence.demand_changed()
    held.clock.advance(0.9 * YIELD_SECONDS)
    assert held.writes() == before
    held.clock.advance(0.2 * YIELD_SECONDS)
    assert held.lease().claimed == 1


def test_a_busy_proxy_writes_four_times_a_second_at_most(held: World) -> None:
    before = held.writes()
    for number in range(1000):
        held.demand = Demand(held=number % 7)
        held.presence.demand_changed()
        held.clock.advance(0.01)
    assert held.writes() - before <= 41
    held.pass_time(0.3)
    assert held.lease().held == 999 % 7


def test_one_write_is_in_flight_at_a_time(held: World) -> None:
    held.api.faults.order(HANGS, "patch")
    held.demand = Demand(queued=1)
    held.presence.demand_changed(urgent=True)
    held.clock.advance(0)
    before = held.writes()
    for number in range(20):
        held.demand = Demand(queued=number)
        held.presence.demand_changed(urgent=True)
        held.clock.advance(0.1)
    assert held.writes() == before
    held.pass_time(3.0)  # the hanging one is given up
    assert held.lease().queued == 19


def test_a_listen_address_and_an_error_are_told(held: World) -> None:
    held.presence.say(listen="127.0.0.1:9090", listen_error="")
    held.clock.advance(0)
    assert held.lease().listen == "127.0.0.1:9090"
    held.presence.say(listen_error="in use")
    held.pass_time(0.3)
    assert (held.lease().listen, held.lease().listen_error) == ("127.0.0.1:9090", "in use")
    held.presence.say(listen_error="")
    held.pass_time(0.3)
    assert "soh.re/listen-error" not in held.operator.get(LEASES, NAME)["metadata"]["annotations"]


def test_a_lost_reply_to_the_create_is_no_obstacle(world: World) -> None:
    world.api.faults.order(REPLY_LOST, "create")
    world.presence.start()
    world.clock.advance(0)
    assert world.events == []
    world.pass_time(1.0)
    assert world.events == ["held"]
    assert world.api.count("patch", "leases") == 1


def test_a_lease_deleted_by_hand_is_made_again(held: World) -> None:
    held.operator.delete(LEASES, NAME)
    held.pass_time(5.1)
    assert held.lease().instance == INSTANCE
    assert held.events == ["held"]


@pytest.mark.parametrize("fault", [Fault(Forbidden(403)), Fault(ServerError(500)), HANGS, REPLY_LOST])
def test_through_an_outage_a_try_begins_at_least_every_five_seconds(held: World, fault: Fault) -> None:
    held.api.faults.order(fault, "patch", times=100)
    held.pass_time(5.1)
    for _ in range(4):
        before = held.writes()
        held.pass_time(5.1)
        assert held.writes() > before


def test_the_fence_falls_when_nothing_was_acknowledged_for_the_grace(held: World) -> None:
    held.api.go_down()
    held.pass_time(GRACE - 0.2)
    assert not held.presence.is_fenced()
    held.pass_time(0.3)
    assert held.events == ["held", "fenced"]
    assert held.presence.is_fenced()
    assert not held.presence.held


def test_a_write_whose_reply_was_lost_is_no_acknowledgement(held: World) -> None:
    held.api.faults.order(REPLY_LOST, "patch", times=1000)
    held.pass_time(GRACE + 0.1)
    assert held.events == ["held", "fenced"]


def test_the_grace_counts_from_when_a_renewal_was_sent(held: World) -> None:
    answer: Deferred[None] = Deferred()
    held.api.faults.order(Fault(gate=answer), "patch")
    held.pass_time(5.0)
    sent = held.clock.seconds()
    held.pass_time(3.0)
    answer.callback(None)
    held.api.go_down()
    held.pass_time(sent + GRACE - held.clock.seconds() - 0.2)
    assert not held.presence.is_fenced()
    held.pass_time(0.4)
    assert held.presence.is_fenced()


def test_after_a_suspended_machine_wakes_the_first_question_finds_the_fence_fallen(world: World) -> None:
    # The reactor's timers have not run yet: only the clock that went on while the machine slept knows.
    asleep = 0.0
    clock = world.clock
    world.presence._time = TimeSource(clock, lambda: clock.seconds() + asleep, world.presence._time.utcnow)
    world.presence.start()
    world.pass_time(0.1)
    asleep = GRACE + 1.0
    assert world.presence.is_fenced()
    assert world.events == ["held", "fenced"]


def test_after_the_fence_a_renewal_holds_the_lease_anew(held: World) -> None:
    held.api.go_down()
    held.pass_time(GRACE + 1.0)
    held.api.come_back()
    held.pass_time(5.1)
    assert held.events == ["held", "fenced", "held"]
    assert not held.presence.is_fenced()


def test_before_the_lease_is_held_nothing_may_be_used(world: World) -> None:
    world.api.go_down()
    world.presence.start()
    world.pass_time(1.0)
    assert world.presence.is_fenced()
    assert world.events == []


def end(world: World, within: float) -> list[bool]:
    result: list[bool] = []
    Deferred.fromCoroutine(world.presence.end(within)).addCallback(result.append)
    return result


def test_the_last_word_is_said_and_nothing_after_it(held: World) -> None:
    held.presence.say(draining=True)
    held.clock.advance(0)
    assert held.lease().draining
    assert not held.lease().ended
    result = end(held, 5.0)
    held.clock.advance(0.3)
    assert result == [True]
    assert held.lease().ended
    before = held.writes()
    held.pass_time(20.0)
    assert held.writes() == before
    assert not held.clock.getDelayedCalls()


def test_the_last_word_waits_for_the_write_in_flight(held: World) -> None:
    held.api.faults.order(HANGS, "patch")
    held.demand = Demand(queued=1)
    held.presence.demand_changed(urgent=True)
    held.clock.advance(0)
    result = end(held, 6.0)
    assert result == []
    held.pass_time(5.0)
    assert result == [True]
    assert held.lease().ended


def test_the_last_word_is_given_up_when_nobody_hears_it(held: World) -> None:
    held.api.go_down()
    result = end(held, 5.0)
    held.pass_time(5.1)
    assert result == [False]
    assert not held.clock.getDelayedCalls()


def test_stopping_leaves_nothing_behind(held: World) -> None:
    held.api.faults.order(HANGS, "patch")
    held.pass_time(5.1)
    held.presence.stop()
    held.presence.stop()
    held.presence.demand_changed(urgent=True)
    assert not held.clock.getDelayedCalls()
    assert end(held, 5.0) == [False]
