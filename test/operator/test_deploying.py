"""An operator that deploys proxies: what it makes of a service, keeps right, and leaves alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from isoproxy.kube.errors import ApiError, Forbidden, Invalid, ServerError, UnknownOutcome
from isoproxy.kube.resources import (
    CONFIG_MAPS,
    DEDICATED_SERVICES,
    DEPLOYMENTS,
    NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    SERVICES,
    Json,
    Resource,
)
from isoproxy.operator.contests import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_BEFORE_PODS_SECONDS
from test.memoryapi import MemoryApi
from test.operator.deploying import CHILDREN, DeployingWorld
from test.operator.reconciling import names_of, settled, told


@pytest.fixture
def world() -> Iterator[DeployingWorld]:
    with settled(DeployingWorld()) as made:
        yield made


def test_a_service_gets_its_walls_then_its_proxies_rights_and_then_its_proxies(world: DeployingWorld) -> None:
    world.service()
    world.settle()
    for resource, names in CHILDREN.items():
        assert names_of(world.all(resource)) == names, resource.kind
    order = world.applied()
    assert len(order) == 9, "each once"
    assert set(order[:2]) == {("networkpolicies", "s-pods"), ("configmaps", "s-proxy")}
    assert order.index(("roles", "s-proxy")) < order.index(("rolebindings", "s-proxy"))
    assert order.index(("networkpolicies", "s-proxy")) < order.index(("deployments", "s-proxy"))
    assert order.index(("rolebindings", "s-proxy")) < order.index(("deployments", "s-proxy"))
    assert len(world.all(PODS)) == 3


def test_everything_goes_with_its_service(world: DeployingWorld) -> None:
    service = world.service()
    world.settle()
    for resource in CHILDREN:
        for child in world.all(resource):
            owners = [owner["uid"] for owner in child["metadata"].get("ownerReferences", ())]
            assert owners == ([] if child["metadata"]["name"] == "s-pods" else [service["metadata"]["uid"]])
    world.do(world.hand.delete(DEDICATED_SERVICES, "s", namespace="n"))
    world.settle(15)
    assert not any(world.all(resource) for resource in CHILDREN)


def test_an_operator_that_has_nothing_to_do_asks_nothing(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    world.api.requests.clear()
    world.settle(60, step=0.5)
    assert world.applied() == []


def test_a_restarted_operator_applies_each_once_and_changes_nothing(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    before = {resource: world.all(resource) for resource in CHILDREN}
    world.restart_operator()
    world.settle(1)
    assert len(world.applied()) == len(set(world.applied())) == 9, "soon, for pods wait for their wall"
    world.settle(30)
    assert len(world.applied()) == 9
    assert {resource: world.all(resource) for resource in CHILDREN} == before


@pytest.mark.parametrize(
    ("resource", "name", "patch"),
    [
        (NETWORK_POLICIES, "s-pods", {"spec": {"egress": [{}]}}),
        (NETWORK_POLICIES, "s-proxy", {"spec": {"egress": [{}]}}),
        (CONFIG_MAPS, "s-proxy", {"data": {"settings.json": "{}"}}),
        (ROLES, "s-proxy", {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}),
        (ROLE_BINDINGS, "s-proxy", {"subjects": [{"kind": "User", "name": "mallory"}]}),
        (DEPLOYMENTS, "s-proxy", {"spec": {"replicas": 0}}),
        (SERVICES, "s-proxy", {"spec": {"selector": {"soh.re/role": "pod"}}}),
        (POD_DISRUPTION_BUDGETS, "s-proxy", {"spec": {"maxUnavailable": "100%"}}),
        (SERVICE_ACCOUNTS, "s-proxy", {"metadata": {"labels": {"app.kubernetes.io/component": None}}}),
    ],
)
def test_what_another_hand_changed_is_put_right(
    world: DeployingWorld, resource: Resource, name: str, patch: Json
) -> None:
    world.service()
    world.settle(5)
    before = said(world.one(resource, name))
    world.change(resource, patch, name)
    assert said(world.one(resource, name)) != before
    world.api.requests.clear()
    world.settle(10)
    assert said(world.one(resource, name)) == before
    assert world.applied() == [(resource.plural, name)], "once, and nothing else"


def said(obj: Json) -> Json:
    """An object without what counts its changes."""
    volatile = ("resourceVersion", "generation", "managedFields")
    return obj | {"metadata": {key: value for key, value in obj["metadata"].items() if key not in volatile}}


def test_what_others_add_is_theirs(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    world.change(DEPLOYMENTS, {"metadata": {"annotations": {"who": "them"}}, "spec": {"revisionHistoryLimit": 2}})
    world.settle(5)
    found = world.one(DEPLOYMENTS)
    assert (found["metadata"]["annotations"]["who"], found["spec"]["revisionHistoryLimit"]) == ("them", 2)
    world.api.requests.clear()
    world.settle(30, step=0.5)
    assert world.applied() == [], "nobody fights about it"


def test_who_keeps_changing_what_is_theirs_contests_nothing(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    for number in range(1, 6):
        world.change(DEPLOYMENTS, {"spec": {"revisionHistoryLimit": number}})
        world.settle(0.5)
        assert world.condition("Degraded")["status"] == "False"
    assert told(world) == []
    world.change(DEPLOYMENTS, {"spec": {"replicas": 0}})
    world.settle(0.5)
    assert world.one(DEPLOYMENTS)["spec"]["replicas"] == 1, "at once, for it is the first time"


def test_a_child_whose_labels_were_taken_away_gets_them_back(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    before = world.one(DEPLOYMENTS)
    world.change(DEPLOYMENTS, {"metadata": {"labels": None}})
    world.settle(5)
    after = world.one(DEPLOYMENTS)
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_the_pods_wall_is_known_by_what_it_is_around_where_its_labels_were_taken_away(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    before = world.one(NETWORK_POLICIES, "s-pods")
    world.change(NETWORK_POLICIES, {"metadata": {"labels": None}}, "s-pods")
    world.settle(5)
    after = world.one(NETWORK_POLICIES, "s-pods")
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_deleted_child_is_made_again(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    before = world.one(SERVICES)
    world.do(world.hand.delete(SERVICES, "s-proxy", namespace="n"))
    world.settle(5)
    assert world.one(SERVICES)["metadata"]["uid"] != before["metadata"]["uid"]
    assert world.one(SERVICES)["spec"] == before["spec"]


def test_one_that_is_deleted_whenever_it_is_there_is_made_ever_more_rarely_and_told(world: DeployingWorld) -> None:
    """As garbage collection does where a service's deletion is not seen yet."""
    world.service()
    world.settle(5)
    world.api.requests.clear()
    for _ in range(600):
        if world.all(SERVICES):
            world.do(world.hand.delete(SERVICES, "s-proxy", namespace="n"))
        world.settle(0.1)
    assert 4 <= world.applied().count((SERVICES.plural, "s-proxy")) <= 7
    assert world.condition("Degraded")["reason"] == "Contested"
    world.settle(60, step=0.5)
    assert names_of(world.all(SERVICES)) == {"s-proxy"}


def test_pods_do_not_stand_without_their_wall_for_long_however_often_that_is_deleted(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    bare = longest = 0
    for _ in range(900):
        if "s-pods" in names_of(world.all(NETWORK_POLICIES)):
            world.do(world.hand.delete(NETWORK_POLICIES, "s-pods", namespace="n"))
            bare = 0
        world.settle(0.1)
        bare += 1
        longest = max(longest, bare)
    assert len(world.all(PODS)) == 3
    assert longest <= 10 * LONGEST_PAUSE_BEFORE_PODS_SECONDS + 2, "tenths of a second: a pause"


def test_what_others_change_again_and_again_is_put_right_as_soon_as_its_pause_ends(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    for pause in (0.0, FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS):
        world.change(DEPLOYMENTS, {"spec": {"replicas": 0}})
        world.settle(pause + 0.2)
        assert world.one(DEPLOYMENTS)["spec"]["replicas"] == 1


def test_what_is_no_longer_asked_for_goes_also_after_a_restart(world: DeployingWorld) -> None:
    world.service(service={"port": 7000, "annotations": {"a": "b", "c": "d"}})
    world.settle(5)
    world.restart_operator()
    changed = {"spec": {"service": {"port": 8000, "annotations": {"a": None}}}}
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", changed, namespace="n"))
    world.settle(5)
    found = world.one(SERVICES)
    assert [port["port"] for port in found["spec"]["ports"]] == [8000]
    assert found["metadata"]["annotations"] == {"c": "d"}


def foreign(resource: Resource) -> Json:
    """Somebody else's object of the name, as alike to ours as an accident could make it."""
    labels = {"app.kubernetes.io/name": "s"}
    spec: dict[Resource, Json] = {
        NETWORK_POLICIES: {"spec": {"podSelector": {}}},
        SERVICES: {"spec": {"ports": [{"port": 1}]}},
        DEPLOYMENTS: {
            "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "main", "image": "theirs"}]}}}
        },
        ROLE_BINDINGS: {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "theirs"}},
    }
    kinds = {"apiVersion": resource.api_version, "kind": resource.kind}
    return kinds | {"metadata": {"name": "s-proxy", "labels": labels}} | spec.get(resource, {})


@pytest.mark.parametrize("resource", list(CHILDREN), ids=lambda resource: resource.kind)
class TestANameOfSomebodyElse:
    def test_is_waited_for_and_told(self, world: DeployingWorld, resource: Resource) -> None:
        theirs = world.do(world.hand.create(resource, foreign(resource), namespace="n"))
        world.service()
        world.settle(20)
        assert world.one(resource) == theirs
        degraded = world.condition("Degraded")
        assert degraded["reason"] == "NameTaken"
        assert f"{resource.kind} s-proxy belongs to someone else" in degraded["message"]
        world.do(world.hand.delete(resource, "s-proxy", namespace="n"))
        world.settle(20)
        assert world.condition("Degraded")["status"] == "False"
        assert world.all(DEPLOYMENTS)

    def test_is_not_taken_over_in_a_race_either(self, world: DeployingWorld, resource: Resource) -> None:
        theirs: list[Json] = []

        def come_first(verb: str, what: Resource, name: str) -> None:
            if verb == "patch" and what is resource and name == "s-proxy" and not theirs:
                theirs.append(world.do(world.hand.create(resource, foreign(resource), namespace="n")))

        world.api.before = come_first
        world.service()
        world.settle(10)
        assert [world.one(resource)] == theirs


def test_no_proxy_runs_under_an_account_of_somebody_else(world: DeployingWorld) -> None:
    world.do(world.hand.create(SERVICE_ACCOUNTS, foreign(SERVICE_ACCOUNTS), namespace="n"))
    world.service()
    world.settle(20)
    assert world.all(ROLE_BINDINGS) == world.all(DEPLOYMENTS) == []
    assert len(world.all(PODS)) == 3


@pytest.mark.parametrize(
    "error",
    [
        ApiError(400, message="cannot be read"),
        Forbidden(403, message="no"),
        Invalid(422, message="spec.ports[0].nodePort: taken"),
        ServerError(500, message="failed calling webhook"),
    ],
    ids=lambda error: str(error.status),
)
def test_what_is_refused_is_told_tried_again_now_and_then_and_does_not_slow_down_the_pool(
    world: DeployingWorld, error: Any
) -> None:
    def refuse(verb: str, what: Resource, name: str) -> None:
        if verb == "patch" and what is SERVICES:
            raise error

    world.api.before = refuse
    world.service()
    world.settle(2)
    assert len(world.all(PODS)) == 3
    world.settle(58)
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 5}}, namespace="n"))
    world.settle(1)
    assert len(world.all(PODS)) == 5
    tried = world.applied().count(("services", "s-proxy"))
    assert 5 <= tried <= 13
    degraded = world.condition("Degraded")
    assert (degraded["reason"], error.message in degraded["message"]) == ("ChildRefused", True)
    since = degraded["lastTransitionTime"]
    world.settle(20)
    assert world.condition("Degraded")["lastTransitionTime"] == since, "it does not come and go with each try"
    world.api.before = lambda verb, resource, name: None
    world.settle(10)
    assert world.condition("Degraded")["status"] == "False"
    assert world.all(SERVICES)


def test_a_config_map_that_may_not_be_changed_holds_up_neither_pods_nor_proxies(world: DeployingWorld) -> None:
    def refuse(verb: str, what: Resource, name: str) -> None:
        if verb == "patch" and what is CONFIG_MAPS:
            raise Forbidden(403, message="no")

    world.service()
    world.settle(5)
    world.api.before = refuse
    changed = {"spec": {"replicas": 5, "queue": {"timeoutSeconds": 7}, "proxy": {"replicas": 2}}}
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", changed, namespace="n"))
    world.settle(5)
    assert world.one(DEPLOYMENTS)["spec"]["replicas"] == 2
    assert len(world.all(PODS)) == 5
    assert world.condition("Degraded")["reason"] == "ChildRefused"


def test_an_apply_whose_reply_is_lost_is_found_to_have_been_made(world: DeployingWorld) -> None:
    lost: set[tuple[str, str]] = set()

    def lose(verb: str, what: Resource, name: str) -> None:
        if verb == "patch" and what in CHILDREN and (what.plural, name) not in lost:
            lost.add((what.plural, name))
            raise UnknownOutcome()

    world.api.after = lose
    world.service()
    world.settle(120, step=0.5)
    assert len(lost) == 9
    for resource, names in CHILDREN.items():
        assert names_of(world.all(resource)) == names, resource.kind
    assert world.condition("Degraded")["status"] == "False"


def test_a_hand_that_never_yields_is_told_and_not_raced(world: DeployingWorld) -> None:
    def insist(verb: str, what: Resource, name: str) -> None:
        if verb == "patch" and what is DEPLOYMENTS:
            world.change(DEPLOYMENTS, {"spec": {"replicas": 0}})

    world.service()
    world.settle(5)
    world.api.after = insist
    world.change(DEPLOYMENTS, {"spec": {"replicas": 0}})
    world.api.requests.clear()
    world.settle(5)
    since = world.condition("Degraded")["lastTransitionTime"]
    world.settle(55)
    assert 3 <= len(world.applied()) <= 8
    degraded = world.condition("Degraded")
    assert degraded["reason"] == "Contested"
    assert "Deployment s-proxy is changed or deleted by others again and again" in degraded["message"]
    assert degraded["lastTransitionTime"] == since, "it does not come and go with each repair"
    world.api.after = lambda verb, resource, name: None
    world.settle(140, step=0.5)
    assert world.one(DEPLOYMENTS)["spec"]["replicas"] == 1
    assert world.condition("Degraded")["status"] == "False"
    assert [reason for reason, _ in told(world)] == ["Contested", "Recovered"]


def test_two_operators_of_different_images_do_not_storm_the_api_server(world: DeployingWorld) -> None:
    """As when one of a newer version comes up while the older is still there: the one that stays wins."""
    world.service()
    world.settle(5)
    world.api.requests.clear()
    other = MemoryApi(world.core, world.clock)
    world.start_operator(other, image="isoproxy:2")
    world.settle(60)
    assert len(world.applied()) <= 10
    world.operators[0].stopService()
    world.settle(120, step=0.5)
    (container,) = world.one(DEPLOYMENTS)["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "isoproxy:2"
    assert world.condition("Degraded")["status"] == "False"


def test_two_operators_of_one_image_do_not_fight(world: DeployingWorld) -> None:
    other = MemoryApi(world.core, world.clock)
    world.start_operator(other)
    world.service()
    world.settle(10)
    world.api.requests.clear()
    other.requests.clear()
    before = {resource: world.all(resource) for resource in CHILDREN}
    world.settle(60, step=0.5)
    assert {resource: world.all(resource) for resource in CHILDREN} == before
    assert world.applied() == []


def test_a_service_without_a_proxy_that_accepts_says_that_they_are_starting(world: DeployingWorld) -> None:
    service = world.service()
    world.settle(5)
    ready = world.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ProxiesStarting")
    assert "Deployment s-proxy" in ready["message"]
    world.proxy(service, "pod-1", held="3")
    world.settle(5)
    assert world.condition("Ready")["status"] == "True"


def test_a_service_of_the_same_name_gets_children_of_its_own(world: DeployingWorld) -> None:
    world.service()
    world.settle(5)
    world.do(world.hand.delete(DEDICATED_SERVICES, "s", namespace="n"))
    new = world.service()
    world.settle(30)
    for resource, names in CHILDREN.items():
        assert names_of(world.all(resource)) == names, resource.kind
        uids = {child["metadata"]["labels"]["soh.re/service-uid"] for child in world.all(resource)}
        assert uids == {new["metadata"]["uid"]}
