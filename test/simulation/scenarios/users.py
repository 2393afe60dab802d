"""Services, and the namespaces they are in, deleted and made anew; and clients in a hurry."""

from test.simulation.happenings.namespaces import delete_namespace
from test.simulation.happenings.users import edit
from test.simulation.scenarios.playing import START_SECONDS, come, happen, scenarios, served
from test.simulation.visitors import Manner
from test.simulation.world import World


def a_service_made_anew_among_its_remains(world: World) -> None:
    world.run(START_SECONDS)
    come(world, stay=3.0)
    world.server.collects = False
    happen(world, "make anew", amount=0.0)
    world.run(3.0)
    come(world, stay=3.0)
    world.run(20.0)
    world.server.collects = True


def clients_that_shut_down_while_they_wait(world: World) -> None:
    world.run(START_SECONDS)
    edit(world, "s0", replicas=0)
    world.run(5.0)
    for manner in (Manner.HANGS_UP, Manner.ASKS_AND_SHUTS, Manner.GIVES_UP, Manner.ASKS_AND_SHUTS):
        world.operators[0].machine.stop()
        come(world, manner=manner, stay=1.0)
        world.run(1.0)
        world.operators[0].machine.go_on()
        world.run(5.0)


def a_namespace_made_anew_beside_its_proxies(world: World) -> None:
    """The proxies are elsewhere: they see their service go, and come again under the same name."""
    _make_anew(world, with_proxies=False)


def a_namespace_made_anew_with_its_proxies(world: World) -> None:
    """The proxies are pods in it, and end with all the rest."""
    _make_anew(world, with_proxies=True)


def _make_anew(world: World, *, with_proxies: bool) -> None:
    world.run(START_SECONDS)
    come(world, stay=100.0)
    come(world, stay=3.0)
    world.run(2.0)
    delete_namespace(world, with_proxies=with_proxies, absence=0.0)
    for _ in range(5):
        world.run(1.0)
        if any(proxy.open for proxy in world.proxies):
            come(world, stay=1.0)
    world.await_home()
    world.run(30.0)
    before = served(world)
    for proxy in world.proxies:
        if proxy.open and not proxy.draining:
            come(world, proxy, stay=1.0)
    world.run(1.0)
    if served(world) - before < 2:
        world.history.wrong(f"warm: {served(world) - before} of 2 clients are served in a namespace that was made anew")


SCENARIOS = scenarios(
    (a_service_made_anew_among_its_remains, {}),
    (clients_that_shut_down_while_they_wait, {"proxies": 1}),
    (a_namespace_made_anew_beside_its_proxies, {}),
    (a_namespace_made_anew_with_its_proxies, {}),
)
