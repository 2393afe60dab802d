"""How a run ends: all faults cease, and then everything must come to rest, with nothing left over and nobody there."""

from isoproxy.kube.resources import ISOLATION_PODS, LEASES, NETWORK_POLICIES
from test.simulation.happenings.users import edit
from test.simulation.link import TIMEOUT_SECONDS
from test.simulation.unsettled import fed, unsettled
from test.simulation.visitors import Manner
from test.simulation.world import NAMESPACE, World

PATIENCE_SECONDS = 200.0
WALL_SECONDS = 20.0
"""A service that has no wall gets one so soon; that of an earlier service of its name goes in its own time."""
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
    if not _settle(world):
        return False
    while _enlarge(world):  # again, where a proxy has come in its own time
        if not _settle(world):
            return False
    return _probe(world)


def _settle(world: World) -> bool:
    deadline = world.timeline.now + PATIENCE_SECONDS
    walled: dict[str, float] = {}
    _mend(world)
    while world.run(LOOK_SECONDS):
        left = unsettled(world)
        if not left:
            return True
        if world.timeline.now >= deadline:
            world.history.wrong("I4: it does not come to rest: " + "; ".join(left))
        _judge_walls(world, walled)
        _mend(world)
    return False


def _judge_walls(world: World, walled: dict[str, float]) -> None:
    """Wherever users took a wall away, another stands soon; ``walled`` is when each service was seen with one."""
    names = {one["metadata"]["name"] for one in world.server.objects(NETWORK_POLICIES)}
    now = world.timeline.now
    for service in world.services():
        meta = service["metadata"]
        seen = walled.setdefault(meta["uid"], now)
        if f"{meta['name']}-pods" in names:
            walled[meta["uid"]] = now
        elif now - seen >= WALL_SECONDS:
            world.history.wrong(
                f"wall: {meta['name']} is without one for {now - seen:.0f} s, and nothing is in the way"
            )


def _enlarge(world: World) -> bool:
    """Have every pool be one of which each proxy has a part; whether there was one that was not."""
    small = [one for one in world.services() if one["spec"]["replicas"] < len(fed(world, one))]
    for service in small:
        least, most = len(fed(world, service)), service["spec"].get("maxPods")
        edit(world, service["metadata"]["name"], replicas=least, maxPods=most and max(most, least))
    return bool(small)


def _probe(world: World) -> bool:
    """One more client comes to each proxy that has stock, and finds a pod that is there and works, at once."""
    stocked = {record["spec"]["proxy"] for record in world.server.objects(ISOLATION_PODS)}
    homes = {instance.rpartition("-")[0] for instance in stocked}
    probes = []
    for service in world.services():
        proxies = [proxy for proxy in fed(world, service) if proxy.home in homes]
        probes += [world.visit(proxy, Manner.CLOSES, 0.1) for proxy in proxies]
        if not proxies:
            world.history.wrong(f"warm: no proxy of {service['metadata']['name']} has a pod")
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
    """Have every service be one that can be served; users may have made some anew since faults ceased.

    Proxies go with their service, as a Deployment's do.
    """
    names = {service["metadata"]["name"] for service in world.services()}
    for proxy in [proxy for proxy in world.proxies if proxy.service[1] not in names]:
        world.retire(proxy)
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
