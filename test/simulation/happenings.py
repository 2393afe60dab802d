"""What can happen to a world, by the names that scripts use; ``which`` says to whom, ``amount`` how much."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from isoproxy.kube.errors import NotSent, WatchBroken, WatchExpired
from isoproxy.kube.resources import (
    CONFIG_MAPS,
    DEDICATED_SERVICES,
    ISOLATION_PODS,
    LEASES,
    NETWORK_POLICIES,
    PODS,
    Json,
    Resource,
)
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.options import DeleteOptions
from test.simulation.processes import Process, ProxyProcess
from test.simulation.script import Happening
from test.simulation.visitors import Manner
from test.simulation.world import NAMESPACE, World

T = TypeVar("T")
LONGEST_TROUBLE = 60.0
LONGEST_AWAY = 20.0
DRAIN_SECONDS = 10.0
STAYS = (0.01, 0.5, 1.5, 10.0, 60.0)
_WATCHED = (None, ISOLATION_PODS, ISOLATION_PODS, PODS, LEASES, DEDICATED_SERVICES)
IMAGES = ("good:1", "good:2", "good:3", "slow:1", "never:1", "dies:1", "refuses:1", "silent:1", "flaps:1")


def let_happen(world: World, happening: Happening) -> None:
    """Let it happen, if there is whom it can happen to."""
    world.history.note(f"happens: {happening}")
    with suppress(StatusError):  # what it is about has just gone
        _HAPPENINGS[happening.kind](world, happening.which, happening.amount)


def _choose(among: Sequence[T], which: float) -> T | None:
    return among[int(which * len(among))] if among else None


def _seconds(amount: float, longest: float = LONGEST_TROUBLE) -> float:
    """Often short, sometimes long."""
    return longest * amount**3


def _process(world: World, which: float) -> Process | None:
    return _choose(world.processes(), which)


# Clients


def _visit(world: World, which: float, amount: float) -> None:
    proxy = _choose([one for one in world.proxies if one.open], which)
    if proxy is not None:
        world.visit(proxy, manner_of(amount), STAYS[int(amount * len(STAYS))])


def manner_of(amount: float) -> Manner:
    """How a visitor behaves that comes by an amount."""
    manners = list(Manner)
    return manners[int(amount * 997) % len(manners)]


def _crowd(world: World, which: float, amount: float) -> None:
    for number in range(2 + int(amount * 10)):
        _visit(world, which, (amount + number * 0.37) % 1.0)


# Our processes


def _kill_proxy(world: World, which: float, amount: float) -> None:
    if (proxy := _choose(world.proxies, which)) is not None:
        _bury(world, proxy, amount)
        world.timeline.after(_seconds(amount), _start_if_missing, world, proxy.service, "")


def _restart_proxy(world: World, which: float, amount: float) -> None:
    """Its container dies, and is started again in the same pod."""
    if (proxy := _choose(world.proxies, which)) is not None:
        _bury(world, proxy, amount)
        world.timeline.after(_seconds(amount, 5.0), _start_if_missing, world, proxy.service, proxy.home)


def _bury(world: World, proxy: ProxyProcess, amount: float) -> None:
    for number, program in enumerate(world.retire(proxy)):
        if (amount * 10 + number) % 2 < 1:
            world.nodes.crash(program, "Succeeded")


def _start_if_missing(world: World, service: tuple[str, str], home: str) -> None:
    if sum(one.service == service for one in world.proxies) < 4:
        world.start_proxy(service, home)


def _drain_proxy(world: World, which: float, amount: float) -> None:
    proxy = _choose([one for one in world.proxies if not one.draining], which)
    if proxy is None:
        return
    timeout = DRAIN_SECONDS * amount * 4
    proxy.drain(timeout, lambda: _drained(world, proxy))
    world.timeline.after(timeout * 0.97, world.oracle.deadline_came, proxy.machine.name)
    world.timeline.after(_seconds(amount, 5.0), _start_if_missing, world, proxy.service, "")


def _drained(world: World, proxy: ProxyProcess) -> None:
    if proxy in world.proxies:
        world.oracle.check_told([one for one in world.visitors if one.machine is proxy.machine])
        world.retire(proxy)


def _add_proxy(world: World, which: float, amount: float) -> None:
    if (service := _choose(world.services(), which)) is not None:
        _start_if_missing(world, (NAMESPACE, service["metadata"]["name"]), "")


def _stop(world: World, process: Process | None, amount: float) -> None:
    if process is not None:
        world.history.note(f"{process.machine.name} is stopped")
        process.machine.stop()
        world.timeline.after(_seconds(amount), process.machine.go_on)


def _stop_proxy(world: World, which: float, amount: float) -> None:
    _stop(world, _choose(world.proxies, which), amount)


def _stop_operator(world: World, which: float, amount: float) -> None:
    _stop(world, _choose(world.operators, which), amount)


def _kill_operator(world: World, which: float, amount: float) -> None:
    if (operator := _choose(world.operators, which)) is not None:
        world.history.note(f"{operator.machine.name} is killed")
        world.retire(operator)
        world.timeline.after(_seconds(amount), world.start_operator)


def _end_operator(world: World, which: float, amount: float) -> None:
    operator = _choose(world.operators, which)
    if operator is None:
        return

    def ended() -> None:
        if operator in world.operators:
            world.retire(operator)
            world.timeline.after(_seconds(amount), world.start_operator)

    operator.end(ended)


def _add_operator(world: World, which: float, amount: float) -> None:
    """For a while there are two: candidates where they elect, else both at work."""
    if len(world.operators) >= 3:
        return
    added = world.start_operator()

    def leave() -> None:
        if added in world.operators:
            world.retire(added)

    world.timeline.after(_seconds(amount), leave)


# The network and the API server


def _part(world: World, which: float, amount: float) -> None:
    if (process := _process(world, which)) is not None:
        link = process.api.link
        link.cut = True
        if amount * 10 % 2 < 1:
            process.api.break_watches(WatchBroken("reset"))
        _heal_later(world, process, amount, cut=False)


def _deafen(world: World, which: float, amount: float) -> None:
    """To everything, or to one kind of objects while it hears of the others."""
    if (process := _process(world, which)) is not None:
        kind = _choose(_WATCHED, (amount * 10) % 1.0)
        process.api.link.deaf, process.api.link.deaf_to = kind is None, kind.plural if kind is not None else ""
        _heal_later(world, process, amount, deaf=False, deaf_to="")


def _afflict(kind: str) -> Callable[[World, float, float], None]:
    """What makes one of a link's likelihoods high for a while."""

    def afflict(world: World, which: float, amount: float) -> None:
        if (process := _process(world, which)) is not None:
            setattr(process.api.link, kind, amount)
            _heal_later(world, process, (amount * 7) % 1.0, **{kind: 0.0})

    return afflict


def _heal_later(world: World, process: Process, amount: float, **healthy: float | bool | str) -> None:
    def heal() -> None:
        for name, value in healthy.items():
            setattr(process.api.link, name, value)
        process.api.resume_watches()

    world.timeline.after(_seconds(amount), heal)


def _server_away(world: World, which: float, amount: float) -> None:
    world.server.up = False
    for process in world.processes():
        process.api.break_watches(NotSent("connection reset"))

    def back() -> None:
        world.server.up = True

    world.timeline.after(_seconds(amount, LONGEST_AWAY), back)


def _forget_history(world: World, which: float, amount: float) -> None:
    world.server.forget_history()


def _break_watches(world: World, which: float, amount: float) -> None:
    if (process := _process(world, which)) is not None:
        process.api.break_watches(WatchBroken("reset") if amount < 0.5 else WatchExpired())


def _garbage_waits(world: World, which: float, amount: float) -> None:
    world.server.collects = False

    def go_on() -> None:
        world.server.collects = True

    world.timeline.after(_seconds(amount), go_on)


# Pods and nodes


def _end_pod(phase: str) -> Callable[[World, float, float], None]:
    """What lets a program end by itself."""

    def end(world: World, which: float, amount: float) -> None:
        if (program := _choose(world.nodes.living(), which)) is not None:
            world.nodes.crash(program, phase)

    return end


def _lose_node(world: World, which: float, amount: float) -> None:
    world.nodes.lose(int(which * 10))


def _reboot_node(world: World, which: float, amount: float) -> None:
    world.nodes.reboot(int(which * 10))


# Users


def _delete(world: World, resource: Resource, one: Json) -> None:
    meta = one["metadata"]
    world.history.note(f"a user deletes {resource.plural}/{meta['name']}")
    options = DeleteOptions(uid=meta["uid"])
    world.do(resource, lambda core, kind: core.delete(kind, meta["namespace"], meta["name"], options))


def delete_pod(world: World, pod: Json) -> None:
    """Have a user delete a Pod."""
    world.oracle.doings.pods.add(pod["metadata"]["uid"])
    _delete(world, PODS, pod)


def delete_record(world: World, record: Json) -> None:
    """Have a user delete an IsolationPod."""
    world.oracle.doings.records.add(record["metadata"]["uid"])
    _delete(world, ISOLATION_PODS, record)


def _delete_pod(world: World, which: float, amount: float) -> None:
    if (pod := _choose(world.server.objects(PODS), which)) is not None:
        delete_pod(world, pod)


def _delete_record(world: World, which: float, amount: float) -> None:
    if (record := _choose(world.server.objects(ISOLATION_PODS), which)) is not None:
        delete_record(world, record)


def _touch_record(world: World, which: float, amount: float) -> None:
    """A change that means nothing to anybody."""
    if (record := _choose(world.server.objects(ISOLATION_PODS), which)) is not None:
        touch(world, record, str(amount))


def touch(world: World, record: Json, value: str) -> None:
    """Have a user annotate an IsolationPod."""
    patch = {"metadata": {"annotations": {"example.com/touched": value}}}
    world.do(ISOLATION_PODS, lambda core, kind: core.patch(kind, NAMESPACE, record["metadata"]["name"], patch))


def _delete_lease(world: World, which: float, amount: float) -> None:
    ours = [one for one in world.server.objects(LEASES) if one["metadata"]["namespace"] == NAMESPACE]
    if (lease := _choose(ours, which)) is not None:
        _delete(world, LEASES, lease)


def _delete_child(world: World, which: float, amount: float) -> None:
    resource = CONFIG_MAPS if amount < 0.5 else NETWORK_POLICIES
    if (child := _choose(world.server.objects(resource), which)) is not None:
        if resource == NETWORK_POLICIES:
            world.oracle.doings.walls.add(child["metadata"]["name"])
        _delete(world, resource, child)


def _edit(world: World, which: float, **spec: object) -> None:
    if (service := _choose(world.services(), which)) is not None:
        edit(world, service["metadata"]["name"], **spec)


def edit(world: World, name: str, **spec: object) -> None:
    """Have a user change a service's spec."""
    world.history.note(f"a user edits {name}: {spec}")
    world.do(DEDICATED_SERVICES, lambda core, kind: core.patch(kind, NAMESPACE, name, {"spec": spec}))


def _scale(world: World, which: float, amount: float) -> None:
    _edit(world, which, replicas=int(amount * 7))


def _change_image(world: World, which: float, amount: float) -> None:
    _edit(world, which, image=IMAGES[int(amount * len(IMAGES))])


def _change_port(world: World, which: float, amount: float) -> None:
    _edit(world, which, port=8080 + int(amount * 3))


def _limit_pods(world: World, which: float, amount: float) -> None:
    world.crowd()  # what there is above it is to go, and what is under way is to come
    _edit(world, which, maxPods=1 + int(amount * 8) if amount < 0.8 else None)


def _delete_service(world: World, which: float, amount: float) -> None:
    if (service := _choose(world.services(), which)) is not None:
        world.oracle.doings.services.add(service["metadata"]["uid"])
        _delete(world, DEDICATED_SERVICES, service)


def _make_anew(world: World, which: float, amount: float) -> None:
    """Delete a service, and make one of the same name at once or a moment later."""
    service = _choose(world.services(), which)
    if service is None:
        return
    _delete_service(world, which, amount)
    name, spec = service["metadata"]["name"], service["spec"]

    def make() -> None:
        with suppress(StatusError):
            world.make_service(name, spec)

    world.timeline.after(_seconds(amount, 5.0), make)


_HAPPENINGS: dict[str, Callable[[World, float, float], None]] = {
    "visit": _visit,
    "crowd": _crowd,
    "kill proxy": _kill_proxy,
    "restart proxy": _restart_proxy,
    "drain proxy": _drain_proxy,
    "add proxy": _add_proxy,
    "stop proxy": _stop_proxy,
    "kill operator": _kill_operator,
    "end operator": _end_operator,
    "stop operator": _stop_operator,
    "add operator": _add_operator,
    "part": _part,
    "deafen": _deafen,
    "trouble": _afflict("trouble"),
    "trouble watches": _afflict("watch_trouble"),
    "slow down": _afflict("slow"),
    "server away": _server_away,
    "forget history": _forget_history,
    "break watches": _break_watches,
    "garbage waits": _garbage_waits,
    "crash pod": _end_pod("Failed"),
    "finish pod": _end_pod("Succeeded"),
    "lose node": _lose_node,
    "reboot node": _reboot_node,
    "delete pod": _delete_pod,
    "delete record": _delete_record,
    "touch record": _touch_record,
    "delete lease": _delete_lease,
    "delete child": _delete_child,
    "scale": _scale,
    "change image": _change_image,
    "change port": _change_port,
    "limit pods": _limit_pods,
    "delete service": _delete_service,
    "make anew": _make_anew,
}
