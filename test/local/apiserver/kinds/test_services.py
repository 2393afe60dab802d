"""What a Service begins with, and the corners of what it may say; the contract suite has the rest."""

from typing import Any

import pytest

from test.local.apiserver.objects import Server, refused

Json = dict[str, Any]


def test_a_service_is_completed() -> None:
    server = Server()
    made = server.create(server.kind("services"), {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
    assert made["spec"]["type"] == "ClusterIP"
    assert made["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert made["status"] == {"loadBalancer": {}}


@pytest.mark.parametrize(
    "spec",
    [
        {"clusterIP": "None"},
        {"type": "ExternalName", "externalName": "a.example"},
        {"ports": [{"port": 53, "name": "tcp"}, {"port": 53, "name": "udp", "protocol": "UDP"}]},
        {"ports": [{"port": 80, "targetPort": "web"}], "type": "NodePort", "sessionAffinity": "ClientIP"},
    ],
)
def test_what_needs_no_port_or_has_several(spec: Json) -> None:
    server = Server()
    assert server.create(server.kind("services"), {"metadata": {"name": "s"}, "spec": spec})


def test_a_port_has_a_name_that_is_one() -> None:
    server = Server()
    body = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80, "name": "The_Web"}]}}
    assert "spec.ports[0].name: " in refused(server.create, server.kind("services"), body).message
