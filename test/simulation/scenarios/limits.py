"""Bounds at their edges: of pods while two operators act, and of connections while their proxy stands still."""

from isoproxy.kube.resources import ISOLATION_PODS
from test.simulation.happenings.users import delete_record
from test.simulation.scenarios.playing import START_SECONDS, come, scenarios
from test.simulation.visitors import Manner
from test.simulation.world import World


def two_operators_at_the_ceiling(world: World) -> None:
    """Both act: there may be a batch more than ``maxPods``, however many clients come."""
    world.run(START_SECONDS)
    for _ in range(3):
        for _ in range(20):
            come(world, stay=2.0)
        world.run(5.0)


def a_proxy_stopped_for_longer_than_clients_may_be_silent(world: World) -> None:
    """Whoever talked meanwhile was not silent, though nobody has heard it yet."""
    world.run(START_SECONDS)
    come(world, manner=Manner.TALKS, stay=40.0)
    come(world, manner=Manner.STAYS)
    world.run(1.0)
    for _ in range(2):
        world.proxies[0].machine.stop()
        world.run(6.5)
        world.proxies[0].machine.go_on()
        world.run(5.0)
    world.run(15.0)


def clients_that_stay_when_their_pods_are_gone(world: World) -> None:
    """Their programs had closed: there is nobody to stay with."""
    world.run(START_SECONDS)
    for _ in range(2):
        come(world, manner=Manner.LINGERS, stay=1.0)
    world.run(3.0)
    for record in world.server.objects(ISOLATION_PODS):
        if record["status"]["phase"] == "InUse":
            delete_record(world, record)
    world.run(130.0)


SCENARIOS = scenarios(
    (two_operators_at_the_ceiling, {"operators": 2, "proxies": 1, "spec": {"replicas": 3, "maxPods": 4}}),
    (clients_that_stay_when_their_pods_are_gone, {"proxies": 1}),
    (
        a_proxy_stopped_for_longer_than_clients_may_be_silent,
        {"proxies": 1, "spec": {"session": {"idleTimeoutSeconds": 3}}},
    ),
)
