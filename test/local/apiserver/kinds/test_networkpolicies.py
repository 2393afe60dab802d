"""What a NetworkPolicy begins with, and the corners of what it may say; the contract suite has the rest."""

from typing import Any

import pytest

from test.local.apiserver.objects import Server, refused

Json = dict[str, Any]


def test_a_network_policy_says_which_directions_it_is_about() -> None:
    server = Server()
    kind = server.kind("networkpolicies", "networking.k8s.io")
    assert server.create(kind, {"metadata": {"name": "a"}, "spec": {}})["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress"],
    }
    both = server.create(kind, {"metadata": {"name": "b"}, "spec": {"egress": []}})
    assert both["spec"]["policyTypes"] == ["Ingress", "Egress"]


@pytest.mark.parametrize(
    "rule",
    [
        {"to": [{"ipBlock": {"cidr": "::/0", "except": ["fd00::/8"]}}]},
        {"to": [{"podSelector": {}, "namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]},
        {"ports": [{"port": 1, "endPort": 65535}, {"protocol": "SCTP"}]},
    ],
)
def test_what_a_wall_may_leave_open(rule: Json) -> None:
    server = Server()
    kind = server.kind("networkpolicies", "networking.k8s.io")
    assert server.create(kind, {"metadata": {"name": "a"}, "spec": {"egress": [rule]}})


@pytest.mark.parametrize(
    ("peer", "field"),
    [
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["fd00::/8"]}}, "to[0].ipBlock.except[0]"),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}, "to[0].ipBlock.except[0]"),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["all"]}}, "to[0].ipBlock.except[0]"),
        (
            {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}},
            "to[0].podSelector.matchExpressions[0].values",
        ),
        (
            {"namespaceSelector": {"matchExpressions": [{"key": "a b", "operator": "Exists"}]}},
            "to[0].namespaceSelector.matchExpressions[0].key",
        ),
    ],
)
def test_what_it_may_not(peer: Json, field: str) -> None:
    server = Server()
    kind = server.kind("networkpolicies", "networking.k8s.io")
    body = {"metadata": {"name": "a"}, "spec": {"egress": [{"to": [peer]}]}}
    assert f"spec.egress[0].{field}: " in refused(server.create, kind, body).message
