"""What is not as it should be once all faults have ceased."""

from collections import Counter

from isoproxy.kube.resources import CONFIG_MAPS, ISOLATION_PODS, LEASES, NETWORK_POLICIES, PODS, Json
from test.simulation.processes import ProxyProcess
from test.simulation.statuses import misstated
from test.simulation.world import NAMESPACE, World

_CHILDREN = (CONFIG_MAPS, NETWORK_POLICIES)
"""Each service has one of each; its proxies are deployed by others."""


def fed(world: World, service: Json) -> list[ProxyProcess]:
    """Every proxy that is to have its part of a service's pool."""
    name = service["metadata"]["name"]
    return [proxy for proxy in world.proxies if proxy.service == (NAMESPACE, name) and not proxy.draining]


def unsettled(world: World) -> list[str]:
    """What is not as it should be at the end."""
    found = [f"{visitor} is still there" for visitor in world.visitors if not visitor.over and visitor.machine.alive]
    found += _records(world) + _pods(world) + _shares(world) + _leases(world) + _children(world)
    return found + misstated(world)


def _records(world: World) -> list[str]:
    found = []
    services = {one["metadata"]["uid"]: one for one in world.services()}
    pods = {one["metadata"]["uid"] for one in world.server.objects(PODS)}
    counted: Counter[str] = Counter()
    for record in world.server.objects(ISOLATION_PODS):
        meta, pod_uid = record["metadata"], record["spec"]["podUID"]
        counted[meta["labels"]["soh.re/service-uid"]] += 1
        if record["status"]["phase"] != "Idle":
            found.append(f"{meta['name']} is {record['status']['phase']}")
        if pod_uid and pod_uid not in pods:
            found.append(f"{meta['name']} has lost its pod")
    found += [
        f"{counted[uid]} records of {one['metadata']['name']}, not {one['spec']['replicas']}"
        for uid, one in services.items()
        if counted[uid] != one["spec"]["replicas"]
    ]
    found += [f"{count} records of {uid}, which is gone" for uid, count in counted.items() if uid not in services]
    if len(pods) != counted.total():
        found.append(f"{len(pods)} pods, {counted.total()} records")
    return found


def _pods(world: World) -> list[str]:
    found = []
    for pod in world.server.objects(PODS):
        program = world.nodes.programs.get(pod["metadata"]["uid"])
        if program is None or not program.ready or not program.listening:
            found.append(f"{pod['metadata']['name']} does not work")
    return found


def _shares(world: World) -> list[str]:
    """Each proxy listens and has its part of the pool; and what is assigned is so to instances that live."""
    instances = {lease["spec"]["holderIdentity"] for lease in _leases_here(world)}
    assigned = [(one["metadata"]["name"], one["spec"]["proxy"]) for one in world.server.objects(ISOLATION_PODS)]
    found = [f"{name} is assigned to {to}, which is gone" for name, to in assigned if to and to not in instances]
    holding = Counter(to for _, to in assigned)
    for lease in _leases_here(world):
        instance, held = lease["spec"]["holderIdentity"], lease["metadata"]["annotations"].get("soh.re/held", "0")
        if int(held) != holding[instance]:  # where a watch was given up often it takes its time to be tried again
            found.append(f"{instance} knows of {held} pods, not {holding[instance]}")
    given = Counter(to.rpartition("-")[0] for _, to in assigned)
    for service in world.services():
        proxies = fed(world, service)
        part = _part(service["spec"]["replicas"], len(proxies))
        for proxy in proxies:
            if not proxy.open:
                found.append(f"{proxy.machine.name} does not listen")
            if given[proxy.home] < part:
                found.append(f"{proxy.machine.name} in {proxy.home} has {given[proxy.home]} pods, not {part}")
    return found


def _part(replicas: int, proxies: int) -> int:
    """How many pods of a pool each proxy has at least: a single one all; else a quarter may wait for whoever needs it,
    but each has one where there are enough."""
    if proxies <= 1:
        return replicas
    return max((replicas - replicas // 4) // proxies, min(1, replicas // proxies))


def _leases(world: World) -> list[str]:
    """Each proxy has one, and nobody else."""
    names = {one["metadata"]["name"] for one in world.services()}
    homes = Counter(proxy.home for proxy in world.proxies if proxy.service[1] in names)
    held = Counter(lease["spec"]["holderIdentity"].rpartition("-")[0] for lease in _leases_here(world))
    found = [f"{count} Leases too many of {home}" for home, count in (held - homes).items()]
    return found + [f"{home} has no Lease" for home in homes - held]


def _leases_here(world: World) -> list[Json]:
    return [one for one in world.server.objects(LEASES) if one["metadata"]["namespace"] == NAMESPACE]


def _children(world: World) -> list[str]:
    """Each service has its own, and nothing is left of one that is gone."""
    services = {one["metadata"]["uid"]: one["metadata"]["name"] for one in world.services()}
    found = []
    for resource in _CHILDREN:
        owners = Counter(_service_of(one) for one in world.server.objects(resource))
        found += [f"{name} has no {resource.kind}" for uid, name in services.items() if not owners[uid]]
    for resource in (*_CHILDREN, LEASES):
        for one in world.server.objects(resource):
            if one["metadata"]["namespace"] == NAMESPACE and _service_of(one) not in services:
                found.append(f"{resource.kind} {one['metadata']['name']} is left over")
    return found


def _service_of(one: Json) -> str:
    return str(one["metadata"].get("labels", {}).get("soh.re/service-uid", ""))
