"""NetworkPolicies: one that nobody could enforce is refused."""

from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.errors import Invalid
from isoproxy.kube.resources import NETWORK_POLICIES, Json
from test.contract.cluster import Space

SPEC: Json = {
    "podSelector": {"matchLabels": {"soh.re/role": "pod"}},
    "policyTypes": ["Ingress", "Egress"],
    "ingress": [{"from": [{"podSelector": {"matchLabels": {"soh.re/role": "proxy"}}}], "ports": [{"port": 8080}]}],
    "egress": [
        {"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]},
        {"ports": [{"protocol": "UDP", "port": 53}, {"port": "dns"}]},
    ],
}


def policy(**spec: Any) -> Json:
    return {"metadata": {"name": "wall"}, "spec": SPEC | spec}


@pytest_twisted.ensureDeferred
async def test_a_wall_is_kept_as_it_was_written(space: Space) -> None:
    made = await space.create(NETWORK_POLICIES, policy(), strict=True)
    expected = SPEC | {
        "ingress": [SPEC["ingress"][0] | {"ports": [{"protocol": "TCP", "port": 8080}]}],
        "egress": [
            SPEC["egress"][0],
            {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": "dns"}]},
        ],
    }
    assert made["spec"] == expected
    assert made["metadata"]["generation"] == 1


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"egress": [{"to": [{"ipBlock": {"cidr": "anywhere"}}]}]}, "spec.egress[0].to[0].ipBlock.cidr"),
        ({"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0"}}]}]}, "spec.egress[0].to[0].ipBlock.cidr"),
        ({"egress": [{"to": [{"ipBlock": {}}]}]}, "spec.egress[0].to[0].ipBlock.cidr"),
        (
            {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]}]},
            "spec.egress[0].to[0].ipBlock.except[0]",
        ),
        ({"egress": [{"to": [{}]}]}, "spec.egress[0].to[0]"),
        (
            {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}]},
            "spec.ingress[0].from[0]",
        ),
        ({"ingress": [{"ports": [{"port": 0}]}]}, "spec.ingress[0].ports[0].port"),
        ({"ingress": [{"ports": [{"port": "no name"}]}]}, "spec.ingress[0].ports[0].port"),
        ({"ingress": [{"ports": [{"port": 5, "protocol": "ICMP"}]}]}, "spec.ingress[0].ports[0].protocol"),
        ({"ingress": [{"ports": [{"port": 5, "endPort": 4}]}]}, "spec.ingress[0].ports[0].endPort"),
        ({"policyTypes": ["Sideways"]}, "spec.policyTypes[0]"),
        ({"podSelector": {"matchLabels": {"a b": "c"}}}, "spec.podSelector.matchLabels"),
        ({"podSelector": {"matchLabels": {"a": "b c"}}}, "spec.podSelector.matchLabels"),
        (
            {"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            "spec.podSelector.matchExpressions[0].values",
        ),
        (
            {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}},
            "spec.podSelector.matchExpressions[0].operator",
        ),
    ],
)
async def test_a_policy_that_cannot_be_is_refused_with_the_path(space: Space, spec: Json, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        await space.create(NETWORK_POLICIES, policy(**spec))
    assert field in {cause["field"] for cause in caught.value.details["causes"]}
