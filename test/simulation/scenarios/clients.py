"""Clients that wait for a pod, or send before they have one."""

from test.simulation.happenings.users import edit
from test.simulation.processes import DIAL
from test.simulation.scenarios.playing import START_SECONDS, come, scenarios
from test.simulation.visitors import Manner
from test.simulation.world import World

PROMPT_SECONDS = 2.0
"""In which a client has a pod that is made for it; 1.3 s of that may go to the pod's start."""


def clients_for_whom_pods_are_made(world: World) -> None:
    """One after the other: none waits much longer than its pod takes to start."""
    world.run(START_SECONDS)
    for number in range(40):
        come(world, stay=0.2)
        if not world.run(PROMPT_SECONDS):
            return
        if world.visitors[-1].waits:
            world.history.wrong(f"I5: {world.visitors[-1]} still waits, with nothing in the way of its pod")
            return
        world.run(0.05 * number)


def pods_that_accept_late(world: World) -> None:
    """Often later than the proxy has patience for: other pods are tried, and those are not used any more."""
    edit(world, "s0", session={"connectTimeoutSeconds": 1})
    world.run(START_SECONDS)
    proxy = world.proxies[0]
    proxy.dial_seconds = (0.9, 2.5)
    for _ in range(12):
        come(world, manner=Manner.ASKS_AT_ONCE, stay=3.0)
        world.run(1.0)
    proxy.dial_seconds = DIAL
    world.run(10.0)


SCENARIOS = scenarios(
    (clients_for_whom_pods_are_made, {"proxies": 1, "spec": {"replicas": 0}}),
    (pods_that_accept_late, {"proxies": 1}),
)
