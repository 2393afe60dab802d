"""Services whose namespace is being deleted: nothing new may be made there, and the cluster deletes what there is."""

from collections.abc import Iterator

import pytest

from isoproxy.kube.errors import NamespaceTerminating
from isoproxy.kube.resources import CONFIG_MAPS, DEDICATED_SERVICES, ISOLATION_PODS, PODS, Resource
from test.operator.deploying import CHILDREN, DeployingWorld
from test.operator.reconciling import names_of, settled


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


def makes(world: DeployingWorld) -> int:
    """How often something new was asked for, or something changed beside a service's status."""
    writes = [kind for verb, kind, _ in world.api.requests if verb in ("create", "patch")]
    return len(writes) - writes.count(DEDICATED_SERVICES.plural)


def test_its_pods_and_settings_go_and_its_proxies_keep_their_rights(
    world: DeployingWorld,
) -> None:
    service = world.service()
    world.proxy(service, "home-1", listen="10.0.0.9:9090", held="0")
    world.settle(5)
    [used, *_] = world.assigned("home-1")
    world.write_phase(used, "InUse")
    doom(world)
    for pod in world.all(PODS):
        world.do(world.hand.delete(PODS, pod["metadata"]["name"], namespace="n"))
    world.settle(5)
    assert names_of(world.all(DEDICATED_SERVICES)) == {"s"}
    assert not any(world.all(kind) for kind in (ISOLATION_PODS, PODS, CONFIG_MAPS))
    assert all(world.all(kind) for kind in CHILDREN if kind is not CONFIG_MAPS)


def test_nothing_more_is_asked_for_there(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    doom(world)
    for pod in world.all(PODS):
        world.do(world.hand.delete(PODS, pod["metadata"]["name"], namespace="n"))
    world.settle(60, step=0.5)
    assert 1 <= makes(world) <= 3, "the pods of one pass"


def test_an_operator_that_comes_later_finds_it_out_with_its_first_try(world: DeployingWorld) -> None:
    doom(world)
    world.service()
    world.settle(60, step=0.5)
    assert makes(world) == 2, "the first stage"
    assert not any(world.all(kind) for kind in (ISOLATION_PODS, PODS, *CHILDREN))


def test_other_services_are_not_concerned(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    doom(world)
    for pod in world.all(PODS):
        world.do(world.hand.delete(PODS, pod["metadata"]["name"], namespace="n"))
    world.settle(5)
    world.api.before = lambda verb, resource, name: None
    world.do(world.hand.delete(DEDICATED_SERVICES, "s", namespace="n"))
    world.service()
    world.settle(5)
    assert len(world.all(PODS)) == 3
