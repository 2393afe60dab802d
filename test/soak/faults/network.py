"""Packets that do not arrive, or come late because others did not."""

from random import Random

from test.soak.faults.fault import Begun, Fault, Unfit, someone
from test.soak.world import World

_LONGEST = 15.0
_PODS = "the way to the pods"


def _close(world: World, random: Random) -> Begun:
    seat = someone(world, random, world.seats)
    [close] = random.choices([world.roads.close, world.roads.close_way_back])
    close(seat.road)
    return Begun(seat.name, random.uniform(1, _LONGEST), lambda: world.roads.open(seat.road), close.__name__)


def _lose(world: World, random: Random) -> Begun:
    seat, percent = someone(world, random, world.seats), random.randrange(5, 50)
    world.roads.lose(seat.road, percent)
    return Begun(seat.name, random.uniform(1, _LONGEST), lambda: world.roads.open(seat.road), f"{percent} %")


def _refuse(world: World, random: Random) -> Begun:
    seat = someone(world, random, world.seats)
    world.roads.refuse(seat.road)
    return Begun(seat.name, random.uniform(0, _LONGEST), lambda: world.roads.open(seat.road))


def _lose_to_pods(world: World, random: Random) -> Begun:
    if _PODS in world.busy:
        raise Unfit
    percent = random.randrange(2, 20)
    world.roads.lose_to_pods(percent)
    return Begun(_PODS, random.uniform(1, _LONGEST), world.roads.open_to_pods, f"{percent} %")


FAULTS = (
    Fault("cut off", 3, _close),
    Fault("lose packets", 2, _lose),
    Fault("reset connections", 1, _refuse),
    Fault("lose packets to pods", 1, _lose_to_pods),
)
