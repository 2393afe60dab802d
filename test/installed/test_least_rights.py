"""Operator and proxies hold the rights that they make use of, and no others, as the API server has seen it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from isoproxy.model import proxyaccess
from isoproxy.model.leaderlease import LEASE_NAME
from test.chart.helm import NAMESPACE, RELEASE
from test.cluster.kubectl import Kubectl
from test.installed.installation import Installation
from test.installed.life import OPERATOR, Life
from test.installed.rights import Asking, Right, granted, uncovered, unused

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

WATCHED = "needed"
HANDED_ON = granted(proxyaccess.rules("obey"))
"""What the operator grants to proxies, and holds for that: nobody can grant what he lacks."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Rights that somebody holds, and those that were made use of."""

    held: set[Right]
    used: set[Right]


@dataclass(frozen=True, slots=True)
class Found:
    """Whose rights there are: the operator's where its services are, its own beside other operators, a proxy's."""

    operator: Rights
    leader: Rights
    proxy: Rights


@pytest.fixture(scope="module")
def found(installation: Installation) -> Iterator[Found]:
    """What came of a whole life under an elected operator that has rights in one namespace."""
    asking = Asking(installation.cluster)
    with installation.space(WATCHED) as space:
        installation.kubectl("delete", "lease", LEASE_NAME, f"--namespace={NAMESPACE}", "--ignore-not-found")
        installation.install(values={"leaderElection.enabled": True, "watchNamespaces": [WATCHED]})
        life = Life(installation, space, asking)
        life.lead()
        asked = life.of_operator()
        leader = {one.right for one in asked if one.namespace == NAMESPACE}
        elsewhere = {one.right for one in asked if one.namespace != NAMESPACE}
        kubectl = installation.kubectl
        yield Found(
            Rights(held(kubectl, "clusterrole", OPERATOR), elsewhere),
            Rights(held(kubectl, "role", f"{RELEASE}-leader", f"--namespace={NAMESPACE}"), leader),
            Rights(HANDED_ON, life.of_proxies()),
        )
        installation.install()


def held(kubectl: Kubectl, *what: str) -> set[Right]:
    """Return the rights of a Role as it is on the cluster."""
    return granted(json.loads(kubectl("get", *what, "--output=json"))["rules"])


def test_nobody_asks_for_what_is_not_granted(found: Found) -> None:
    for rights in (found.operator, found.leader, found.proxy):
        assert uncovered(rights.held, rights.used) == []


def test_the_operator_holds_what_it_needs_or_hands_on(found: Found) -> None:
    assert unused(found.operator.held, found.operator.used | HANDED_ON) == []


def test_what_the_operator_holds_only_to_hand_it_on_is_to_keep_leases(found: Found) -> None:
    leases = [Right("coordination.k8s.io", "leases", verb) for verb in ("create", "patch")]
    assert unused(found.operator.held, found.operator.used) == leases


def test_an_elected_operator_holds_what_it_needs_for_its_lease(found: Found) -> None:
    assert unused(found.leader.held, found.leader.used) == []


def test_proxies_hold_what_they_need(found: Found) -> None:
    assert unused(found.proxy.held, found.proxy.used) == []
