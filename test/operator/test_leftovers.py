"""What a deleted service left is ended, and what is only labelled as its own is not touched."""

from dataclasses import replace
from typing import Any

import pytest

from isoproxy.kube.api import ListResult
from isoproxy.kube.resources import CONFIG_MAPS, DEDICATED_SERVICES, NETWORK_POLICIES, PODS, Json, Resource
from isoproxy.model.metadata import ObjectMeta, OwnerReference
from isoproxy.model.names import ServiceKey
from isoproxy.model.ownership import owner
from isoproxy.operator.actions import DeleteChild, DeleteOrphan, End
from isoproxy.operator.leftovers import Leftovers, by_service
from isoproxy.operator.observed import ChildObject
from test.memoryapi import MemoryApi
from test.operator.builders import NAMESPACE, SERVICE, SERVICE_UID, pod, record
from test.operator.reconciling import World, names_of

LABELS = {"soh.re/service": SERVICE, "soh.re/service-uid": SERVICE_UID}
OWNER = OwnerReference(kind="DedicatedService", name=SERVICE, uid=SERVICE_UID, controller=True)


def meta(name: str, **fields: Any) -> ObjectMeta:
    fields = {"namespace": NAMESPACE, "labels": LABELS, "owner_references": (OWNER,)} | fields
    return ObjectMeta(name=name, **fields)


def settings(name: str = f"{SERVICE}-proxy", **fields: Any) -> ChildObject:
    return ChildObject(meta(name, **fields), "")


def found(*children: ChildObject) -> dict[ServiceKey, Leftovers]:
    return by_service(SERVICE_UID, records=(), pods=(), children={CONFIG_MAPS: children})


def test_records_their_pods_and_children_go() -> None:
    own = replace(record("p"), metadata=replace(record("p").metadata, labels=LABELS, owner_references=(OWNER,)))
    its, orphan = (replace(one, metadata=replace(one.metadata, labels=LABELS)) for one in (pod("p"), pod("orphan")))
    [(key, left)] = by_service(
        SERVICE_UID, records=[own], pods=[its, orphan], children={CONFIG_MAPS: [settings()]}
    ).items()
    assert key == (NAMESPACE, SERVICE)
    end, of_orphan, of_settings = left.ends()
    assert isinstance(end, End)
    assert (end.record, end.pod_uid) == (own, "pod-p")
    assert of_orphan == DeleteOrphan(orphan)
    assert of_settings == DeleteChild(CONFIG_MAPS, settings().metadata)


@pytest.mark.parametrize(
    "fields",
    [
        {"owner_references": ()},
        {"owner_references": (replace(OWNER, uid="of another"),)},
        {"owner_references": (replace(OWNER, controller=False),)},
        {"owner_references": (replace(OWNER, kind="Deployment"),)},
        {"labels": {"soh.re/service-uid": SERVICE_UID}},
        {"name": f"{SERVICE}-pods"},
        {"name": "any"},
    ],
)
def test_what_is_only_labelled_so_stays_and_keeps_nothing_else(fields: dict[str, Any]) -> None:
    theirs = settings(**fields)
    assert found(theirs) == {}
    [left] = found(settings(), theirs).values()
    assert left.ends() == [DeleteChild(CONFIG_MAPS, settings().metadata)]


def test_each_place_is_judged_for_itself() -> None:
    elsewhere = settings(namespace="elsewhere")
    assert set(found(settings(), elsewhere)) == {(NAMESPACE, SERVICE), ("elsewhere", SERVICE)}


def labelled(uid: str, name: str, *, owners: tuple[Json, ...] = ()) -> Json:
    labels = {"soh.re/service": "s", "soh.re/service-uid": uid, "soh.re/role": "pod"}
    return {"metadata": {"name": name, "labels": labels, "ownerReferences": list(owners)}}


@pytest.mark.parametrize(
    ("resource", "spec"),
    [
        (CONFIG_MAPS, {}),
        (NETWORK_POLICIES, {"spec": {"podSelector": {}}}),
        (PODS, {"spec": {"containers": [{"name": "c", "image": "i"}]}, "status": {"phase": "Running"}}),
    ],
)
def test_what_others_labelled_with_a_service_that_is_gone_is_left_alone(
    world: World, resource: Resource, spec: Json
) -> None:
    theirs = world.do(world.hand.create(resource, labelled("gone", "theirs") | spec, namespace="n"))
    world.pods_work = False
    world.settle(30, step=0.5)
    assert world.all(resource) == [theirs]


def test_what_says_no_name_does_not_keep_what_a_service_left(world: World) -> None:
    world.api.collects = world.hand.collects = False
    nameless = {"metadata": {"name": "nameless", "labels": {"soh.re/service-uid": "gone"}}}
    world.do(world.hand.create(CONFIG_MAPS, nameless, namespace="n"))
    left = labelled("gone", "s-proxy", owners=(owner("s", "gone"),))
    world.do(world.hand.create(CONFIG_MAPS, left, namespace="n"))
    world.settle(10)
    assert names_of(world.all(CONFIG_MAPS)) == {"nameless"}


def wall(**fields: Any) -> ChildObject:
    return ChildObject(meta(f"{SERVICE}-pods", **({"owner_references": ()} | fields)), "")


@pytest.mark.parametrize("owners", [(), (OWNER,)])
def test_a_wall_goes_when_the_last_pod_behind_it_is_gone(owners: tuple[OwnerReference, ...]) -> None:
    ending = pod("p", ending=True)
    ending = replace(ending, metadata=replace(ending.metadata, labels=LABELS))
    walls = {NETWORK_POLICIES: [wall(owner_references=owners)]}
    [left] = by_service(SERVICE_UID, records=(), pods=[ending], children=walls).values()
    assert left.ends() == []
    [left] = by_service(SERVICE_UID, records=(), pods=(), children=walls).values()
    assert left.ends() == [DeleteChild(NETWORK_POLICIES, wall(owner_references=owners).metadata)]


def test_a_wall_stays_around_pods_that_only_a_read_shows() -> None:
    [left] = by_service(SERVICE_UID, records=(), pods=(), children={NETWORK_POLICIES: [wall()]}).values()
    assert left.seems_empty
    assert left.ends(walled=True) == []
    [without] = found(settings()).values()
    assert not without.seems_empty


class Lists(MemoryApi):
    """A client that counts the objects of lists that it had to hand out whole."""

    whole = 0

    async def list(self, resource: Resource, **options: Any) -> ListResult:
        listed = await super().list(resource, **options)
        self.whole += len(listed.items) if options.get("keep") is None else 0
        return listed


def test_the_pods_that_keep_a_wall_are_not_held_whole(world: World) -> None:
    world.operators.pop().stopService()
    lists = Lists(world.core, world.clock)
    world.start_operator(lists)
    of = world.service(replicas=0)
    world.settle()
    spec = {"containers": [{"name": "c", "image": "i"}]}
    for number in range(3):  # no pods of ours: the wall seems to be around nobody
        somebodys = labelled(of["metadata"]["uid"], f"somebodys-{number}")
        somebodys["metadata"]["labels"].pop("soh.re/role")
        world.do(world.hand.create(PODS, somebodys | {"spec": spec}, namespace="n"))
    before = lists.count("list", "pods")
    world.do(world.hand.delete(DEDICATED_SERVICES, "s", namespace="n"))
    world.settle(10)
    assert lists.count("list", "pods") > before
    assert lists.whole == 0
    assert world.all(NETWORK_POLICIES) == []


def hold(world: World, *finalizers: str) -> None:
    """Let the pods that are there end no sooner than others allow it, or now."""
    for one in world.all(PODS):
        patch = {"metadata": {"finalizers": list(finalizers)}}
        world.do(world.hand.patch(PODS, one["metadata"]["name"], patch, namespace="n"))


def test_the_wall_of_a_deleted_service_stands_until_its_last_pod_has_ended(world: World) -> None:
    world.service()
    world.settle()
    [before] = world.all(NETWORK_POLICIES)
    hold(world, "example.com/not-yet")
    world.do(world.hand.delete(DEDICATED_SERVICES, "s", namespace="n"))
    world.settle(60, step=0.5)
    assert all("deletionTimestamp" in one["metadata"] for one in world.all(PODS))
    assert len(world.all(PODS)) == 3
    assert world.all(NETWORK_POLICIES) == [before]
    hold(world)
    world.settle(10)
    assert world.all(PODS) == world.all(NETWORK_POLICIES) == []


def test_a_service_made_anew_waits_for_the_wall_of_the_one_before_it(world: World) -> None:
    world.service()
    world.settle()
    old = names_of(world.all(PODS))
    hold(world, "example.com/not-yet")
    world.do(world.hand.delete(DEDICATED_SERVICES, "s", namespace="n"))
    new = world.service()
    world.settle(20, step=0.5)
    assert names_of(world.all(PODS)) == old, "the name of its wall is not free yet"
    hold(world)
    world.settle(5)
    assert len(world.all(PODS)) == 3
    assert not names_of(world.all(PODS)) & old
    [wall] = world.all(NETWORK_POLICIES)
    assert wall["metadata"]["labels"]["soh.re/service-uid"] == new["metadata"]["uid"]
