import pytest

from test.local.apiserver.objects import Server, config_map, refused


def test_string_data_of_a_secret_is_stored_in_base64() -> None:
    server = Server()
    made = server.create(
        server.kind("secrets"), {"metadata": {"name": "s"}, "data": {"a": "eA=="}, "stringData": {"b": "y"}}
    )
    assert made["data"] == {"a": "eA==", "b": "eQ=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


def test_the_type_of_a_secret_and_what_is_immutable_do_not_change() -> None:
    server = Server()
    secrets = server.kind("secrets")
    server.create(secrets, {"metadata": {"name": "s"}, "data": {"a": "eA=="}, "immutable": True})
    assert "type: Invalid value" in refused(server.patch, secrets, "s", {"type": "other"}).message
    assert "data: Forbidden" in refused(server.patch, secrets, "s", {"stringData": {"a": "y"}}).message
    assert server.patch(secrets, "s", {"stringData": {"a": "x"}})["data"] == {"a": "eA=="}


@pytest.mark.parametrize("key", ["a b", "", ".", "..", "..a", "x" * 254])
def test_a_key_that_can_be_no_file_is_refused(key: str) -> None:
    server = Server()
    assert "config key" in refused(server.create, server.config_maps, config_map() | {"data": {key: "x"}}).message


def test_a_namespace_is_labelled_with_its_name_whatever_is_asked() -> None:
    server = Server()
    kind = server.kind("namespaces")
    made = server.create(kind, {"metadata": {"name": "team"}})
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert made["status"] == {"phase": "Active"}
    patched = server.patch(kind, "team", {"metadata": {"labels": None}, "spec": {"finalizers": []}})
    assert patched["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert patched["spec"] == {"finalizers": ["kubernetes"]}
