"""Where proxies are deployed, clients come by a Service: what a status says of it, and of its absence."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from isoproxy.kube.errors import Invalid
from isoproxy.kube.resources import DEDICATED_SERVICES, SERVICES, Json, Resource
from isoproxy.model import proxies
from isoproxy.model.proxies import ProxyImage
from isoproxy.operator.actions import Child
from isoproxy.operator.childkinds import parse_child
from isoproxy.operator.children import contested, refused, taken
from isoproxy.operator.observed import ChildObject, Observed
from test.operator.deploying import DeployingWorld
from test.operator.reconciling import settled
from test.operator.test_status import condition, pool, proxy, service, shown

OF = service(replicas=1)
OWN = parse_child(proxies.client_service(OF))
OTHERS = replace(OWN, metadata=replace(OWN.metadata, owner_references=()))
TITLE = "Service s-proxy"
REFUSED = refused(TITLE, "spec.ports[0].nodePort: provided port is already allocated")


def serving(there: ChildObject | None, **more: Any) -> Observed:
    """A service whose pool is full and whose proxies accept connections, on an address that says nothing."""
    records, pods = pool(OF, "Idle")
    return Observed(
        OF,
        records,
        pods,
        {instance: proxy(listen="0.0.0.0:9090") for instance in ("p", "q")},
        children={} if there is None else {Child.SERVICE: there},
        proxy_image=ProxyImage("isoproxy:1"),
        **more,
    )


@pytest.mark.parametrize(
    ("there", "obstacle", "said"),
    [
        (OWN, None, ("True", "PoolReady", "connections find a pod")),
        (OWN, REFUSED, ("True", "PoolReady", "connections find a pod")),
        (OWN, contested(TITLE), ("True", "PoolReady", "connections find a pod")),
        (None, REFUSED, ("False", "ChildRefused", REFUSED.message)),
        (None, contested(TITLE), ("False", "Contested", contested(TITLE).message)),
        (OTHERS, taken(TITLE), ("False", "NameTaken", taken(TITLE).message)),
        (None, None, ("True", "PoolReady", "connections find a pod")),  # it is about to be made
    ],
)
def test_connections_find_a_pod_only_where_they_find_a_proxy(there: Any, obstacle: Any, said: Any) -> None:
    met = {} if obstacle is None else {Child.SERVICE: obstacle}
    ready = condition(shown(serving(there, obstacles=met)), "Ready")
    assert (ready.status, ready.reason, ready.message) == said


def test_what_is_in_the_way_of_other_children_leaves_clients_their_way() -> None:
    met = {child: refused(child.name, "no") for child in Child if child is not Child.SERVICE}
    assert condition(shown(serving(OWN, obstacles=met)), "Ready").status == "True"


@pytest.mark.parametrize(("there", "said"), [(OWN, ("s-proxy.n.svc:9090",)), (OTHERS, ()), (None, ())])
def test_the_endpoint_of_all_proxies_is_their_service_where_it_is_there(there: Any, said: Any) -> None:
    assert shown(serving(there)).endpoints == said


def test_what_others_add_to_the_service_is_no_endpoint() -> None:
    added = {"name": "another", "protocol": "TCP", "port": 1}
    manifest = proxies.client_service(service(service={"port": 7000}))
    manifest["spec"]["ports"].insert(0, added)
    assert shown(serving(parse_child(manifest))).endpoints == ("s-proxy.n.svc:7000",)
    manifest["spec"]["ports"] = [added]
    assert shown(serving(parse_child(manifest))).endpoints == ()


def test_proxies_that_others_run_are_told_by_where_they_listen() -> None:
    observed = replace(serving(OWN), proxy_image=None)
    assert shown(observed).endpoints == ("0.0.0.0:9090",)


@pytest.fixture
def world() -> Iterator[DeployingWorld]:
    with settled(DeployingWorld()) as made:
        yield made


def endpoints(world: DeployingWorld) -> list[str]:
    [found] = world.all(DEDICATED_SERVICES)
    told: list[str] = found["status"]["endpoints"]
    return told


def serve(world: DeployingWorld, of: Json) -> None:
    """Have a proxy live for long enough that what was refused is tried again, and told."""
    for _ in range(3):
        world.proxy(of, "pod-1", held="3", listen="0.0.0.0:9090")
        world.settle(5)


def test_a_service_that_nobody_reaches_says_so_until_it_can_be_reached(world: DeployingWorld) -> None:
    def refuse(verb: str, what: Resource, name: str) -> None:
        if verb == "patch" and what is SERVICES:
            raise Invalid(422, message="spec.ports[0].nodePort: provided port is already allocated")

    world.api.before = refuse
    of = world.service()
    serve(world, of)
    ready = world.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ChildRefused")
    assert "already allocated" in ready["message"]
    assert endpoints(world) == []
    world.api.before = lambda verb, resource, name: None
    serve(world, of)
    assert world.condition("Ready")["status"] == "True"
    assert endpoints(world) == ["s-proxy.n.svc:9090"]
    world.api.before = refuse
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"service": {"port": 7000}}}, namespace="n"))
    serve(world, of)
    assert world.condition("Degraded")["reason"] == "ChildRefused"
    assert world.condition("Ready")["status"] == "True"
    assert endpoints(world) == ["s-proxy.n.svc:9090"], "for the change is not there yet"
    world.api.before = lambda verb, resource, name: None
    serve(world, of)
    assert endpoints(world) == ["s-proxy.n.svc:7000"]
