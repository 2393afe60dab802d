from test.local.apiserver.objects import Server


def test_string_data_of_a_secret_is_stored_in_base64() -> None:
    server = Server()
    made = server.create(
        server.kind("secrets"), {"metadata": {"name": "s"}, "data": {"a": "eA=="}, "stringData": {"b": "y"}}
    )
    assert made["data"] == {"a": "eA==", "b": "eQ=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


def test_a_network_policy_says_which_directions_it_is_about() -> None:
    server = Server()
    kind = server.kind("networkpolicies", "networking.k8s.io")
    assert server.create(kind, {"metadata": {"name": "a"}, "spec": {}})["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress"],
    }
    both = server.create(kind, {"metadata": {"name": "b"}, "spec": {"egress": []}})
    assert both["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_a_service_is_completed() -> None:
    server = Server()
    made = server.create(server.kind("services"), {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
    assert made["spec"]["type"] == "ClusterIP"
    assert made["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert made["status"] == {"loadBalancer": {}}


def test_a_namespace_is_labelled_with_its_name_whatever_is_asked() -> None:
    server = Server()
    kind = server.kind("namespaces")
    made = server.create(kind, {"metadata": {"name": "team"}})
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert made["status"] == {"phase": "Active"}
    patched = server.patch(kind, "team", {"metadata": {"labels": None}, "spec": {"finalizers": []}})
    assert patched["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert patched["spec"] == {"finalizers": ["kubernetes"]}
