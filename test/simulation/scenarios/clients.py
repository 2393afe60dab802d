"""Clients that wait for a pod, or send before they have one."""

from isoproxy.kube.resources import ISOLATION_PODS
from test.simulation.happenings.users import edit
from test.simulation.processes import DIAL
from test.simulation.scenarios.playing import START_SECONDS, come, scenarios
from test.simulation.visitors import Manner
from test.simulation.world import World

PROMPT_SECONDS = 0.6
"""In which a pod is being made for a client that comes to none: its proxy tells of it four times a second."""
START_OF_POD_SECONDS = 1.3
ONE_WAY_SECONDS = 0.5


def clients_for_whom_pods_are_made(world: World) -> None:
    """One comes while all sorts of things become of the one before; none waits much longer than its pod needs."""
    world.run(START_SECONDS)
    for number in range(30):
        if not _is_cared_for(world, PROMPT_SECONDS):
            return
        world.run(0.04 * number)


def clients_that_come_during_a_pass(world: World) -> None:
    """The operator writes a status, which takes a while, as it hears of them: it looks again when it is done."""
    world.run(START_SECONDS)
    link = world.operators[0].api.link
    link.slow_seconds = ONE_WAY_SECONDS, ONE_WAY_SECONDS
    for number in range(8):
        link.slow = 1.0
        edit(world, "s0", maxPods=100 + number)
        world.run(0.1)
        link.slow = 0.0
        if not _is_cared_for(world, 2 * ONE_WAY_SECONDS + PROMPT_SECONDS):
            return
        world.run(3.0)


def _is_cared_for(world: World, seconds: float) -> bool:
    """Let a client come to an empty pool: in so many seconds a pod is being made, and soon it has it."""
    before = {record["metadata"]["uid"] for record in world.server.objects(ISOLATION_PODS)}
    come(world, stay=0.1)
    visitor = world.visitors[-1]
    world.run(seconds)
    made = {record["metadata"]["uid"] for record in world.server.objects(ISOLATION_PODS)} - before
    if visitor.waits and not made:
        world.history.wrong(f"I5: {visitor} waits, and no pod is made for it")
    world.run(START_OF_POD_SECONDS)
    if visitor.waits:
        world.history.wrong(f"I5: {visitor} still waits, with nothing in the way of its pod")
    return not world.history.wrongs


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
    (clients_that_come_during_a_pass, {"proxies": 1, "spec": {"replicas": 0}}),
    (clients_for_whom_pods_are_made, {"proxies": 1, "spec": {"replicas": 0}}),
    (pods_that_accept_late, {"proxies": 1}),
)
