"""Services whose namespace is being deleted: nothing new may be made there, and the cluster deletes what there is."""

from collections.abc import Callable, Iterator

import pytest

from isoproxy.kube.errors import NamespaceTerminating
from isoproxy.kube.resources import CONFIG_MAPS, DEDICATED_SERVICES, EVENTS, ISOLATION_PODS, PODS, Resource
from isoproxy.operator.doom import FIRST_SECONDS, LONGEST_SECONDS
from test.operator.deploying import CHILDREN, DeployingWorld
from test.operator.reconciling import names_of, settled, told


@pytest.fixture
def world() -> Iterator[DeployingWorld]:
    with settled(DeployingWorld()) as made:
        yield made


def doom(world: DeployingWorld) -> None:
    """Have the API server refuse whatever would be new, as it does from the moment a namespace is deleted."""

    def refuse(verb: str, resource: Resource, name: str) -> None:
        is_new = verb == "create" or (resource in CHILDREN and name not in names_of(world.all(resource)))
        if verb in ("create", "patch") and is_new:
            raise NamespaceTerminating(403, message="the namespace is being terminated")

    world.api.before = refuse
    world.api.requests.clear()


def spare(world: DeployingWorld) -> None:
    """Have the API server take what is new again: it was behind, and spoke of a namespace that is no more."""
    world.api.before = lambda verb, resource, name: None


def lose_the_pods(world: DeployingWorld) -> None:
    for pod in world.all(PODS):
        world.do(world.hand.delete(PODS, pod["metadata"]["name"], namespace="n"))


def settle_until(world: DeployingWorld, holds: Callable[[], bool]) -> None:
    while not holds():
        assert world.clock.seconds() < 60
        world.settle(0.1)


def makes(world: DeployingWorld) -> int:
    """How often something new was asked for, or something changed, beside what is told of a service."""
    writes = [kind for verb, kind, _ in world.api.requests if verb in ("create", "patch")]
    return len(writes) - writes.count(DEDICATED_SERVICES.plural) - writes.count(EVENTS.plural)


def test_its_pods_and_settings_go_and_its_proxies_keep_their_rights(
    world: DeployingWorld,
) -> None:
    service = world.service()
    world.proxy(service, "home-1", listen="10.0.0.9:9090", held="0")
    world.settle(5)
    [used, *_] = world.assigned("home-1")
    world.write_phase(used, "InUse")
    doom(world)
    lose_the_pods(world)
    world.settle(5)
    assert names_of(world.all(DEDICATED_SERVICES)) == {"s"}
    assert not any(world.all(kind) for kind in (ISOLATION_PODS, PODS, CONFIG_MAPS))
    assert all(world.all(kind) for kind in CHILDREN if kind is not CONFIG_MAPS)


def test_it_is_told(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    doom(world)
    lose_the_pods(world)
    world.settle(60, step=0.5)
    degraded = world.condition("Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "NamespaceTerminating")
    assert world.condition("Ready")["reason"] == "NamespaceTerminating"
    [shown] = world.all(DEDICATED_SERVICES)
    assert (shown["status"]["totalTargets"], shown["status"]["availableTargets"]) == (0, 0)


def test_next_to_nothing_more_is_asked_for_there(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    doom(world)
    lose_the_pods(world)
    world.settle(4, step=0.5)
    world.api.requests.clear()
    world.settle(600, step=0.5)
    assert 5 <= makes(world) <= 9, "now and then the settings, ever more rarely"


def test_an_operator_that_comes_later_finds_it_out_with_its_first_try(world: DeployingWorld) -> None:
    doom(world)
    world.service()
    world.settle(2, step=0.5)
    assert makes(world) == 2, "the first stage"
    assert not any(world.all(kind) for kind in (ISOLATION_PODS, PODS, *CHILDREN))


def test_other_services_are_not_concerned(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    doom(world)
    lose_the_pods(world)
    world.settle(5)
    spare(world)
    world.do(world.hand.delete(DEDICATED_SERVICES, "s", namespace="n"))
    world.service()
    world.settle(5)
    assert len(world.all(PODS)) == 3


def test_one_that_takes_new_objects_again_is_served_again_by_the_same_operator(world: DeployingWorld) -> None:
    service = world.service()
    world.settle(5)
    doom(world)
    lose_the_pods(world)
    world.settle(60, step=0.5)
    spare(world)
    world.settle(LONGEST_SECONDS, step=0.5)
    world.proxy(service, "home-1", listen="10.0.0.9:9090", held="3")
    world.settle(5)
    assert len(world.all(PODS)) == 3
    assert world.condition("Ready")["status"] == "True"
    assert world.condition("Degraded")["status"] == "False"
    assert told(world)[-1][0] == "Recovered"


def test_connections_do_not_end_where_a_refusal_is_one_among_others_that_were_taken(world: DeployingWorld) -> None:
    """As when one of several API servers lags behind, or an admission webhook says what is not so."""
    service = world.service()
    world.settle(5)
    world.proxy(service, "home-1", listen="10.0.0.9:9090", held="0")
    world.settle(5)
    [used, *_] = world.assigned("home-1")
    world.write_phase(used, "InUse")
    made = [0]

    def refuse(verb: str, resource: Resource, name: str) -> None:
        if verb == "create" and resource == ISOLATION_PODS:
            made[0] += 1
            if made[0] == 1:
                raise NamespaceTerminating(403, message="the namespace is being terminated")

    world.api.before = refuse
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 9}}, namespace="n"))
    world.settle(5)
    assert made[0] > 1
    assert used["metadata"]["name"] in names_of(world.all(ISOLATION_PODS)) & names_of(world.all(PODS))
    assert names_of(world.all(CONFIG_MAPS)) == {"s-proxy"}


def test_what_the_operator_itself_deleted_there_counts_as_lost_to_nobody(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    doom(world)
    lose_the_pods(world)
    settle_until(world, lambda: not world.all(CONFIG_MAPS))
    spare(world)
    settle_until(world, lambda: bool(world.all(CONFIG_MAPS)))
    world.do(world.hand.delete(CONFIG_MAPS, "s-proxy", namespace="n"))
    world.settle(0.2)
    assert world.all(CONFIG_MAPS), "made again at once, for it is the first time that somebody deletes it"


def test_a_service_made_anew_is_served_though_the_first_answers_are_of_the_namespace_before(
    world: DeployingWorld,
) -> None:
    doom(world)
    world.service()
    world.settle(FIRST_SECONDS / 4)
    spare(world)
    world.settle(FIRST_SECONDS + 1)
    assert len(world.all(PODS)) == 3


def test_one_that_leads_again_tries_before_it_ends_what_another_has_made_there_meanwhile(world: DeployingWorld) -> None:
    service = world.service()
    world.settle(5)
    [operator] = world.operators
    doom(world)
    lose_the_pods(world)
    world.settle(60, step=0.5)
    operator.stand_by()
    spare(world)
    other = world.start_operator()
    world.proxy(service, "home-1", listen="10.0.0.9:9090", held="0")
    world.settle(5)
    [used, *_] = world.assigned("home-1")
    world.write_phase(used, "InUse")
    other.stopService()
    operator.lead()
    world.settle(5)
    assert used["metadata"]["name"] in names_of(world.all(ISOLATION_PODS)) & names_of(world.all(PODS))
