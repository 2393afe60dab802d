"""Proxies that are not heard of, or are no more."""

from isoproxy.kube.resources import ISOLATION_PODS, LEASES, PODS, Json
from test.simulation.oracle.cluster import LEASE_SECONDS
from test.simulation.scenarios.playing import (
    START_SECONDS,
    come,
    expect_usable,
    happen,
    scenarios,
    served,
)
from test.simulation.world import GRACE, World

POOL = 4
AT_ONCE_SECONDS = 0.1
"""A pod accepts much sooner, if it is in stock."""
HELD_SECONDS = 3590.0
END_SECONDS = 120.0
"""When so much more time is over, so is the hour for which most proxies are waited for."""


def a_watch_of_leases_that_hangs(world: World) -> None:
    """Nothing changes, everybody lives: silence is no evidence."""
    world.run(START_SECONDS)
    come(world, stay=200.0)
    world.operators[0].api.link.deaf_to = LEASES.plural
    world.run(90.0)
    world.operators[0].api.link.deaf_to = ""


def a_proxy_cut_off_for_longer_than_its_grace(world: World) -> None:
    """Clients still reach it, while its pods' addresses are given to others."""
    world.run(START_SECONDS)
    lone = world.proxies[0]
    come(world, lone, stay=200.0)
    world.run(2.0)
    lone.api.link.cut = True
    for _ in range(int(LEASE_SECONDS + GRACE) // 5 + 9):
        world.run(5.0)
        come(world, world.proxies[1], stay=1.0)
        come(world, world.proxies[1], stay=1.0)
    world.run(2.5)
    for _ in range(6):
        come(world, lone, stay=2.0)
    world.run(10.0)


def a_lease_that_comes_back(world: World) -> None:
    world.run(START_SECONDS)
    come(world)
    world.proxies[0].api.link.cut = True
    world.run(20.0)
    world.proxies[0].api.link.cut = False
    for _ in range(4):
        come(world, stay=5.0)
    world.run(60.0)


def a_lease_deleted_by_hand(world: World) -> None:
    world.run(START_SECONDS)
    come(world)
    happen(world, "delete lease")
    world.run(60.0)


def all_proxies_parted_at_once(world: World) -> None:
    """None is taken for dead by time; sessions go on, and so does stock for the grace."""
    world.run(START_SECONDS)
    come(world, stay=300.0)
    world.run(2.0)
    for proxy in world.proxies:
        proxy.api.link.cut = True
    world.run(20.0)
    before = served(world)
    come(world, stay=200.0)
    world.run(AT_ONCE_SECONDS)
    if served(world) == before:
        world.history.wrong("warm: a proxy that is parted for less than its grace serves nobody by its stock")
    world.run(LEASE_SECONDS + GRACE + 60.0)
    for proxy in world.proxies:
        proxy.api.link.cut = False


def a_proxy_dies_and_the_pool_is_warm_again(world: World) -> None:
    world.run(START_SECONDS)
    happen(world, "kill proxy", 0.0, 0.999)
    world.run(LEASE_SECONDS + GRACE - 5.0)
    expect_usable(world, POOL, "while those of a proxy that died are waited for")


def all_proxies_parted_for_most_of_an_hour(world: World) -> None:
    """Nobody ends what they have, in use or not, and fresh pods wait for the next proxy meanwhile."""
    held = _begin_sessions(world)
    for proxy in world.proxies:
        proxy.api.link.cut = True
    world.run(HELD_SECONDS)
    _expect_held(world, held)
    for proxy in world.proxies:
        proxy.api.link.cut = False
    world.run(30.0)


def all_proxies_dead_at_once(world: World) -> None:
    """They might be parted as well, and are waited for: for an hour, and no longer."""
    held = _begin_sessions(world)
    for proxy in list(world.proxies):
        world.retire(proxy)
    world.run(HELD_SECONDS)
    _expect_held(world, held)
    world.run(END_SECONDS)
    left = [*world.server.objects(LEASES), *(one for one in _records(world) if one not in _unassigned(world))]
    left = [one["metadata"]["name"] for one in left if "soh.re/service" in one["metadata"].get("labels", {})]
    if left:
        world.history.wrong(f"I4: more than an hour after all proxies died there are still {left}")


def _begin_sessions(world: World) -> set[str]:
    """Let clients come who stay; returns the uids of all pods that proxies have, used or not."""
    world.run(START_SECONDS)
    for proxy in world.proxies:
        come(world, proxy, stay=2 * HELD_SECONDS)
    world.run(START_SECONDS)
    return {record["spec"]["podUID"] for record in _records(world)} - {""}


def _expect_held(world: World, held: set[str]) -> None:
    gone = held - {pod["metadata"]["uid"] for pod in world.server.objects(PODS)}
    if gone:
        world.history.wrong(f"I2: {len(gone)} of {len(held)} pods of proxies that may live are ended within the hour")
    if (fresh := len(_unassigned(world))) != POOL:
        world.history.wrong(f"warm: {fresh} pods wait for the next proxy, not {POOL}")


def _records(world: World) -> list[Json]:
    return world.server.objects(ISOLATION_PODS)


def _unassigned(world: World) -> list[Json]:
    return [record for record in _records(world) if not record["spec"]["proxy"]]


SCENARIOS = scenarios(
    (a_watch_of_leases_that_hangs, {}),
    (a_proxy_cut_off_for_longer_than_its_grace, {"proxies": 3, "spec": {"replicas": 9}}),
    (a_lease_that_comes_back, {}),
    (a_lease_deleted_by_hand, {}),
    (all_proxies_parted_at_once, {}),
    (a_proxy_dies_and_the_pool_is_warm_again, {}),
    (all_proxies_parted_for_most_of_an_hour, {}),
    (all_proxies_dead_at_once, {}),
)
