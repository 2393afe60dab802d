"""Walls stand before what they are around, and children are put right; names of others are left alone."""

from dataclasses import replace
from typing import Any

import pytest

from isoproxy.kube.resources import CONFIG_MAPS, NETWORK_POLICIES, POD_DISRUPTION_BUDGETS
from isoproxy.model import manifests
from isoproxy.model.dedicatedservice import NetworkSpec, ProxySpec, QueueSpec, ServiceSpec, SessionSpec
from isoproxy.model.metadata import OwnerReference
from isoproxy.model.proxies import ProxyImage
from isoproxy.operator.actions import ApplyChild, Child
from isoproxy.operator.childkinds import STAGES, WALLS, find, resources
from isoproxy.operator.children import made_again, put_right
from isoproxy.operator.observed import Obstacle
from test.operator.builders import Scene, applied_by, made, service, touched

CHANGES: list[tuple[dict[str, Any], set[Child]]] = [
    ({"replicas": 5}, set()),
    ({"image": "chess:2"}, set()),
    ({"max_pods": 50}, set()),
    ({"network": NetworkSpec(allowDNS=True)}, {Child.NETWORK_POLICY}),
    ({"network": NetworkSpec(allowedCIDRs=("10.1.0.0/16",))}, {Child.NETWORK_POLICY}),
    ({"port": 7777}, {Child.NETWORK_POLICY, Child.PROXY_POLICY}),
    ({"service": ServiceSpec(port=7000)}, {Child.SERVICE}),
    ({"service": ServiceSpec(annotations={"a": "b"})}, {Child.SERVICE}),
    ({"proxy": ProxySpec(replicas=3)}, {Child.DEPLOYMENT}),
    ({"queue": QueueSpec(timeout_seconds=1)}, {Child.SETTINGS}),
    ({"session": SessionSpec(idle_timeout_seconds=60)}, {Child.SETTINGS}),
    ({"session": SessionSpec(max_duration_seconds=60)}, {Child.SETTINGS, Child.DEPLOYMENT}),
]


def applies(scene: Scene) -> list[ApplyChild]:
    return [action for action in scene.plan().actions if isinstance(action, ApplyChild)]


def applied(scene: Scene) -> dict[Child, str | None]:
    """Which children one pass applies, and which version of each it saw."""
    return {action.child: action.resource_version for action in applies(scene)}


def carry_out(scene: Scene) -> set[Child]:
    """Make passes until nothing is left to be applied; returns what was."""
    done: set[Child] = set()
    while found := applies(scene):
        assert not done & {action.child for action in found}, "applied twice"
        for action in found:
            scene.applied[action.child] = applied_by(action)
            scene.children[action.child] = scene.applied[action.child].result
            done.add(action.child)
    return done


def test_no_pod_is_made_before_its_wall_stands() -> None:
    scene = Scene(replicas=3)
    standing = dict(scene.children)
    scene.children.clear()
    assert applied(scene) == {Child.NETWORK_POLICY: None, Child.SETTINGS: None}
    assert made(scene.plan()) == 0
    scene.children[Child.SETTINGS] = standing[Child.SETTINGS]
    assert made(scene.plan()) == 0
    scene.children[Child.NETWORK_POLICY] = standing[Child.NETWORK_POLICY]
    assert made(scene.plan()) == 3
    assert not applied(scene)


def test_proxies_are_made_when_their_wall_and_their_rights_stand() -> None:
    scene = Scene().deploy()
    scene.children.clear()
    scene.applied.clear()
    for stage in STAGES:
        assert set(applied(scene)) == set(stage)
        for action in applies(scene):
            scene.applied[action.child] = applied_by(action)
            scene.children[action.child] = scene.applied[action.child].result
    assert not applied(scene)


def test_pods_do_not_wait_for_the_proxies() -> None:
    scene = Scene(replicas=3).deploy()
    scene.children.pop(Child.ROLE)
    assert set(applied(scene)) == {Child.ROLE}
    assert made(scene.plan()) == 3


def test_without_an_image_proxies_are_somebody_else_s_business() -> None:
    assert set(Scene().children) == set(WALLS)
    assert set(Scene().deploy().children) == set(Child)


def test_kinds_that_are_of_no_use_or_not_there_are_not_even_watched() -> None:
    assert resources(None) == (NETWORK_POLICIES, CONFIG_MAPS)
    without, everything = resources(ProxyImage("i", budgets=False)), resources(ProxyImage("i"))
    assert set(everything) - set(without) == {POD_DISRUPTION_BUDGETS}
    scene = Scene()
    scene.proxy_image = ProxyImage("isoproxy:1", budgets=False)
    assert carry_out(scene) == set(Child) - {*WALLS, Child.DISRUPTION_BUDGET}


def test_proxies_are_let_out_to_the_api_server_where_the_operator_was_told_it_is() -> None:
    scene = Scene().deploy()
    scene.proxy_image = ProxyImage("isoproxy:1", api_server_ports=(7443,))
    (action,) = applies(scene)
    assert action.child is Child.PROXY_POLICY
    assert action.manifest["spec"]["egress"][-1] == {"ports": [{"protocol": "TCP", "port": 7443}]}


@pytest.mark.parametrize("child", WALLS)
def test_while_its_name_is_taken_by_others_nothing_is_made_and_what_runs_is_left_running(child: Child) -> None:
    scene = Scene(replicas=3).proxy("a")
    scene.stocked("a", 2)
    scene.in_use("a")
    scene.children.pop(child)
    scene.obstacles = {child: Obstacle("NameTaken", "of others")}
    for _ in range(3):
        planned = scene.wait(10).plan()
        assert not planned.actions
        assert not touched(planned)


@pytest.mark.parametrize("reason", ["Contested", "ChildRefused"])
class TestSettingsOfOursThatCannotBePutRight:
    def scene(self, reason: str) -> Scene:
        scene = Scene(replicas=3).deploy()
        seen = scene.children[Child.SETTINGS]
        scene.children[Child.SETTINGS] = replace(seen, content="another")
        if reason == "Contested":
            scene.contested = frozenset({Child.SETTINGS})
        else:
            scene.obstacles = {Child.SETTINGS: Obstacle(reason, "no")}
        return scene

    def test_hold_up_nothing_else(self, reason: str) -> None:
        scene = self.scene(reason).respec(proxy=ProxySpec(replicas=3))
        planned = scene.plan()
        assert {action.child for action in planned.actions if isinstance(action, ApplyChild)} == {Child.DEPLOYMENT}
        assert made(planned) == 3
        assert {child: obstacle.reason for child, obstacle in planned.obstacles.items()} == {Child.SETTINGS: reason}

    def test_are_waited_for_where_there_are_none(self, reason: str) -> None:
        scene = self.scene(reason)
        scene.children.pop(Child.SETTINGS)
        scene.obstacles = {Child.SETTINGS: Obstacle(reason, "no")}
        planned = scene.respec(proxy=ProxySpec(replicas=3)).plan()
        assert not planned.actions


def test_no_proxy_is_made_to_run_under_somebody_else_s_account() -> None:
    scene = Scene(replicas=0).deploy()
    for child in (Child.SERVICE_ACCOUNT, Child.DEPLOYMENT):
        scene.children.pop(child)
    scene.obstacles = {Child.SERVICE_ACCOUNT: Obstacle("NameTaken", "of others")}
    assert not applied(scene)


@pytest.mark.parametrize("owner", [(), (OwnerReference(kind="DedicatedService", name="chess", uid="an older one"),)])
@pytest.mark.parametrize("child", list(Child))
def test_an_object_of_somebody_else_is_left_alone(child: Child, owner: tuple[OwnerReference, ...]) -> None:
    scene = Scene(replicas=0).deploy()
    seen = scene.children[child]
    # What its labels say counts for the pods' wall alone, which has no owner.
    labels = {"soh.re/service-uid": "an older one"} if child is Child.NETWORK_POLICY else seen.metadata.labels
    foreign = replace(seen, content="another", metadata=replace(seen.metadata, owner_references=owner, labels=labels))
    scene.children[child] = foreign
    assert not applied(scene)
    assert scene.plan().obstacles[child].reason == "NameTaken"


@pytest.mark.parametrize("child", list(Child))
class TestAChild:
    def test_that_another_hand_changed_is_put_right_if_it_still_is_as_seen(self, child: Child) -> None:
        scene = Scene(replicas=0).deploy()
        seen = scene.children[child]
        version = replace(seen.metadata, resource_version="41")
        scene.children[child] = replace(seen, content="another", metadata=version)
        assert applied(scene) == {child: "41"}

    def test_that_lost_a_label_of_ours_is_put_right_and_others_labels_are_theirs(self, child: Child) -> None:
        scene = Scene(replicas=0).deploy()
        seen = scene.children[child]
        labels = {**seen.metadata.labels, "theirs": "too"}
        scene.children[child] = replace(seen, metadata=replace(seen.metadata, labels=labels))
        assert not applied(scene)
        scene.children[child] = replace(seen, metadata=replace(seen.metadata, labels=labels | {"soh.re/service": "x"}))
        assert set(applied(scene)) == {child}

    def test_that_was_made_by_an_operator_before_us_is_applied_once(self, child: Child) -> None:
        scene = Scene(replicas=0).deploy()
        del scene.applied[child]
        assert carry_out(scene) == {child}

    def test_that_was_deleted_is_made_again(self, child: Child) -> None:
        scene = Scene(replicas=0).deploy()
        scene.children.pop(child)
        assert applied(scene) == {child: None}

    def test_is_not_fought_over_with_those_who_add_what_an_apply_leaves(self, child: Child) -> None:
        scene = Scene(replicas=0).deploy()
        shown = replace(scene.children[child], content="with a field of others")
        scene.children[child] = shown
        assert set(applied(scene)) == {child}
        scene.applied[child] = replace(scene.applied[child], result=shown)  # it is still there after the apply
        assert not applied(scene)

    def test_is_put_right_where_the_apply_changes_it_and_not_where_what_others_added_stays(self, child: Child) -> None:
        scene = Scene(replicas=0).deploy()
        before = scene.children[child]
        seen = scene.children[child] = replace(before, content="another")
        [repair] = applies(scene)
        newer = replace(seen, metadata=replace(seen.metadata, resource_version="8"))
        assert put_right(repair, seen, before)
        assert not put_right(repair, seen, newer)
        assert not put_right(replace(repair, repairs=False), seen, before), "its user did that"
        assert not made_again(repair, seen)

    def test_is_made_again_where_it_was_there_before_and_not_where_it_is_new(self, child: Child) -> None:
        scene = Scene(replicas=0).deploy()
        scene.children.pop(child)
        [again] = applies(scene)
        assert made_again(again, None)
        assert not put_right(again, None, scene.applied.pop(child).result)
        [new] = applies(scene)
        assert not made_again(new, None)


@pytest.mark.parametrize("child", list(Child))
class TestAContestedChild:
    def test_is_left_for_a_while_and_told(self, child: Child) -> None:
        scene = Scene(replicas=3).deploy()
        scene.children[child] = replace(scene.children[child], content="another")
        scene.contested = frozenset({child})
        assert not applied(scene)
        assert scene.plan().obstacles[child].reason == "Contested"
        assert made(scene.plan()) == (0 if child is Child.NETWORK_POLICY else 3), (
            "no pod is made while its wall is not as it should be, and pods do not wait for anything else"
        )

    def test_is_no_trouble_as_long_as_it_is_as_it_should_be(self, child: Child) -> None:
        scene = Scene().deploy()
        scene.contested = frozenset({child})
        assert not scene.plan().obstacles

    def test_is_made_again_at_once_where_it_was_deleted(self, child: Child) -> None:
        scene = Scene().deploy()
        scene.contested = frozenset({child})
        scene.children.pop(child)
        assert set(applied(scene)) == {child}

    def test_is_left_for_a_while_where_it_was_deleted_just_after_it_was_made_again(self, child: Child) -> None:
        scene = Scene(replicas=3).deploy()
        scene.remade = frozenset({child})
        assert not scene.plan().obstacles, "as long as it is there"
        scene.children.pop(child)
        assert not applied(scene)
        assert scene.plan().obstacles[child].reason == "Contested"


def test_what_its_user_changes_is_not_held_up_by_others() -> None:
    scene = Scene().deploy()
    scene.contested = frozenset({Child.DEPLOYMENT})
    scene.children[Child.DEPLOYMENT] = replace(scene.children[Child.DEPLOYMENT], content="another")
    assert set(applied(scene.respec(proxy=ProxySpec(replicas=3)))) == {Child.DEPLOYMENT}


def test_an_annotation_of_the_service_that_was_taken_away_is_put_back() -> None:
    scene = Scene(service=ServiceSpec(annotations={"a": "b"})).deploy()
    seen = scene.children[Child.SERVICE]
    scene.children[Child.SERVICE] = replace(seen, metadata=replace(seen.metadata, annotations={"theirs": "too"}))
    assert set(applied(scene)) == {Child.SERVICE}


def test_no_pod_is_made_while_the_wall_is_being_put_right() -> None:
    scene = Scene(replicas=3)
    scene.children[Child.NETWORK_POLICY] = replace(scene.children[Child.NETWORK_POLICY], content="opened")
    assert made(scene.plan()) == 0


@pytest.mark.parametrize(("spec", "expected"), CHANGES)
def test_a_changed_spec_changes_just_the_children_that_say_it(spec: dict[str, Any], expected: set[Child]) -> None:
    assert carry_out(Scene().deploy().respec(**spec)) == expected


def test_where_others_run_the_proxies_they_are_told_the_service_s_port() -> None:
    assert carry_out(Scene().respec(service=ServiceSpec(port=7000))) == {Child.SETTINGS}


def test_a_new_image_of_the_proxies_changes_their_deployment_alone() -> None:
    scene = Scene().deploy("isoproxy:1")
    scene.proxy_image = Scene().deploy("isoproxy:2").proxy_image
    assert carry_out(scene) == {Child.DEPLOYMENT}


def test_a_wall_keeps_the_old_port_open_until_the_last_pod_of_it_is_gone() -> None:
    scene = Scene(replicas=1).proxy("a")
    (old,) = scene.stocked("a")
    scene.respec(port=9999)
    (repair,) = applies(scene)
    (ingress,) = repair.manifest["spec"]["ingress"]
    assert [port["port"] for port in ingress["ports"]] == [8080, 9999]
    assert carry_out(scene) == {Child.NETWORK_POLICY}
    (repair,) = applies(scene.remove(old))
    assert repair.manifest == manifests.network_policy(scene.service)


def test_a_child_is_found_by_its_name() -> None:
    seen = Scene().deploy().children
    policies = [seen[Child.PROXY_POLICY], seen[Child.NETWORK_POLICY]]
    assert find(Child.NETWORK_POLICY, service(), policies) is policies[1]
    assert find(Child.PROXY_POLICY, service(), policies) is policies[0]
    assert find(Child.PROXY_POLICY, service(), policies[1:]) is None
