from typing import Any

import pytest

from isoproxy.local.apiserver.options import WriteOptions
from test.local.apiserver.objects import Server, config_map, copied, pod, refused, widget, widget_crd

STRICT = WriteOptions(validation="Strict")


def test_a_new_object_has_all_the_metadata_the_server_gives(server: Server) -> None:
    made = server.create(server.widgets, widget())["metadata"]
    assert made["namespace"] == "default"
    assert made["creationTimestamp"] == "2023-11-14T22:13:20Z"
    assert made["generation"] == 1
    assert len(made["uid"]) == 36
    assert int(made["resourceVersion"]) > 100


def test_metadata_that_only_the_server_sets_is_not_taken_from_the_creator(server: Server) -> None:
    body = widget()
    body["metadata"] |= {
        "uid": "mine",
        "resourceVersion": "5",
        "creationTimestamp": "1999-01-01T00:00:00Z",
        "generation": 9,
    }
    body["metadata"]["deletionTimestamp"] = "1999-01-01T00:00:00Z"
    made = server.create(server.widgets, body)["metadata"]
    assert made["uid"] != "mine"
    assert made["resourceVersion"] != "5"
    assert made["creationTimestamp"].startswith("2023")
    assert made["generation"] == 1
    assert "deletionTimestamp" not in made


def test_a_name_is_taken_once(server: Server) -> None:
    server.create(server.widgets, widget())
    refusal = refused(server.create, server.widgets, widget())
    assert (refusal.code, refusal.reason) == (409, "AlreadyExists")
    assert refusal.message == 'widgets.example.com "one" already exists'


def test_the_same_name_in_another_namespace_is_another_object(server: Server) -> None:
    server.create(server.config_maps, config_map())
    server.create(server.config_maps, config_map(), "kube-system")
    assert server.names(server.config_maps, None) == ["one", "one"]


def test_a_generated_name_begins_with_what_was_asked_for(server: Server) -> None:
    body = widget()
    body["metadata"] = {"generateName": "thing-"}
    names = {server.create(server.widgets, body)["metadata"]["name"] for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("thing-") and len(name) == 11 for name in names)


def test_an_object_without_a_name_is_refused(server: Server) -> None:
    refusal = refused(server.create, server.widgets, widget("") | {"metadata": {}})
    assert refusal.code == 422
    assert "metadata.name: Required value: name or generateName is required" in refusal.message


def test_an_object_needs_a_namespace_that_exists(server: Server) -> None:
    refusal = refused(server.create, server.widgets, widget(), "nowhere")
    assert (refusal.code, refusal.message) == (404, 'namespaces "nowhere" not found')


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": {"name": "one", "namespace": "other"}}, "namespace of the provided object does not match"),
        ({"apiVersion": "example.com/v2"}, "does not match the expected API version (example.com/v1)"),
        ({"kind": None}, "Object 'Kind' is missing"),
        ({"metadata": {"name": 5}}, "cannot be handled as a Widget"),
        ({"metadata": "name"}, "cannot be handled as a Widget"),
        ({"metadata": {"name": "one", "labels": {"a": 1}}}, "cannot be handled as a Widget"),
    ],
)
def test_a_body_that_is_not_what_the_url_says_is_refused(server: Server, change: Any, message: str) -> None:
    refusal = refused(server.create, server.widgets, widget() | change)
    assert refusal.code == 400
    assert message in refusal.message


@pytest.mark.parametrize("more", [{}, {"metadata": "name"}])
def test_a_body_of_another_kind_is_invalid(server: Server, more: Any) -> None:
    refusal = refused(server.create, server.widgets, widget() | {"kind": "Gadget"} | more)
    assert refusal.code == 422
    assert 'kind: Invalid value: "Gadget": must be Widget' in refusal.message


@pytest.mark.parametrize("body", [None, [], "text", 3])
def test_a_body_that_is_no_object_is_refused(server: Server, body: Any) -> None:
    assert refused(server.core.create, server.widgets, "default", body).code == 400


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"name": "Upper"}, "metadata.name"),
        ({"name": "-dash"}, "metadata.name"),
        ({"name": "x" * 254}, "metadata.name"),
        ({"name": "one", "labels": {"a b": "c"}}, "metadata.labels"),
        ({"name": "one", "labels": {"a": "b c"}}, "metadata.labels"),
        ({"name": "one", "labels": {"a": "x" * 64}}, "metadata.labels"),
        ({"name": "one", "annotations": {"a/b/c": "d"}}, "metadata.annotations"),
        ({"name": "one", "annotations": {"a": "x" * 300_000}}, "metadata.annotations"),
        (
            {"name": "one", "ownerReferences": [{"name": "a", "kind": "B", "uid": "c"}]},
            "metadata.ownerReferences.apiVersion",
        ),
        ({"name": "one", "finalizers": ["not ok"]}, "metadata.finalizers"),
    ],
)
def test_metadata_is_checked(server: Server, metadata: Any, field: str) -> None:
    refusal = refused(server.create, server.widgets, widget() | {"metadata": metadata})
    assert refusal.code == 422
    assert field in {cause["field"] for cause in refusal.details["causes"]}


def test_unknown_fields_are_dropped_with_a_warning(server: Server) -> None:
    written = server.core.create(server.widgets, "default", widget(shape="round"))
    assert "shape" not in written.stored.object["spec"]
    assert written.warnings == ('unknown field "spec.shape"',)


def test_unknown_fields_are_refused_when_strict(server: Server) -> None:
    body = widget(shape="round", parts=[{"name": "a", "nmae": 1}])
    body["metadata"]["colour"] = "blue"
    refusal = refused(server.core.create, server.widgets, "default", body, STRICT)
    assert refusal.code == 400
    assert 'strict decoding error: unknown field "metadata.colour"' in refusal.message
    assert 'unknown field "spec.shape"' in refusal.message
    assert 'unknown field "spec.parts[0].nmae"' in refusal.message


def test_unknown_fields_are_dropped_silently_when_asked(server: Server) -> None:
    options = WriteOptions(validation="Ignore")
    assert server.core.create(server.widgets, "default", widget(shape="round"), options).warnings == ()


def test_a_strict_patch_with_an_unknown_field_is_refused(server: Server) -> None:
    server.create(server.widgets, widget())
    patch = {"spec": {"shape": "round"}}
    refusal = refused(server.core.patch, server.widgets, "default", "one", patch, options=STRICT)
    assert refusal.code == 422
    assert 'strict decoding error: unknown field "spec.shape"' in refusal.message


def test_a_dry_run_changes_nothing(server: Server) -> None:
    dry = WriteOptions(dry_run=True)
    server.core.create(server.widgets, "default", widget("dry"), dry)
    assert server.names(server.widgets) == []
    before = server.create(server.widgets, widget())
    shown = server.core.patch(server.widgets, "default", "one", {"spec": {"size": 9}}, options=dry).stored.object
    assert shown["spec"]["size"] == 9
    assert server.get(server.widgets, "one") == before


def test_defaults_are_stored(server: Server) -> None:
    made = server.create(server.widgets, widget(parts=[{"name": "a"}]))
    assert made["spec"]["color"] == "red"
    assert made["spec"]["parts"] == [{"name": "a", "weight": 5}]
    assert made["status"] == {"phase": "New", "replicas": 0}


def test_the_creator_does_not_write_the_status(server: Server) -> None:
    made = server.create(server.widgets, widget() | {"status": {"phase": "Done"}})
    assert made["status"]["phase"] == "New"


def test_an_update_of_the_object_leaves_the_status(server: Server) -> None:
    server.create(server.widgets, widget())
    server.patch(server.widgets, "one", {"status": {"phase": "Busy"}}, subresource="status")
    made = server.patch(server.widgets, "one", {"spec": {"size": 2}, "status": {"phase": "Done"}})
    assert (made["spec"]["size"], made["status"]["phase"]) == (2, "Busy")


def test_an_update_of_the_status_leaves_all_else(server: Server) -> None:
    before = server.create(server.widgets, widget())
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"size": 9}, "status": {"phase": "Busy"}}
    made = server.patch(server.widgets, "one", patch, subresource="status")
    assert made["spec"] == before["spec"]
    assert "labels" not in made["metadata"]
    assert made["status"]["phase"] == "Busy"


def test_a_pod_status_update_may_label_the_pod_but_not_change_its_spec(server: Server) -> None:
    before = server.create(server.pods, pod())
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}
    made = server.patch(server.pods, "one", patch, subresource="status")
    assert made["spec"] == before["spec"]
    assert made["metadata"]["labels"] == {"a": "b"}
    assert made["status"]["phase"] == "Running"


def test_generation_counts_changes_of_what_is_wanted_only(server: Server) -> None:
    server.create(server.widgets, widget())
    assert server.patch(server.widgets, "one", {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 1
    assert (
        server.patch(server.widgets, "one", {"status": {"phase": "B"}}, subresource="status")["metadata"]["generation"]
        == 1
    )
    assert server.patch(server.widgets, "one", {"spec": {"size": 2}})["metadata"]["generation"] == 2


def test_a_stale_guarded_patch_is_refused(server: Server) -> None:
    version = server.create(server.widgets, widget())["metadata"]["resourceVersion"]
    server.patch(server.widgets, "one", {"spec": {"size": 2}})
    for subresource, more in (("", {"spec": {"size": 3}}), ("status", {"status": {"phase": "Busy"}})):
        patch = {"metadata": {"resourceVersion": version}} | more
        refusal = refused(server.patch, server.widgets, "one", patch, subresource=subresource)
        assert (refusal.code, refusal.reason) == (409, "Conflict")
        assert "the object has been modified" in refusal.message


def test_a_fresh_guarded_patch_is_taken(server: Server) -> None:
    version = server.create(server.widgets, widget())["metadata"]["resourceVersion"]
    assert server.patch(server.widgets, "one", {"metadata": {"resourceVersion": version}, "spec": {"size": 3}})


def test_a_patch_that_changes_nothing_makes_no_version(server: Server) -> None:
    server.create(server.widgets, widget())
    before = server.patch(server.widgets, "one", {"spec": {"size": 3}})
    assert server.patch(server.widgets, "one", {"spec": {"size": 3}}) == before
    assert server.patch(server.widgets, "one", {"status": {"phase": "New"}}, subresource="status") == before


def test_defaults_that_were_only_shown_are_stored_by_the_first_write(server: Server) -> None:
    made = server.create(server.widgets, widget(size=3))
    stored = server.patch(server.widgets, "one", {"spec": {"size": 3}})
    assert stored["metadata"].pop("resourceVersion") != made["metadata"].pop("resourceVersion")
    assert stored == made


def test_a_replacement_says_which_version_it_replaces(server: Server) -> None:
    made = server.create(server.widgets, widget())
    bare = widget(size=7)
    refusal = refused(server.core.replace, server.widgets, "default", "one", bare)
    assert "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in refusal.message
    assert server.core.replace(server.widgets, "default", "one", copied(made) | {"spec": {"size": 7}})
    assert refused(server.core.replace, server.widgets, "default", "one", made | {"spec": {"size": 8}}).code == 409


def test_a_replacement_of_a_config_map_needs_no_version(server: Server) -> None:
    server.create(server.config_maps, config_map())
    server.core.replace(server.config_maps, "default", "one", config_map() | {"data": {"other": "x"}})
    assert server.get(server.config_maps, "one")["data"] == {"other": "x"}


def test_a_replacement_of_another_uid_is_refused(server: Server) -> None:
    server.create(server.config_maps, config_map())
    refusal = refused(server.core.replace, server.config_maps, "default", "one", config_map(uid="another"))
    assert refusal.code == 409
    assert "Precondition failed: UID in precondition: another" in refusal.message


def test_a_patch_of_the_uid_is_refused_on_the_object_and_ignored_on_its_status(server: Server) -> None:
    server.create(server.widgets, widget())
    patch = {"metadata": {"uid": "another"}}
    assert "metadata.uid: Invalid value" in refused(server.patch, server.widgets, "one", patch).message
    server.patch(server.widgets, "one", patch | {"status": {"phase": "Busy"}}, subresource="status")
    assert server.get(server.widgets, "one")["status"]["phase"] == "Busy"


def test_a_patch_of_what_is_not_there_finds_nothing(server: Server) -> None:
    refusal = refused(server.patch, server.widgets, "one", {})
    assert (refusal.code, refusal.message) == (404, 'widgets.example.com "one" not found')


def test_an_object_that_is_too_large_is_refused_and_changes_nothing() -> None:
    server = Server(object_bytes=2_000)
    before = server.create(server.config_maps, config_map())
    refusal = refused(server.patch, server.config_maps, "one", {"data": {"big": "x" * 3_000}})
    assert refusal.code == 413
    assert server.get(server.config_maps, "one") == before


def test_a_full_server_refuses_more_and_still_updates_and_deletes() -> None:
    server = Server(objects=6)  # four of them are namespaces
    for name in ("one", "two"):
        server.create(server.config_maps, config_map(name))
    assert refused(server.create, server.config_maps, config_map("three")).code == 403
    server.patch(server.config_maps, "one", {"data": {"a": "b"}})
    server.core.delete(server.config_maps, "default", "two")
    server.create(server.config_maps, config_map("three"))


def test_a_store_is_bounded_in_bytes_too() -> None:
    server = Server(store_bytes=5_000)
    server.create(server.config_maps, config_map() | {"data": {"a": "x" * 2_000}})
    assert refused(server.create, server.config_maps, config_map("two") | {"data": {"a": "x" * 3_000}}).code == 403


def test_scale_shows_and_sets_replicas(server: Server) -> None:
    server.create(server.widgets, widget())
    server.patch(server.widgets, "one", {"spec": {"replicas": 4}}, subresource="scale")
    assert server.get(server.widgets, "one")["spec"]["replicas"] == 4
    refusal = refused(server.patch, server.widgets, "one", {"spec": {"replicas": -1}}, subresource="scale")
    assert refusal.code == 422


def test_a_stale_scale_is_refused(server: Server) -> None:
    version = server.create(server.widgets, widget())["metadata"]["resourceVersion"]
    server.patch(server.widgets, "one", {"spec": {"size": 2}})
    patch = {"metadata": {"resourceVersion": version}, "spec": {"replicas": 4}}
    assert refused(server.patch, server.widgets, "one", patch, subresource="scale").code == 409


def test_another_version_of_a_definition_shows_the_same_objects() -> None:
    server = Server()
    crd = widget_crd()
    crd["spec"]["versions"].append(crd["spec"]["versions"][0] | {"name": "v2", "storage": False})
    server.define(crd)
    newer = server.kind("widgets", "example.com", "v2")
    server.create(newer, widget() | {"apiVersion": "example.com/v2"})
    assert server.get(server.widgets, "one")["apiVersion"] == "example.com/v1"
    assert server.core.patch(newer, "default", "one", {"spec": {"size": 5}}).stored.object["spec"]["size"] == 5
