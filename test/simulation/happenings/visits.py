"""Clients come."""

from test.simulation.happenings.kind import Kind, choose
from test.simulation.visitors import Manner
from test.simulation.world import World

STAYS = (0.01, 0.5, 1.5, 10.0, 60.0)  # seconds


def _visit(world: World, which: float, amount: float) -> None:
    proxy = choose([one for one in world.proxies if one.open], which)
    if proxy is not None:
        world.visit(proxy, manner_of(amount), STAYS[int(amount * len(STAYS))])


def manner_of(amount: float) -> Manner:
    """How a visitor behaves that comes by an amount."""
    manners = list(Manner)
    return manners[int(amount * 997) % len(manners)]


def _crowd(world: World, which: float, amount: float) -> None:
    for number in range(2 + int(amount * 10)):
        _visit(world, which, (amount + number * 0.37) % 1.0)


HAPPENINGS = {"visit": Kind(14.0, _visit), "crowd": Kind(3.0, _crowd)}
