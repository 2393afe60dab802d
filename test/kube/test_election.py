"""Elections among several processes over the embedded API server's core, on one clock."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from isoproxy.kube.candidate import RENEW_SECONDS, RETRY_SECONDS
from isoproxy.kube.election import TRY_SECONDS, Election
from isoproxy.kube.errors import Forbidden, NotSent, ServerError, UnknownOutcome
from isoproxy.kube.resources import LEASES, NAMESPACES, Json, Resource
from isoproxy.model.leaderlease import LEASE_NAME, LEASE_SECONDS
from isoproxy.timesource import TimeSource
from test.coreapi import EPOCH
from test.faults import HANGS
from test.memoryapi import MemoryApi, at_once, make_core

STEP = 0.1
HANDOVER = 2 * RETRY_SECONDS + STEP
"""How long those who wait may take to see that the Lease is free."""


class Network(MemoryApi):
    """The API as one process reaches it."""

    def fail(self, error: Exception, *, after: bool = False, when: Callable[[str], bool] = lambda verb: True) -> None:
        """Let what is asked of it fail from now on, ``after`` it has happened."""

        def hook(verb: str, resource: Resource, name: str) -> None:
            if when(verb):
                raise error

        self.work()
        if after:
            self.after = hook
        else:
            self.before = hook

    def work(self) -> None:
        self.before = self.after = lambda verb, resource, name: None


class World:
    """Candidates that see each other by the Lease only. At no time two of them lead."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.core = make_core(self.clock)
        self.hand = MemoryApi(self.core, self.clock)
        self.now(self.hand.create(NAMESPACES, {"metadata": {"name": "ops"}}))
        self.networks: dict[str, Network] = {}
        self.elections: dict[str, Election] = {}
        self.told: list[str] = []

    def candidate(
        self, name: str, *, clock_off_by: float = 0.0, seed: int = 0, start: bool = True, lease: str = LEASE_NAME
    ) -> Network:
        """Begin to take part; its time of day may be wrong."""
        clock, epoch = self.clock, datetime.fromtimestamp(EPOCH, UTC)
        shown = epoch + timedelta(seconds=clock_off_by)
        network = self.networks[name] = Network(self.core, clock)
        election = self.elections[name] = Election(
            api=network,
            time=TimeSource(clock, clock.seconds, lambda: shown + timedelta(seconds=clock.seconds())),
            namespace="ops",
            identity=name,
            on_lead=lambda: self.told.append(f"+{name}"),
            on_lost=lambda: self.told.append(f"-{name}"),
            lease=lease,
            jitter=random.Random(seed).random,
        )
        if start:
            election.start()
        return network

    now = staticmethod(at_once)

    def leaders(self) -> list[str]:
        return [name for name, election in self.elections.items() if election.leads]

    def settle(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            self.clock.advance(STEP)
            assert len(self.leaders()) <= 1

    def until(self, seconds: float, leader: str) -> float:
        """Wait for one to lead; returns how long it took."""
        began = self.clock.seconds()
        while self.leaders() != [leader]:
            self.settle(STEP)
            assert self.clock.seconds() - began <= seconds
        return self.clock.seconds() - began

    def lease(self) -> Json:
        found: Json = self.now(self.hand.get(LEASES, LEASE_NAME, namespace="ops"))
        return found

    def stop(self, name: str) -> None:
        assert self.now(self.elections.pop(name).stop()) is None


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def two(world: World) -> World:
    """The leader ``a``, and ``b``, who waits."""
    world.candidate("a")
    world.candidate("b")
    world.settle(20)
    assert (world.leaders(), world.told) == (["a"], ["+a"])
    return world


def test_those_of_another_lease_have_a_leader_of_their_own(world: World) -> None:
    world.candidate("a")
    world.candidate("other", lease="second-release")
    for _ in range(60):
        world.clock.advance(1)
    assert world.leaders() == ["a", "other"]
    assert world.lease()["spec"]["holderIdentity"] == "a"
    found = world.now(world.hand.get(LEASES, "second-release", namespace="ops"))
    assert found["spec"]["holderIdentity"] == "other"
    world.stop("other")
    assert world.leaders() == ["a"]


def test_the_lease_says_who_leads_and_since_when(two: World) -> None:
    spec = two.lease()["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("a", 15, 0)
    assert spec["acquireTime"] == "2027-01-15T08:00:00.000000Z"
    assert spec["renewTime"] > spec["acquireTime"]


def test_the_leader_renews_every_two_seconds_and_the_others_only_look(two: World) -> None:
    for network in two.networks.values():
        network.requests.clear()
    two.settle(20)
    assert {verb for verb, _, _ in two.networks["a"].requests} == {"patch"}
    assert len(two.networks["a"].requests) == 10
    assert {verb for verb, _, _ in two.networks["b"].requests} == {"get"}
    assert 5 <= len(two.networks["b"].requests) <= 10


def test_who_stops_leaves_the_lease_and_another_leads_soon(two: World) -> None:
    two.stop("a")
    assert two.lease()["spec"]["holderIdentity"] == ""
    assert two.told == ["+a"]
    two.until(HANDOVER, "b")
    spec = two.lease()["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("b", 1)


def test_who_is_killed_is_followed_when_its_lease_has_run_out(two: World) -> None:
    two.networks["a"].fail(NotSent("killed"))
    dead = two.elections.pop("a")
    took = two.until(LEASE_SECONDS + HANDOVER, "b")
    assert took > LEASE_SECONDS - RETRY_SECONDS
    assert not dead.leads


@pytest.mark.parametrize(
    "error", [NotSent("no route"), ServerError(500), UnknownOutcome(), Forbidden(403), RuntimeError("a fault of ours")]
)
def test_a_leader_cut_off_leads_no_more_before_another_does(two: World, error: Exception) -> None:
    two.networks["a"].fail(error)
    two.settle(RENEW_SECONDS - RETRY_SECONDS - STEP)
    assert two.told == ["+a"]
    two.settle(RETRY_SECONDS + 2 * STEP)
    assert two.told == ["+a", "-a"]
    two.until(LEASE_SECONDS - RENEW_SECONDS + HANDOVER, "b")
    two.networks["a"].work()
    two.settle(60)
    assert two.told == ["+a", "-a", "+b"]


def test_an_outage_for_all_ends_with_one_leader(two: World) -> None:
    for network in two.networks.values():
        network.fail(NotSent("no route"))
    two.settle(60)
    assert two.leaders() == []
    for network in two.networks.values():
        network.work()
    two.settle(2 * HANDOVER)
    assert len(two.leaders()) == 1


def test_an_outage_shorter_than_leadership_changes_nothing(two: World) -> None:
    two.networks["a"].fail(NotSent("no route"))
    two.settle(RENEW_SECONDS - 2 * RETRY_SECONDS)
    two.networks["a"].work()
    two.settle(30)
    assert two.told == ["+a"]


def test_leadership_that_was_lost_comes_back_if_nobody_took_it(world: World) -> None:
    network = world.candidate("a")
    world.settle(5)
    network.fail(NotSent("no route"))
    world.settle(30)
    network.work()
    world.until(HANDOVER, "a")
    assert world.told == ["+a", "-a", "+a"]
    assert world.lease()["spec"]["leaseTransitions"] == 0


@pytest.mark.parametrize("verb", ["create", "patch"])
def test_a_claim_whose_reply_is_lost_is_found_out_by_a_look(world: World, verb: str) -> None:
    if verb == "patch":
        world.candidate("before")
        world.stop("before")
    network = world.candidate("a", start=False)
    network.fail(UnknownOutcome(), after=True, when=lambda asked: asked == verb)
    world.elections["a"].start()
    world.settle(STEP)
    assert world.lease()["spec"]["holderIdentity"] == "a"
    assert world.leaders() == []
    network.work()
    world.until(HANDOVER, "a")
    assert world.lease()["spec"]["leaseTransitions"] == (verb == "patch")


def test_lost_replies_to_renewals_cost_nothing_as_long_as_some_arrive(two: World) -> None:
    network = two.networks["a"]
    for _ in range(5):
        network.fail(UnknownOutcome(), after=True)
        two.settle(RETRY_SECONDS)
        network.work()
        two.settle(2 * RETRY_SECONDS)
    assert two.told == ["+a"]
    assert two.lease()["spec"]["leaseTransitions"] == 0


def test_replies_that_are_all_lost_prove_nothing_though_the_lease_is_renewed(two: World) -> None:
    two.networks["a"].fail(UnknownOutcome(), after=True, when=lambda verb: verb == "patch")
    two.settle(60)
    assert two.told == ["+a", "-a"]
    assert two.lease()["spec"]["holderIdentity"] == "a"  # and so nobody else leads, either
    two.networks["a"].work()
    two.until(HANDOVER, "a")


def test_a_request_that_hangs_leaves_time_for_another(two: World) -> None:
    two.networks["a"].faults.order(HANGS, "patch")
    two.settle(TRY_SECONDS + 2 * RETRY_SECONDS)
    assert two.networks["a"].faults.left("patch") == 0
    assert two.told == ["+a"]


def test_a_hand_in_the_lease_is_no_reason_to_stop(two: World) -> None:
    for number in range(5):
        patch = {"metadata": {"labels": {"touched": str(number)}}}
        two.now(two.hand.patch(LEASES, LEASE_NAME, patch, namespace="ops"))
        two.settle(3)
    assert two.told == ["+a"]
    assert two.lease()["metadata"]["labels"] == {"touched": "4"}


def test_a_leader_that_is_voted_out_by_hand_stops_at_its_next_renewal(two: World) -> None:
    two.now(two.hand.patch(LEASES, LEASE_NAME, {"spec": {"holderIdentity": "c"}}, namespace="ops"))
    two.settle(2 * RETRY_SECONDS + STEP)
    assert two.told == ["+a", "-a"]
    two.settle(LEASE_SECONDS + HANDOVER)
    assert len(two.leaders()) == 1


def test_a_deleted_lease_is_made_again_by_who_leads(two: World) -> None:
    two.now(two.hand.delete(LEASES, LEASE_NAME, namespace="ops"))
    two.settle(30)
    assert two.told == ["+a"]
    assert two.lease()["spec"]["holderIdentity"] == "a"


@pytest.mark.parametrize("off_by", [-86400.0, 86400.0])
def test_nobody_is_believed_what_time_it_is(world: World, off_by: float) -> None:
    world.candidate("a")
    world.candidate("b", clock_off_by=off_by)
    world.settle(40)
    assert world.told == ["+a"]
    world.stop("a")
    world.until(HANDOVER, "b")
    world.candidate("c")
    world.settle(40)
    assert world.told == ["+a", "+b"]


def test_who_waits_stops_without_a_request(two: World) -> None:
    two.networks["b"].requests.clear()
    two.stop("b")
    assert two.networks["b"].requests == []
    assert two.lease()["spec"]["holderIdentity"] == "a"


def test_a_lease_that_cannot_be_released_runs_out(two: World) -> None:
    two.networks["a"].fail(NotSent("no route"))
    two.stop("a")
    two.until(LEASE_SECONDS + HANDOVER, "b")


def test_a_stop_waits_for_a_server_that_hangs_only_so_long(two: World) -> None:
    two.networks["a"].faults.order(HANGS, "patch")
    ended: list[object] = []
    Deferred.fromCoroutine(two.elections.pop("a").stop()).addBoth(ended.append)
    two.settle(TRY_SECONDS)
    assert ended == [None]


def test_a_stop_in_the_middle_of_a_renewal_releases_all_the_same(two: World) -> None:
    network = two.networks["a"]
    network.faults.order(HANGS, "patch")
    while network.faults.left("patch"):
        two.settle(STEP)
    two.stop("a")
    assert two.lease()["spec"]["holderIdentity"] == ""


def test_after_a_stop_nothing_happens_any_more(two: World) -> None:
    for name in ("a", "b"):
        two.stop(name)
    assert not two.clock.getDelayedCalls()


def test_a_namespace_that_is_not_there_is_waited_for(world: World) -> None:
    world.now(world.hand.delete(NAMESPACES, "ops"))
    world.candidate("a")
    world.settle(10)
    assert world.leaders() == []
    world.now(world.hand.create(NAMESPACES, {"metadata": {"name": "ops"}}))
    world.until(HANDOVER, "a")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_fails_two_never_lead_and_in_the_end_one_does(world: World, seed: int) -> None:
    chance = random.Random(seed)
    errors = [NotSent("no route"), UnknownOutcome(), ServerError(500)]
    for name in ("a", "b", "c"):
        world.candidate(name, clock_off_by=chance.uniform(-1e6, 1e6), seed=seed)
    for _ in range(40):
        network = chance.choice(list(world.networks.values()))
        match chance.randrange(4):
            case 0:
                network.fail(chance.choice(errors), after=chance.random() < 0.5)
            case 1:
                network.faults.order(HANGS, "patch", times=chance.randrange(3))
            case _:
                network.work()
        world.settle(chance.uniform(0.1, 12))
    for network in world.networks.values():
        network.work()
        network.faults.clear()
    world.settle(LEASE_SECONDS + 2 * HANDOVER)
    assert len(world.leaders()) == 1
