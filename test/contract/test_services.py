"""Services: one that could not be routed to is refused."""

from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.errors import Invalid
from isoproxy.kube.resources import Json, Resource
from test.contract.cluster import Space

SERVICES = Resource("", "v1", "services", "Service")


def service(name: str = "shop", **spec: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"a": "b"}, "ports": [{"port": 9090}]} | spec,
    }


@pytest_twisted.ensureDeferred
async def test_a_service_is_completed(space: Space) -> None:
    made = (await space.create(SERVICES, service(), strict=True))["spec"]
    assert made["ports"] == [{"port": 9090, "protocol": "TCP", "targetPort": 9090}]
    assert (made["type"], made["sessionAffinity"], made["internalTrafficPolicy"]) == ("ClusterIP", "None", "Cluster")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"ports": []}, "spec.ports"),
        ({"ports": [{"port": 0}]}, "spec.ports[0].port"),
        ({"ports": [{"port": 1}, {"port": 2}]}, "spec.ports[0].name"),
        ({"ports": [{"port": 1, "name": "a"}, {"port": 2, "name": "a"}]}, "spec.ports[1].name"),
        ({"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]}, "spec.ports[1]"),
        ({"ports": [{"port": 1, "protocol": "ICMP"}]}, "spec.ports[0].protocol"),
        ({"ports": [{"port": 1, "targetPort": 70000}]}, "spec.ports[0].targetPort"),
        ({"type": "Public"}, "spec.type"),
        ({"sessionAffinity": "Always"}, "spec.sessionAffinity"),
    ],
)
async def test_a_service_that_cannot_be_is_refused_with_the_path(space: Space, spec: Json, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        await space.create(SERVICES, service(**spec))
    assert field in {cause["field"] for cause in caught.value.details["causes"]}


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("name", ["1st", "a.b", "x" * 64])
async def test_its_name_is_that_of_a_host(space: Space, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        await space.create(SERVICES, service(name))
    assert caught.value.details["causes"][0]["field"] == "metadata.name"
