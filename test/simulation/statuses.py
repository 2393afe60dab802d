"""What a DedicatedService says of itself that is not so, once all is as it should be."""

from isoproxy.kube.resources import Json
from test.simulation.world import World

_AT_REST = {"Ready": "True", "Progressing": "False", "Degraded": "False"}


def misstated(world: World) -> list[str]:
    """What services say but that their pools are full, that nobody is there, and that nothing is wrong."""
    return [wrong for service in world.services() for wrong in _misstated(service)]


def _misstated(service: Json) -> list[str]:
    status, meta, replicas = service.get("status", {}), service["metadata"], service["spec"]["replicas"]
    conditions = status.get("conditions", ())
    wanted = {"totalTargets": replicas, "availableTargets": replicas, "inUse": 0, "queued": 0}
    wanted |= {"observedGeneration": meta["generation"]}
    said = {name: status.get(name) for name in wanted}
    found = [f"{meta['name']} says {said}, not {wanted}"] if said != wanted else []
    if {condition["type"]: condition["status"] for condition in conditions} != _AT_REST:
        why = ", ".join(f"{one['type']}={one['status']} {one['reason']}: {one['message']}" for one in conditions)
        found.append(f"{meta['name']} says {why}")
    return found
