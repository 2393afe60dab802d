"""Our own processes die, end, stop for a while, and are more than they should be."""

from test.simulation.happenings.kind import Kind, choose, seconds
from test.simulation.processes import Process, ProxyProcess
from test.simulation.world import NAMESPACE, World

DRAIN_SECONDS = 10.0


def _kill_proxy(world: World, which: float, amount: float) -> None:
    if (proxy := choose(world.proxies, which)) is not None:
        bury(world, proxy, amount)
        world.timeline.after(seconds(amount), start_if_missing, world, proxy.service)


def _restart_proxy(world: World, which: float, amount: float) -> None:
    """Its container dies, and is started again in the same pod."""
    if (proxy := choose(world.proxies, which)) is not None:
        bury(world, proxy, amount)
        world.timeline.after(seconds(amount, 5.0), start_if_missing, world, proxy.service, proxy.home)


def bury(world: World, proxy: ProxyProcess, amount: float) -> None:
    """End a proxy without a word; some of the programs that it was connected to end when they hear nothing more."""
    for number, program in enumerate(world.retire(proxy)):
        if (amount * 10 + number) % 2 < 1:
            world.nodes.crash(program, "Succeeded")


def start_if_missing(world: World, service: tuple[str, str], home: str = "") -> None:
    """Start a proxy of a service, unless it has many."""
    if sum(one.service == service for one in world.proxies) < 4:
        world.start_proxy(service, home)


def _drain_proxy(world: World, which: float, amount: float) -> None:
    proxy = choose([one for one in world.proxies if not one.draining], which)
    if proxy is not None:
        drain(world, proxy, DRAIN_SECONDS * amount * 4)
        world.timeline.after(seconds(amount, 5.0), start_if_missing, world, proxy.service)


def drain(world: World, proxy: ProxyProcess, timeout: float) -> None:
    """Tell a proxy to end, whose connections have so many seconds left."""

    def drained() -> None:
        if proxy in world.proxies:
            world.oracle.check_told([one for one in world.visitors if one.machine is proxy.machine])
            world.retire(proxy)

    proxy.drain(timeout, drained)
    world.timeline.after(timeout * 0.97, world.oracle.deadline_came, proxy.machine.name)


def _add_proxy(world: World, which: float, amount: float) -> None:
    if (service := choose(world.services(), which)) is not None:
        start_if_missing(world, (NAMESPACE, service["metadata"]["name"]))


def _stop(world: World, process: Process | None, amount: float) -> None:
    if process is not None:
        world.history.note(f"{process.machine.name} is stopped")
        process.machine.stop()
        world.timeline.after(seconds(amount), process.machine.go_on)


def _stop_proxy(world: World, which: float, amount: float) -> None:
    _stop(world, choose(world.proxies, which), amount)


def _stop_operator(world: World, which: float, amount: float) -> None:
    _stop(world, choose(world.operators, which), amount)


def _kill_operator(world: World, which: float, amount: float) -> None:
    if (operator := choose(world.operators, which)) is not None:
        world.history.note(f"{operator.machine.name} is killed")
        world.retire(operator)
        world.timeline.after(seconds(amount), world.start_operator)


def _end_operator(world: World, which: float, amount: float) -> None:
    operator = choose(world.operators, which)
    if operator is None:
        return

    def ended() -> None:
        if operator in world.operators:
            world.retire(operator)
            world.timeline.after(seconds(amount), world.start_operator)

    operator.end(ended)


def _add_operator(world: World, which: float, amount: float) -> None:
    """For a while there are two: candidates where they elect, else both at work."""
    if len(world.operators) >= 3:
        return
    added = world.start_operator()

    def leave() -> None:
        if added in world.operators:
            world.retire(added)

    world.timeline.after(seconds(amount), leave)


HAPPENINGS = {
    "kill proxy": Kind(1.5, _kill_proxy),
    "restart proxy": Kind(1.5, _restart_proxy),
    "drain proxy": Kind(1.0, _drain_proxy),
    "add proxy": Kind(1.0, _add_proxy),
    "stop proxy": Kind(1.0, _stop_proxy),
    "kill operator": Kind(1.5, _kill_operator),
    "end operator": Kind(0.7, _end_operator),
    "stop operator": Kind(0.7, _stop_operator),
    "add operator": Kind(0.7, _add_operator),
}
