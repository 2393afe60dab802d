"""What the chart grants, to whom."""

from collections.abc import Iterator

import pytest

from isoproxy.model import proxyaccess
from test.chart.helm import Json, look, rendered

pytestmark = pytest.mark.needs_program("go")

Right = tuple[str, str, str]
"""Group, resource, verb."""


def rights(rules: list[Json]) -> Iterator[Right]:
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from ((group, resource, verb) for verb in rule["verbs"])


@pytest.fixture(scope="module")
def operator() -> set[Right]:
    return set(rights(look(rendered(), "ClusterRole/-controller-manager rules")))


def test_the_operator_holds_what_it_grants_to_proxies(operator: set[Right]) -> None:
    assert set(rights(proxyaccess.rules("service"))) <= operator


@pytest.mark.parametrize(
    "values", [{"watchNamespaces": ["one", "two"]}, {"leaderElection.enabled": True}, {"networkPolicy.enabled": False}]
)
def test_what_it_holds_of_its_services_is_the_same_whatever_it_watches(operator: set[Right], values: Json) -> None:
    assert set(rights(look(rendered(values), "ClusterRole/-controller-manager rules"))) == operator


def test_the_operator_sees_no_secrets_and_replaces_nothing(operator: set[Right]) -> None:
    groups, resources, verbs = (set(part) for part in zip(*operator, strict=True))
    assert "*" not in groups | resources | verbs
    assert verbs == {"get", "list", "watch", "create", "patch", "delete"}
    assert not resources & {"secrets", "nodes", "namespaces", "pods/exec", "serviceaccounts/token"}


def test_the_operator_changes_neither_what_users_write_nor_pods(operator: set[Right]) -> None:
    def verbs(group: str, resource: str) -> set[str]:
        return {verb for *where, verb in operator if where == [group, resource]}

    assert verbs("soh.re", "dedicatedservices") == {"get", "list", "watch"}
    assert verbs("", "pods") == {"get", "list", "watch", "create", "delete"}


def test_no_user_writes_what_became_of_a_pod() -> None:
    granted = [look(rendered(), f"ClusterRole/operator-{role} rules") for role in ("view", "edit", "admin")]
    view, edit, admin = (set(rights(rules)) for rules in granted)
    assert {verb for *_, verb in view} == {"get", "list", "watch"}
    writes = {right for right in edit | admin if right[1].startswith("isolationpods")}
    assert writes == {("soh.re", "isolationpods", verb) for verb in ("update", "patch", "delete", "deletecollection")}
