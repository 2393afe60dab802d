"""How a run ends: all faults cease, and then everything must come to rest, with nothing left over and nobody there."""

from collections import Counter

from isoproxy.kube.resources import ISOLATION_PODS, LEASES, NETWORK_POLICIES, PODS
from test.simulation.happenings.users import edit
from test.simulation.link import TIMEOUT_SECONDS
from test.simulation.visitors import Manner
from test.simulation.world import NAMESPACE, World

PATIENCE_SECONDS = 900.0
LOOK_SECONDS = 5.0
LONGEST_LAG = 0.1
"""A pod that has just been assigned is not heard of at once."""
WORKING_IMAGE = "good:9"


def come_to_rest(world: World) -> bool:
    """Let faults cease and time pass until all is as it should be; else it is noted what is not.

    Requests that were lost before are given up only when their time is over: until then a watch may hang.
    """
    _heal(world)
    world.run(TIMEOUT_SECONDS)
    deadline = world.timeline.now + PATIENCE_SECONDS
    _mend(world)
    while world.run(LOOK_SECONDS):
        left = unsettled(world)
        if not left:
            return _probe(world)
        if world.timeline.now >= deadline:
            world.history.wrong("I4: it does not come to rest: " + "; ".join(left))
        _mend(world)
    return False


def _probe(world: World) -> bool:
    """One more client comes to each proxy that has stock, and finds a pod that is there and works, at once."""
    records = world.server.objects(ISOLATION_PODS)
    stocked = {record["spec"]["proxy"].rpartition("-")[0] for record in records}
    probes = []
    for proxy in world.proxies:
        if proxy.home in stocked and proxy.open and not proxy.draining:
            probes.append(world.visit(proxy, Manner.CLOSES, 0.1))
    world.run(LOOK_SECONDS)
    for visitor in probes:
        attempts, queued = world.oracle.told_of(visitor)
        if attempts != 1 or queued > LONGEST_LAG:
            world.history.wrong(f"warm: {visitor} came to a full pool, and took {attempts} dials and {queued} s")
    world.oracle.check_told(world.visitors)
    return not world.history.wrongs


def _heal(world: World) -> None:
    world.history.note("all faults cease")
    world.server.up = world.server.collects = True
    for process in world.processes():
        link = process.api.link
        link.cut = link.deaf = link.loses_guarded = False
        link.deaf_to = ""
        link.slow = link.trouble = link.watch_trouble = 0.0
        process.api.resume_watches()
        process.machine.go_on()
    if not world.operators:
        world.start_operator()
    _let_leave(world)


def _mend(world: World) -> None:
    """Have every service be one that can be served; users may have made some anew since faults ceased."""
    for service in world.services():
        meta, spec = service["metadata"], service["spec"]
        if not spec["image"].startswith("good"):
            edit(world, meta["name"], image=WORKING_IMAGE)
        if (spec.get("maxPods") or 100) < spec["replicas"]:
            edit(world, meta["name"], maxPods=spec["replicas"])
        _outnumber_the_dead(world, meta["name"])


def _let_leave(world: World) -> None:
    """Nobody stays for ever, but for those whom their proxies have to tell that there is nobody left to stay with."""
    for visitor in world.visitors:
        program, relay = visitor.program, visitor.relay
        is_left_alone = relay is not None and relay.program_closed
        if program is None or not (is_left_alone and world.oracle.is_gone(program)):
            visitor.leave()


def _outnumber_the_dead(world: World, name: str) -> None:
    """Where most proxies are gone at once, they are waited for much longer than a run lasts."""
    living = [one for one in world.proxies if one.service[1] == name and not one.draining]
    leases = world.server.objects(LEASES)
    heard_of = {
        one["spec"]["holderIdentity"]
        for one in leases
        if one["metadata"].get("labels", {}).get("soh.re/service") == name
    }
    records = world.server.objects(ISOLATION_PODS)
    heard_of |= {one["spec"]["proxy"] for one in records if one["spec"]["serviceName"] == name} - {""}
    for _ in range(max(1, len(heard_of) - len(living) + 1) - len(living)):
        world.start_proxy((NAMESPACE, name))


def unsettled(world: World) -> list[str]:
    """What is not as it should be at the end."""
    found = [f"{visitor} is still there" for visitor in world.visitors if not visitor.over and visitor.machine.alive]
    services = {one["metadata"]["uid"]: one for one in world.services()}
    counted: Counter[str] = Counter()
    pods = {one["metadata"]["uid"]: one for one in world.server.objects(PODS)}
    for record in world.server.objects(ISOLATION_PODS):
        meta, pod_uid = record["metadata"], record["spec"]["podUID"]
        counted[meta["labels"]["soh.re/service-uid"]] += 1
        if record["status"]["phase"] != "Idle":
            found.append(f"{meta['name']} is {record['status']['phase']}")
        if pod_uid and pod_uid not in pods:
            found.append(f"{meta['name']} has lost its pod")
    for uid, pod in pods.items():
        program = world.nodes.programs.get(uid)
        if program is None or not program.ready or not program.listening:
            found.append(f"{pod['metadata']['name']} does not work")
    found += [
        f"{counted[uid]} records of {one['metadata']['name']}, not {one['spec']['replicas']}"
        for uid, one in services.items()
        if counted[uid] != one["spec"]["replicas"]
    ]
    found += [f"{count} records of {uid}, which is gone" for uid, count in counted.items() if uid not in services]
    if len(pods) != sum(counted.values()):
        found.append(f"{len(pods)} pods, {sum(counted.values())} records")
    found += _leftovers(world, set(services))
    return found


def _leftovers(world: World, uids: set[str]) -> list[str]:
    living = sum(
        1 for proxy in world.proxies if any(proxy.service[1] == s["metadata"]["name"] for s in world.services())
    )
    leases = [one for one in world.server.objects(LEASES) if one["metadata"]["namespace"] == NAMESPACE]
    found = [f"{len(leases)} Leases of {living} proxies"] if len(leases) != living else []
    for policy in world.server.objects(NETWORK_POLICIES):
        if policy["metadata"]["labels"]["soh.re/service-uid"] not in uids:
            found.append(f"{policy['metadata']['name']} is left over")
    return found
