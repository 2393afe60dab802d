"""What is assigned and unused is asked back: it may have been claimed just before."""

from test.simulation.happenings.users import edit
from test.simulation.processes import DIAL
from test.simulation.scenarios.playing import START_SECONDS, come, scenarios
from test.simulation.world import World

SLOW_DIAL_SECONDS = 0.3
AT_ONCE_SECONDS = 0.02
SURPLUS_SECONDS = 3.0
"""For so long there have to be too many."""


def a_scale_down_of_what_nobody_uses(world: World) -> None:
    world.run(START_SECONDS)
    edit(world, "s0", replicas=0)
    world.run(10.0)


def a_scale_down_during_a_dial(world: World) -> None:
    """Clients come about when what is too many for a while is asked back: that may be dialled already."""
    world.run(START_SECONDS)
    world.proxies[0].dial_seconds = (SLOW_DIAL_SECONDS, SLOW_DIAL_SECONDS)
    edit(world, "s0", replicas=0)
    world.run(SURPLUS_SECONDS)
    for _ in range(4):
        come(world)
        world.run(AT_ONCE_SECONDS)
    world.run(2.0)
    world.proxies[0].dial_seconds = DIAL


SCENARIOS = scenarios(
    (a_scale_down_of_what_nobody_uses, {}),
    (a_scale_down_during_a_dial, {"proxies": 1}),
)
