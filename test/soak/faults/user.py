"""Users, who change their services, and take away what is not theirs."""

from collections.abc import Callable
from random import Random
from typing import Any

from test.running.api import DEDIS, IPODS, LEASES, PODS
from test.soak.faults.fault import API, Begun, Fault, Unfit, leave_alone
from test.soak.world import SERVICES, World

_LONGEST_AWAY = 5.0


def _change(world: World, random: Random, spec: dict[str, Any]) -> Begun:
    leave_alone(world)
    service = random.choice(list(SERVICES))
    world.manifests[service]["spec"] |= spec
    world.api.patch(f"{DEDIS}/{service}", {"spec": spec})
    return Begun(API, about=f"{service}: {spec}")


def _scale(world: World, random: Random) -> Begun:
    return _change(world, random, {"replicas": random.randrange(5)})


def _roll(world: World, random: Random) -> Begun:
    return _change(world, random, {"env": [{"name": "ROUND", "value": str(random.random())}]})


def _recreate(world: World, random: Random) -> Begun:
    leave_alone(world)
    service = random.choice(list(SERVICES))
    world.doings.about_to_end("service", service)
    world.api.delete(f"{DEDIS}/{service}")
    return Begun(API, random.uniform(0, _LONGEST_AWAY), world.create_missing, service)


def _delete(world: World, random: Random, path: str) -> Begun:
    """Delete one of the objects that are there, whatever it is for."""
    leave_alone(world)
    found = world.api.items(path, labelSelector="soh.re/service-uid")
    if not found:
        raise Unfit
    name: str = random.choice(found)["metadata"]["name"]
    if path in (PODS, IPODS):
        world.doings.about_to_end("pod", name)
    world.api.delete(f"{path}/{name}")
    return Begun(API, about=name)


def _deleting(path: str) -> Callable[[World, Random], Begun]:
    return lambda world, random: _delete(world, random, path)


FAULTS = (
    Fault("scale", 2, _scale),
    Fault("change template", 2, _roll),
    Fault("recreate service", 0.7, _recreate),
    Fault("delete pod", 2, _deleting(PODS)),
    Fault("delete record", 2, _deleting(IPODS)),
    Fault("delete Lease", 1, _deleting(LEASES)),
)
