"""What is written of a connection: in time, or out of order."""

from isoproxy.kube.resources import ISOLATION_PODS
from test.simulation.scenarios.playing import START_SECONDS, come, scenarios
from test.simulation.world import World

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


SCENARIOS = scenarios(
    (a_session_that_lasts, {}),
    (a_use_that_is_written_when_it_is_over, {"proxies": 1, "spec": {"replicas": 8}}),
)
