"""A service whose spec cannot be understood: what runs goes on, what is over is ended, and nothing is made."""

import pytest

from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, PODS, Json, Resource
from test.operator.reconciling import World, names_of

INCOMPREHENSIBLE = {"network": {"allowedCIDRs": ["::ffff:10.0.0.0/104"]}}
"""Passes the schema, but API servers are about to refuse it in a policy."""


def edit(world: World, spec: Json) -> None:
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": spec}, namespace="n"))


@pytest.fixture
def used(world: World) -> list[Json]:
    """The pods that clients had when the service became invalid; those in their place are unused."""
    service = world.service(replicas=2)
    world.proxy(service, "pod-1", held="0")
    world.settle(5)
    records = world.assigned("pod-1")
    for record in records:
        world.write_phase(record, "InUse")
    world.settle(3)
    edit(world, INCOMPREHENSIBLE)
    world.settle(2)
    assert world.condition("Degraded")["reason"] == "InvalidSpec"
    return records


def test_what_is_over_is_ended_and_the_rest_is_left_as_it_is(world: World, used: list[Json]) -> None:
    before = names_of(world.all(PODS))
    over, stays = used
    world.write_phase(over, "Released")
    world.settle(2)
    assert names_of(world.all(PODS)) == names_of(world.all(ISOLATION_PODS)) == before - names_of([over])
    assert stays["metadata"]["name"] in before


def test_what_went_down_with_its_proxy_is_recorded_and_ended(world: World, used: list[Json]) -> None:
    outcomes = []

    def note(verb: str, resource: Resource, name: str) -> None:
        if (verb, resource) == ("patch", ISOLATION_PODS):
            written = world.do(world.hand.get(ISOLATION_PODS, name, namespace="n"))
            outcomes.append(written["status"].get("outcome"))

    world.api.after = note
    [service] = world.all(DEDICATED_SERVICES)
    world.proxy(service, "pod-1", held="0", ended="true")
    world.settle(10)
    assert outcomes == ["proxy_lost"] * 2
    assert not names_of(used) & names_of(world.all(PODS))


def test_one_that_is_understood_again_is_served_again(world: World, used: list[Json]) -> None:
    for record in used:
        world.write_phase(record, "Released")
    edit(world, {"network": None, "replicas": 4})
    world.settle(5)
    assert len(world.all(PODS)) == 4
