from typing import Any

import pytest

from isoproxy.local.apiserver.options import WriteOptions
from isoproxy.model import crds as shipped
from test.local.apiserver.objects import WIDGET_SCHEMA, Server, copied, refused, widget, widget_crd

Json = dict[str, Any]


def crds(server: Server) -> Any:
    return server.kind("customresourcedefinitions", "apiextensions.k8s.io")


def test_a_definition_is_established_at_once() -> None:
    made = Server().define(widget_crd())
    conditions = {item["type"]: item["status"] for item in made["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert made["status"]["storedVersions"] == ["v1"]
    assert made["spec"]["names"]["listKind"] == "WidgetList"
    assert made["spec"]["names"]["singular"] == "widget"


@pytest.mark.parametrize("crd", shipped.load(), ids=lambda crd: crd["metadata"]["name"])
def test_the_definitions_that_ship_are_taken_strictly(crd: Json) -> None:
    server = Server()
    written = server.core.create(crds(server), "", copied(crd), WriteOptions(validation="Strict"))
    assert written.warnings == ()
    spec = crd["spec"]
    kind = server.kind(spec["names"]["plural"], spec["group"], spec["versions"][0]["name"])
    assert [column.name for column in kind.columns][1:] == [
        column["name"] for column in spec["versions"][0]["additionalPrinterColumns"]
    ]


def changed(**spec: Any) -> Json:
    crd = copied(widget_crd())
    crd["spec"] |= spec
    return dict(crd)


def version(**more: Any) -> Json:
    return changed(versions=[widget_crd()["spec"]["versions"][0] | more])


@pytest.mark.parametrize(
    ("crd", "field"),
    [
        (changed(group="nodots"), "spec.group"),
        (changed(scope="Everywhere"), "spec.scope"),
        (changed(names={"kind": "Widget"}), "spec.names.plural"),
        (changed(names={"plural": "widgets"}), "spec.names.kind"),
        (changed(names={"plural": "gadgets", "kind": "Widget"}), "metadata.name"),
        (changed(group="pods.k8s.io"), "api-approved.kubernetes.io"),
        (changed(conversion={"strategy": "Webhook"}), "spec.conversion.strategy"),
        (changed(versions=[]), "spec.versions"),
        (changed(versions=widget_crd()["spec"]["versions"] * 2), "spec.versions"),
        (version(storage=False), "spec.versions"),
        (version(schema=None), "spec.versions[0].schema.openAPIV3Schema"),
        (version(schema={"openAPIV3Schema": {"type": "string"}}), "spec.versions[0].schema.openAPIV3Schema.type"),
        (version(selectableFields=[{"jsonPath": "spec"}]), "spec.versions[0].selectableFields[0].jsonPath"),
        (
            version(subresources={"scale": {"specReplicasPath": "x", "statusReplicasPath": ".status.n"}}),
            "subresources.scale.specReplicasPath",
        ),
        (
            version(additionalPrinterColumns=[{"name": "A", "type": "string", "jsonPath": "a"}]),
            "spec.versions[0].additionalPrinterColumns[0].jsonPath",
        ),
    ],
)
def test_a_definition_that_cannot_work_is_refused_with_the_field(crd: Json, field: str) -> None:
    server = Server()
    refusal = refused(server.define, crd)
    assert refusal.code == 422
    assert field in refusal.message
    assert refused(server.kind, "widgets", "example.com").code == 404


def test_an_unknown_keyword_of_a_schema_is_refused_when_strict() -> None:
    server = Server()
    schema = copied(WIDGET_SCHEMA)
    schema["properties"]["spec"]["propertys"] = {}
    refusal = refused(server.core.create, crds(server), "", widget_crd(schema), WriteOptions(validation="Strict"))
    assert "propertys" in refusal.message


def test_what_is_built_in_cannot_be_defined_anew() -> None:
    server = Server()
    before = server.kind("leases", "coordination.k8s.io")
    crd = widget_crd()
    crd["metadata"] = {"name": "leases.coordination.k8s.io", "annotations": {"api-approved.kubernetes.io": "yes"}}
    crd["spec"] |= {"group": "coordination.k8s.io", "names": {"plural": "leases", "kind": "Lease"}}
    server.define(crd)
    assert server.kind("leases", "coordination.k8s.io") is before


def test_a_changed_schema_is_how_objects_are_read_from_then_on(server: Server) -> None:
    server.create(server.widgets, widget(selector="x"))
    version = server.core.store.version
    schema = copied(WIDGET_SCHEMA)
    del schema["properties"]["spec"]["properties"]["selector"]
    schema["properties"]["spec"]["properties"]["shape"] = {"type": "string", "default": "round"}
    server.patch(crds(server), "widgets.example.com", {"spec": widget_crd(schema)["spec"]})
    found = server.get(server.widgets, "one")
    assert found["spec"]["shape"] == "round"
    assert "selector" not in found["spec"]
    assert int(found["metadata"]["resourceVersion"]) == version
    assert server.patch(server.widgets, "one", {"spec": {"shape": "flat"}})["spec"]["shape"] == "flat"


def test_what_a_changed_schema_adds_is_stored_by_the_first_write(server: Server) -> None:
    server.create(server.widgets, widget())
    before = server.patch(server.widgets, "one", {"spec": {"size": 2}})
    schema = copied(WIDGET_SCHEMA)
    schema["properties"]["spec"]["properties"]["shape"] = {"type": "string", "default": "round"}
    server.patch(crds(server), "widgets.example.com", {"spec": widget_crd(schema)["spec"]})
    stored = server.patch(server.widgets, "one", {"spec": {"size": 2}})
    assert stored["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    assert server.patch(server.widgets, "one", {"spec": {"size": 2}}) == stored


def test_names_and_scope_do_not_change(server: Server) -> None:
    for spec, field in (({"scope": "Cluster"}, "spec.scope"), ({"names": {"kind": "Gadget"}}, "spec.names.kind")):
        refusal = refused(server.patch, crds(server), "widgets.example.com", {"spec": spec})
        assert f"{field}: Invalid value" in refusal.message


def test_a_version_that_is_not_served_is_not_there() -> None:
    server = Server()
    crd = widget_crd()
    crd["spec"]["versions"].append(crd["spec"]["versions"][0] | {"name": "v0", "storage": False, "served": False})
    server.define(crd)
    assert refused(server.kind, "widgets", "example.com", "v0").code == 404


def test_what_a_changed_schema_adds_counts_as_long_as_it_is_there(server: Server) -> None:
    def counted_too_much() -> int:
        store = server.core.store
        return store._bytes - sum(stored.size for bucket in store for stored in bucket.objects.values())

    server.create(server.widgets, widget())
    schema = copied(WIDGET_SCHEMA)
    schema["properties"]["spec"]["properties"]["shape"] = {"type": "string", "default": "x" * 10_000}
    server.patch(crds(server), "widgets.example.com", {"spec": widget_crd(schema)["spec"]})
    assert counted_too_much() == 0
    server.core.delete(server.widgets, "default", "one")
    assert counted_too_much() == 0
