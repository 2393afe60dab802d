"""What is written of a connection: in time, or out of order."""

from isoproxy.kube.resources import ISOLATION_PODS
from test.simulation.oracle.cluster import LEASE_SECONDS
from test.simulation.scenarios.playing import START_SECONDS, come, scenarios, stock
from test.simulation.world import GRACE, World

IN_USE_SECONDS = 2.0
"""Whoever is served for a second is worth a write, which takes no time to speak of."""


def a_session_that_lasts(world: World) -> None:
    """While nothing is amiss, its record says soon that it goes on."""
    world.run(START_SECONDS)
    come(world)
    world.run(IN_USE_SECONDS)
    phases = [record["status"]["phase"] for record in world.server.objects(ISOLATION_PODS)]
    if phases.count("InUse") != 1:
        world.history.wrong(f"I3: somebody is served for a while already, and the records say {phases}")


def a_use_that_is_written_when_it_is_over(world: World) -> None:
    """That a pod is in use takes effect after it was recorded as Released, by a request that was given up."""
    world.run(START_SECONDS)
    for _ in range(8):
        come(world, stay=3.0)
    world.run(0.5)
    world.operators[0].machine.stop()  # it would have ended the pods by then
    world.proxies[0].api.link.slow = 1.0
    world.run(2.0)
    world.proxies[0].api.link.slow = 0.0
    world.run(20.0)
    world.operators[0].machine.go_on()


def clients_that_come_while_another_stays(world: World) -> None:
    """Each is named by its own pod's record alone, from when that is in use until it is over."""
    world.run(START_SECONDS)
    for _ in range(3):
        come(world, stay=20.0)
        world.run(IN_USE_SECONDS)
    world.run(30.0)


def sessions_that_end_while_their_proxy_is_parted(world: World) -> None:
    """For less than its grace: what became of them is written when it is back."""
    world.run(START_SECONDS)
    lone = world.proxies[0]
    lone.api.link.cut = True
    world.run(1.0)
    for _ in stock(world, lone):
        come(world, lone, stay=0.5)
    world.run(LEASE_SECONDS + GRACE / 2)
    lone.api.link.cut = False
    world.run(20.0)


SCENARIOS = scenarios(
    (a_session_that_lasts, {}),
    (clients_that_come_while_another_stays, {"proxies": 1}),
    (sessions_that_end_while_their_proxy_is_parted, {"proxies": 3, "spec": {"replicas": 6}}),
    (a_use_that_is_written_when_it_is_over, {"proxies": 1, "spec": {"replicas": 8}}),
)
