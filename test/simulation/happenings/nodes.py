"""Programs end, and so do the nodes that they run on, or are made empty by whoever looks after them."""

from contextlib import suppress

from isoproxy.kube.resources import PODS
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.options import DeleteOptions
from test.simulation.addresses import REST_SECONDS
from test.simulation.happenings.kind import Happen, Kind, choose, seconds
from test.simulation.happenings.processes import bury, drain, start_if_missing
from test.simulation.nodes import NODES, Program
from test.simulation.world import World

UNHEARD_SECONDS = 10.0
"""A node that nobody hears of is taken for unreachable so soon, and its pods are deleted as long after that."""
RETRY_SECONDS = 5.0
"""Whoever drains a node asks so often for what a budget did not allow."""
LONGEST_DRAIN = 40.0
LONGEST_START = 5.0  # seconds
GRACES = (None, 5, 30)
"""Seconds that who drains a node gives to what runs there: None is as many as it says itself."""


def _end_pod(phase: str) -> Happen:
    """What lets a program end by itself."""

    def end(world: World, which: float, amount: float) -> None:
        if (program := choose(world.nodes.living(), which)) is not None:
            world.nodes.crash(program, phase)

    return end


def _starve_pod(world: World, which: float, amount: float) -> None:
    if (program := choose(world.nodes.living(), which)) is not None:
        world.nodes.evict(program)


def _lose_node(world: World, which: float, amount: float) -> None:
    world.nodes.lose(_node(which))
    _lose_proxies(world, _node(which), amount)


def _reboot_node(world: World, which: float, amount: float) -> None:
    world.nodes.reboot(_node(which))
    _lose_proxies(world, _node(which), amount)


def _swap_addresses(world: World, which: float, amount: float) -> None:
    programs = world.nodes.on(_node(which))
    if len(programs) > 1 and (one := choose(programs, amount)) is not None:
        swap_addresses(world, one, programs[programs.index(one) - 1])


def swap_addresses(world: World, one: Program, other: Program, *, rest: float = REST_SECONDS) -> None:
    """Two programs come back with each other's address; ``rest``: see ``Nodes``."""
    world.history.note(f"{one} and {other} swap addresses")
    world.oracle.doings.pods.update((one.uid, other.uid))
    world.nodes.swap_addresses(one, other, rest=rest)


def _lose_proxies(world: World, node: int, amount: float) -> None:
    """Now and then proxies run on the nodes that pods run on."""
    if amount < 0.3:
        for proxy in world.proxies_on(node):
            bury(world, proxy, amount)
            world.timeline.after(seconds(amount), start_if_missing, world, proxy.service)


def _part_node(world: World, which: float, amount: float) -> None:
    """It runs on without anybody to hear of it, and its pods are deleted, which it is told when it is back."""
    node, parted = _node(which), [True]
    if not world.nodes.part(node):
        return

    def give_up() -> None:
        for program in world.nodes.on(node) if parted else ():
            world.nodes.doubt(program)
            world.timeline.after(UNHEARD_SECONDS, delete, program)

    def delete(program: Program) -> None:
        if parted:
            evict(world, program)

    def heal() -> None:
        parted.clear()
        world.nodes.heal(node)

    world.timeline.after(UNHEARD_SECONDS, give_up)
    world.timeline.after(seconds(amount), heal)


def _drain_node(world: World, which: float, amount: float) -> None:
    drain_node(world, _node(which), grace=GRACES[int(amount * 97) % len(GRACES)])
    world.timeline.after(seconds(amount), world.nodes.uncordon, _node(which))


def drain_node(world: World, node: int, *, grace: int | None = None) -> None:
    """Have everything on a node told to end by evictions: pods at once, proxies one after the other."""
    world.nodes.cordon(node)
    for program in world.nodes.on(node):
        evict(world, program, grace)
    _evict_proxies(world, node)


def _evict_proxies(world: World, node: int) -> None:
    left = [proxy for proxy in world.proxies_on(node) if not proxy.draining]
    for proxy in left:
        # Of each service one may be away at a time: so its PodDisruptionBudget says.
        if not any(other.draining and other.service == proxy.service for other in world.proxies):
            drain(world, proxy, LONGEST_DRAIN)
            world.timeline.after(LONGEST_START, start_if_missing, world, proxy.service)
    if left and node not in world.nodes.open():
        world.timeline.after(RETRY_SECONDS, _evict_proxies, world, node)


def _taint_node(world: World, which: float, amount: float) -> None:
    """All that runs there is deleted at once: such a taint knows no budgets."""
    node = _node(which)
    world.nodes.cordon(node)
    world.timeline.after(seconds(amount), world.nodes.uncordon, node)
    for program in world.nodes.on(node):
        evict(world, program)
    for proxy in world.proxies_on(node):
        if not proxy.draining:
            drain(world, proxy, LONGEST_DRAIN)
            world.timeline.after(LONGEST_START, start_if_missing, world, proxy.service)


def evict(world: World, program: Program, grace: int | None = None) -> None:
    """Have a Pod deleted by others than us, with the grace that it says or another."""
    world.history.note(f"{program} is evicted")
    world.oracle.doings.pods.add(program.uid)
    options = DeleteOptions(uid=program.uid, grace_period_seconds=grace)
    with suppress(StatusError):  # it has just gone
        world.do(PODS, lambda core, kind: core.delete(kind, program.namespace, program.name, options))


def _node(which: float) -> int:
    return int(which * NODES)


HAPPENINGS = {
    "crash pod": Kind(1.5, _end_pod("Failed")),
    "finish pod": Kind(1.0, _end_pod("Succeeded")),
    "starve pod": Kind(1.0, _starve_pod),
    "lose node": Kind(0.5, _lose_node),
    "reboot node": Kind(0.5, _reboot_node),
    "swap addresses": Kind(0.3, _swap_addresses),
    "part node": Kind(0.5, _part_node),
    "drain node": Kind(0.5, _drain_node),
    "taint node": Kind(0.4, _taint_node),
}
