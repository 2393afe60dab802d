"""What others label as a service's is none of its own: it moves nothing, and nothing is done to it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from isoproxy.kube.resources import CONFIG_MAPS, DEDICATED_SERVICES, LEASES, NAMESPACES, PODS, Json
from isoproxy.model.metadata import ObjectMeta, OwnerReference
from isoproxy.model.proxylease import LeaseSpec, ProxyLease, lease_manifest
from isoproxy.operator import belonging
from test.operator.builders import pod
from test.operator.reconciling import World, names_of, settled

SERVICE = ObjectMeta(name="b", namespace="n", uid="uid-b")
ELSEWHERE = "elsewhere"


def lease(*, service: str = "b", namespace: str = "n", name: str = "", instance: str = "pod-1") -> ProxyLease:
    labels = {"soh.re/service": service, "soh.re/service-uid": "uid-b"}
    meta = ObjectMeta(name=name or f"{service}-{instance}", namespace=namespace, labels=labels)
    return ProxyLease(metadata=meta, spec=LeaseSpec(holder_identity=instance))


class TestALease:
    def test_of_a_service_is_in_its_namespace_and_named_after_it_and_its_holder(self) -> None:
        assert belonging.leases(SERVICE, [lease()]) == [lease()]

    @pytest.mark.parametrize(
        "of",
        [
            {"namespace": ELSEWHERE},
            {"service": "a"},
            {"service": "a", "namespace": ELSEWHERE},
            {"name": "b-pod-2"},
            {"name": "any"},
            {"service": "", "name": "b-pod-1"},
        ],
    )
    def test_that_only_says_so_is_none_of_the_service_s(self, of: dict[str, Any]) -> None:
        assert belonging.leases(SERVICE, [lease(**of)]) == []

    @pytest.mark.parametrize("instance", ["", "-1", "1-", "a b", "ü", "a\n", "a" * 64])
    def test_whose_holder_could_be_no_label_is_none_of_a_proxy(self, instance: str) -> None:
        assert belonging.leases(SERVICE, [lease(instance=instance)]) == []

    def test_of_the_longest_name_that_a_label_can_be_is_one(self) -> None:
        assert belonging.leases(SERVICE, [lease(instance="a" * 63)])


def test_a_pod_is_a_service_s_own_where_it_was_made_for_an_isolation_pod() -> None:
    chess = ObjectMeta(name="chess", namespace=pod("p").metadata.namespace)
    owner = (OwnerReference(kind="ReplicaSet", name="r", uid="r"),)
    bare = pod("bare", owner="")
    of_another_kind = replace(bare, metadata=replace(bare.metadata, owner_references=owner))
    assert belonging.pods(chess, [pod("p"), bare, of_another_kind]) == [pod("p")]
    assert belonging.pods(SERVICE, [pod("p")]) == [], "it is in another namespace"


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.do(made.hand.create(NAMESPACES, {"metadata": {"name": ELSEWHERE}}))
    with settled(made):
        yield made


def pretend(world: World, victim: Json, *, service: str, instance: str, namespace: str, **words: str) -> None:
    """Create a Lease that names a service which is not its writer's, and asks for all that there is."""
    manifest = lease_manifest(
        service_name=service,
        service_uid=victim["metadata"]["uid"],
        instance=instance,
        annotations={f"soh.re/{word}": text for word, text in words.items()},
    )
    del manifest["metadata"]["ownerReferences"]  # or it would be collected: its owner is not in its namespace
    world.do(world.hand.create(LEASES, manifest, namespace=namespace))


@pytest.mark.parametrize(("service", "namespace"), [("a", ELSEWHERE), ("s", ELSEWHERE), ("a", "n")])
def test_a_lease_of_others_gets_no_pods_and_makes_none(world: World, service: str, namespace: str) -> None:
    victim = world.service(replicas=2)
    world.settle()
    pretend(world, victim, service=service, instance="evil", namespace=namespace, queued="999999999")
    world.settle(5)
    assert world.assigned("evil") == []
    assert len(world.all(PODS)) == 2
    world.proxy(victim, "pod-1")
    world.settle()
    assert len(world.assigned("pod-1")) == 2


def test_a_lease_whose_holder_is_no_label_holds_up_no_other(world: World) -> None:
    victim = world.service(replicas=2)
    pretend(world, victim, service="s", instance="x" * 64, namespace="n")
    world.proxy(victim, "pod-1")
    world.settle(5)
    assert len(world.assigned("pod-1")) == 2


def test_a_lease_of_others_does_not_speak_for_a_proxy_of_the_name(world: World) -> None:
    victim = world.service(replicas=0)
    world.proxy(victim, "pod-1")
    world.settle()
    pretend(world, victim, service="s", instance="pod-1", namespace=ELSEWHERE, draining="true")
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 2}}, namespace="n"))
    world.settle(5)
    assert len(world.assigned("pod-1")) == 2


def test_a_config_map_of_the_name_in_another_namespace_is_in_nobody_s_way(world: World) -> None:
    victim = world.service(replicas=0)
    world.settle()
    labels = {"soh.re/service": "s", "soh.re/service-uid": victim["metadata"]["uid"]}
    theirs = {"metadata": {"name": "s-proxy", "labels": labels}}
    made = world.do(world.hand.create(CONFIG_MAPS, theirs, namespace=ELSEWHERE))
    world.operators[-1].stopService()
    world.start_operator()  # which finds theirs before it finds its own
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 2}}, namespace="n"))
    world.settle(5)
    assert len(world.all(PODS)) == 2
    [shown] = world.all(DEDICATED_SERVICES)
    assert not [one for one in shown["status"]["conditions"] if (one["type"], one["status"]) == ("Degraded", "True")]
    assert world.do(world.hand.get(CONFIG_MAPS, "s-proxy", namespace=ELSEWHERE)) == made


@pytest.mark.parametrize("namespace", ["n", ELSEWHERE])
def test_a_pod_that_others_labelled_takes_nobody_s_place(world: World, namespace: str) -> None:
    victim = world.service(replicas=0, maxPods=2)
    world.settle()
    labels = {"soh.re/service": "s", "soh.re/service-uid": victim["metadata"]["uid"], "soh.re/role": "pod"}
    for name in ("one", "two"):
        theirs = {"metadata": {"name": name, "labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        world.do(world.hand.create(PODS, theirs, namespace=namespace))
        status = {"status": {"phase": "Running"}}
        world.do(world.hand.patch(PODS, name, status, namespace=namespace, subresource="status"))
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 2}}, namespace="n"))
    world.settle(20, step=0.5)
    assert len(world.all(PODS)) == 4
    assert names_of(world.all(PODS)) >= {"one", "two"}
