"""A namespace that is deleted: it takes nothing new, its pods go first, and its name can be used again."""

from contextlib import suppress

import pytest
import pytest_twisted

from isoproxy.kube.errors import NamespaceTerminating, NotFound
from isoproxy.kube.resources import CONFIG_MAPS, NAMESPACES, PODS, Json, Resource
from test.contract.cluster import Space, until
from test.contract.test_pods import pod

HELD = {"finalizers": ["contract.example/held"]}
RELEASED = {"metadata": {"finalizers": None}}
CONTROLLER_SECONDS = 60.0
"""The controller of a real cluster begins after five seconds, and comes by again some time after that."""


def config_map(name: str, **metadata: object) -> Json:
    return {"metadata": {"name": name} | metadata}


async def doom(space: Space) -> None:
    await space.client.delete(NAMESPACES, space.namespace)


async def release(space: Space, resource: Resource, name: str) -> None:
    """Let go of an object, and have the namespace looked at for it: a controller may do so minutes later else."""
    await space.patch(resource, name, RELEASED)
    annotated = {"metadata": {"annotations": {"contract.example/released": name}}}
    with suppress(NotFound):  # that was all it waited for
        await space.client.patch(NAMESPACES, space.namespace, annotated)


async def is_doomed(space: Space, resource: Resource, name: str) -> bool:
    return "deletionTimestamp" in (await space.get(resource, name))["metadata"]


async def is_gone(space: Space) -> bool:
    try:
        await space.client.get(NAMESPACES, space.namespace)
    except NotFound:
        return True
    return False


@pytest_twisted.ensureDeferred
async def test_a_namespace_that_is_deleted_takes_nothing_new_and_is_made_anew_once_it_is_gone(space: Space) -> None:
    before = await space.client.get(NAMESPACES, space.namespace)
    await space.create(CONFIG_MAPS, config_map("held", **HELD))
    await space.create(CONFIG_MAPS, config_map("free"))
    await doom(space)
    assert (await space.client.get(NAMESPACES, space.namespace))["status"]["phase"] == "Terminating"
    for resource, body in ((CONFIG_MAPS, config_map("more")), (space.widgets, space.widget())):
        with pytest.raises(NamespaceTerminating):
            await space.create(resource, body)
    await until(lambda: is_doomed(space, CONFIG_MAPS, "held"), CONTROLLER_SECONDS)
    await space.patch(CONFIG_MAPS, "held", {"data": {"changed": "still"}})
    await release(space, CONFIG_MAPS, "held")
    await until(lambda: is_gone(space), CONTROLLER_SECONDS)
    anew = await space.client.create(NAMESPACES, {"metadata": {"name": space.namespace}})
    assert anew["metadata"]["uid"] != before["metadata"]["uid"]
    await space.create(CONFIG_MAPS, config_map("free"))


@pytest_twisted.ensureDeferred
async def test_pods_are_gone_before_anything_else_of_their_namespace_is_deleted(space: Space) -> None:
    """Since Kubernetes 1.33: until the last has ended, the walls around them stand."""
    await space.create(CONFIG_MAPS, config_map("after"))
    await space.create(PODS, pod() | {"metadata": {"name": "first"} | HELD})
    await doom(space)
    await until(lambda: is_doomed(space, PODS, "first"), CONTROLLER_SECONDS)
    assert not await is_doomed(space, CONFIG_MAPS, "after")
    await release(space, PODS, "first")
    await until(lambda: is_gone(space), CONTROLLER_SECONDS)


@pytest_twisted.ensureDeferred
async def test_a_namespace_waits_for_its_own_finalizers(space: Space) -> None:
    await space.client.patch(NAMESPACES, space.namespace, {"metadata": HELD})
    await space.create(CONFIG_MAPS, config_map("free"))
    await doom(space)

    async def is_empty() -> bool:
        return "free" not in await space.names(CONFIG_MAPS)

    await until(is_empty, CONTROLLER_SECONDS)
    with pytest.raises(NamespaceTerminating):
        await space.create(CONFIG_MAPS, config_map("more"))
    assert not await is_gone(space)
    await space.client.patch(NAMESPACES, space.namespace, RELEASED)
    await until(lambda: is_gone(space), CONTROLLER_SECONDS)
