"""Programs end, and so do the nodes that they run on."""

from test.simulation.happenings.kind import Happen, Kind, choose
from test.simulation.world import World


def _end_pod(phase: str) -> Happen:
    """What lets a program end by itself."""

    def end(world: World, which: float, amount: float) -> None:
        if (program := choose(world.nodes.living(), which)) is not None:
            world.nodes.crash(program, phase)

    return end


def _lose_node(world: World, which: float, amount: float) -> None:
    world.nodes.lose(int(which * 10))


def _reboot_node(world: World, which: float, amount: float) -> None:
    world.nodes.reboot(int(which * 10))


HAPPENINGS = {
    "crash pod": Kind(1.5, _end_pod("Failed")),
    "finish pod": Kind(1.0, _end_pod("Succeeded")),
    "lose node": Kind(0.5, _lose_node),
    "reboot node": Kind(0.5, _reboot_node),
}
