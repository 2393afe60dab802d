"""The wall stands before the first pod, and children that another hand changed are put right."""

from dataclasses import replace
from typing import Any

import pytest

from isoproxy.model import manifests
from isoproxy.model.dedicatedservice import NetworkSpec, QueueSpec, ServiceSpec, SessionSpec
from isoproxy.model.metadata import ObjectMeta
from isoproxy.operator import children
from isoproxy.operator.actions import Child, CreateChild, RepairChild
from isoproxy.operator.observed import ChildObject
from test.operator.builders import SERVICE, Scene, made, service, touched

CHANGES: list[tuple[dict[str, Any], set[Child]]] = [
    ({"replicas": 5}, set()),
    ({"image": "chess:2"}, set()),
    ({"max_pods": 50}, set()),
    ({"network": NetworkSpec(allowDNS=True)}, {Child.NETWORK_POLICY}),
    ({"network": NetworkSpec(allowedCIDRs=("10.1.0.0/16",))}, {Child.NETWORK_POLICY}),
    ({"port": 7777}, {Child.NETWORK_POLICY}),
    ({"service": ServiceSpec(port=7000)}, {Child.SETTINGS}),
    ({"queue": QueueSpec(timeout_seconds=1)}, {Child.SETTINGS}),
    ({"session": SessionSpec(idle_timeout_seconds=60)}, {Child.SETTINGS}),
]


def created(scene: Scene) -> set[Child]:
    return {action.child for action in scene.plan().actions if isinstance(action, CreateChild)}


def repaired(scene: Scene) -> dict[Child, str]:
    return {a.child: a.resource_version for a in scene.plan().actions if isinstance(a, RepairChild)}


def test_no_pod_is_made_before_its_wall_stands() -> None:
    scene = Scene(replicas=3)
    standing = dict(scene.children)
    scene.children.clear()
    assert created(scene) == {Child.NETWORK_POLICY, Child.SETTINGS}
    assert made(scene.plan()) == 0
    scene.children[Child.SETTINGS] = standing[Child.SETTINGS]
    assert made(scene.plan()) == 0
    scene.children[Child.NETWORK_POLICY] = standing[Child.NETWORK_POLICY]
    assert made(scene.plan()) == 3
    assert not created(scene)


@pytest.mark.parametrize("child", list(Child))
def test_while_its_name_is_taken_by_others_nothing_is_made_and_what_runs_is_left_running(child: Child) -> None:
    scene = Scene(replicas=3).proxy("a")
    scene.stocked("a", 2)
    scene.in_use("a")
    scene.children.pop(child)
    scene.taken = frozenset({child})
    for _ in range(3):
        planned = scene.wait(10).plan()
        assert not planned.actions
        assert not touched(planned)


@pytest.mark.parametrize("child", list(Child))
def test_a_child_that_another_hand_changed_is_put_right_if_it_still_is_as_seen(child: Child) -> None:
    scene = Scene(replicas=0)
    scene.children[child] = ChildObject(ObjectMeta(name="any", resource_version="41"), {"spec": {"podSelector": {}}})
    assert repaired(scene) == {child: "41"}


def test_no_pod_is_made_while_the_wall_is_being_put_right() -> None:
    scene = Scene(replicas=3)
    opened = replace(scene.children[Child.NETWORK_POLICY], content={"spec": {"podSelector": {}}})
    scene.children[Child.NETWORK_POLICY] = opened
    assert made(scene.plan()) == 0


@pytest.mark.parametrize(("spec", "expected"), CHANGES)
def test_a_changed_spec_changes_just_the_children_that_say_it(spec: dict[str, Any], expected: set[Child]) -> None:
    assert set(repaired(Scene().respec(**spec))) == expected


def test_a_wall_keeps_the_old_port_open_until_the_last_pod_of_it_is_gone() -> None:
    scene = Scene(replicas=1).proxy("a")
    (old,) = scene.stocked("a")
    scene.respec(port=9999)
    (repair,) = (action for action in scene.plan().actions if isinstance(action, RepairChild))
    (ingress,) = repair.manifest["spec"]["ingress"]
    assert [port["port"] for port in ingress["ports"]] == [8080, 9999]
    scene.children[Child.NETWORK_POLICY] = ChildObject(ObjectMeta(name="any"), children.content(repair.manifest))
    assert not repaired(scene)
    (repair,) = (action for action in scene.remove(old).plan().actions if isinstance(action, RepairChild))
    assert repair.manifest == manifests.network_policy(scene.service)


def test_what_an_api_server_adds_or_leaves_out_is_no_change() -> None:
    made_here = manifests.network_policy(service())
    seen = made_here | {"status": {}, "metadata": made_here["metadata"] | {"managedFields": [{}], "uid": "u"}}
    del seen["spec"]["egress"]  # an empty list is left out on the way back
    assert children.content(seen) == children.content(manifests.network_policy(service()))


def test_a_child_is_found_by_its_name() -> None:
    mine = ChildObject(ObjectMeta(name=f"{SERVICE}-pods"), {})
    other = ChildObject(ObjectMeta(name=f"{SERVICE}-pods-too"), {})
    assert children.find(Child.NETWORK_POLICY, service(), [other, mine]) is mine
    assert children.find(Child.SETTINGS, service(), [other, mine]) is None
    assert children.child_name(Child.SETTINGS, service()) == f"{SERVICE}-proxy"
