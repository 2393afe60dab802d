"""Two releases in one namespace: nothing that one has is the other's, but for the definitions."""

import pytest

from isoproxy.tap import Options
from test.chart.helm import RELEASE, Json, look, of_kind, rendered
from test.chart.test_chart import EVERYTHING

pytestmark = pytest.mark.needs_program("go")

SECOND = "second"
ARGUMENTS = "Deployment spec.template.spec.containers.0.args"


def first() -> list[Json]:
    return rendered(EVERYTHING | {"watchNamespaces": ["one"]})


def second(**values: object) -> list[Json]:
    return rendered(EVERYTHING | {"watchNamespaces": ["two"]} | values, release=SECOND)


def names(objects: list[Json]) -> set[tuple[str, str, str]]:
    return {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in objects}


def test_only_the_definitions_are_of_both_and_can_be_left_to_one() -> None:
    assert {kind for kind, *_ in names(first()) & names(second())} == {"CustomResourceDefinition"}
    assert not names(first()) & names(second(**{"crds.enabled": False}))


def test_names_of_the_cluster_are_those_of_the_release_also_where_both_see_every_namespace() -> None:
    everywhere: Json = {"watchNamespaces": [], "crds.enabled": False}
    assert not names(rendered(EVERYTHING | everywhere)) & names(second(**everywhere))


def test_pods_of_one_are_not_selected_by_the_other() -> None:
    labels = [look(found, "Deployment spec.template.metadata.labels") for found in (first(), second())]
    for found, other in ((first(), labels[1]), (second(), labels[0])):
        for kind, path in (
            ("Service", "selector"),
            ("NetworkPolicy", "podSelector.matchLabels"),
            ("PodDisruptionBudget", "selector.matchLabels"),
        ):
            assert not look(found, f"{kind} spec.{path}").items() <= other.items()


@pytest.mark.parametrize("release", [RELEASE, SECOND])
def test_each_elects_a_leader_by_a_lease_of_its_own_that_it_may_keep(release: str) -> None:
    found = rendered(EVERYTHING, release=release)
    options = Options()
    options.parseOptions(look(found, ARGUMENTS))
    (role,) = of_kind(found, "Role", "-leader")
    (named,) = (rule for rule in role["rules"] if "resourceNames" in rule)
    assert named["resourceNames"] == [options["leader-election-id"]]
    assert options["leader-election-id"].startswith(release)
