"""The definitions that ship with isoproxy, and the two rules that hold the life of an IsolationPod."""

from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.errors import ApiError, Invalid
from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS
from isoproxy.model import crds
from test.contract.cluster import Cluster, Json, Space, block, install, remove_definition


@pytest.fixture(scope="module", autouse=True)
def definitions(cluster: Cluster) -> Iterator[None]:
    """Install them, and leave what was there before."""
    made = [crd for crd in crds.load() if block(install(cluster, crd))]
    yield
    for crd in made:
        block(remove_definition(cluster, crd))


SERVICE: Json = {
    "apiVersion": "soh.re/v1alpha1",
    "kind": "DedicatedService",
    "metadata": {"name": "shop"},
    "spec": {"image": "registry.invalid/shop:1"},
}
RECORD: Json = {
    "apiVersion": "soh.re/v1alpha1",
    "kind": "IsolationPod",
    "metadata": {"name": "shop-1"},
    "spec": {"serviceName": "shop", "podName": "shop-1", "port": 8080},
}
ASSIGNMENT = {"proxy": "proxy-1", "podIP": "10.0.0.1", "podUID": "u-1"}


@pytest_twisted.ensureDeferred
async def test_a_service_needs_nothing_but_an_image(space: Space) -> None:
    made = await space.create(DEDICATED_SERVICES, SERVICE, strict=True)
    assert (made["spec"]["port"], made["spec"]["replicas"], made["spec"]["service"]["port"]) == (8080, 1, 9090)
    assert made["status"]["availableTargets"] == 0


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"replicas": -1}, "spec.replicas"),
        ({"replicas": 5, "maxPods": 2}, "maxPods must not be less than replicas"),
        ({"port": 0}, "spec.port"),
    ],
)
async def test_a_service_that_cannot_be_is_refused(space: Space, spec: Json, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        await space.create(DEDICATED_SERVICES, SERVICE | {"spec": SERVICE["spec"] | spec})
    assert words in caught.value.message


@pytest_twisted.ensureDeferred
async def test_a_misspelt_field_of_a_service_is_named(space: Space) -> None:
    with pytest.raises(ApiError) as caught:
        await space.create(DEDICATED_SERVICES, SERVICE | {"spec": {"image": "i", "replica": 3}}, strict=True)
    assert 'unknown field "spec.replica"' in caught.value.message


async def set_phase(space: Space, phase: str) -> Any:
    return await space.patch(ISOLATION_PODS, "shop-1", {"status": {"phase": phase}}, subresource="status")


@pytest_twisted.ensureDeferred
async def test_an_assignment_is_for_life(space: Space) -> None:
    made = await space.create(ISOLATION_PODS, RECORD, strict=True)
    assert made["status"]["phase"] == "Idle"
    with pytest.raises(Invalid):
        await space.patch(ISOLATION_PODS, "shop-1", {"spec": {"proxy": "proxy-1"}})  # and its pod?
    await space.patch(ISOLATION_PODS, "shop-1", {"spec": ASSIGNMENT})
    for field in ASSIGNMENT:
        for value in ("other", "", None):
            with pytest.raises(Invalid, match="immutable"):
                await space.patch(ISOLATION_PODS, "shop-1", {"spec": {field: value}})


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("way", [("InUse", "Released"), ("Released",), ("Returned",)])
async def test_a_life_goes_forward_only(space: Space, way: tuple[str, ...]) -> None:
    await space.create(ISOLATION_PODS, RECORD)
    for phase in ("InUse", "Released", "Returned"):
        with pytest.raises(Invalid, match="only moves forward"):
            await set_phase(space, phase)  # of nobody yet
    await space.patch(ISOLATION_PODS, "shop-1", {"spec": ASSIGNMENT})
    for phase in way:
        await set_phase(space, phase)
    for phase in {"Idle", "InUse", "Returned", "Released"} - {way[-1]}:
        with pytest.raises(Invalid, match="only moves forward"):
            await set_phase(space, phase)


@pytest_twisted.ensureDeferred
async def test_what_is_released_can_be_found(space: Space) -> None:
    await space.create(ISOLATION_PODS, RECORD)
    await space.patch(
        ISOLATION_PODS, "shop-1", {"spec": ASSIGNMENT, "metadata": {"labels": {"soh.re/proxy": "proxy-1"}}}
    )
    assert await space.names(ISOLATION_PODS, field_selector="status.phase=Idle") == ["shop-1"]
    await set_phase(space, "Released")
    assert await space.names(ISOLATION_PODS, field_selector="status.phase=Released") == ["shop-1"]
    assert await space.names(ISOLATION_PODS, label_selector="soh.re/proxy=proxy-1") == ["shop-1"]
