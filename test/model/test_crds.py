"""The CRDs and the dataclasses say the same, and what the CRDs pass on to pods is what pods have."""

from typing import Any

import pytest
from kubernetes.client import (
    V1EnvVar,
    V1EnvVarSource,
    V1LocalObjectReference,
    V1ResourceRequirements,
    V1Toleration,
    V1VolumeMount,
)

from isoproxy.model import crds, names
from isoproxy.model.dedicatedservice import DedicatedService, DedicatedServiceSpec, DedicatedServiceStatus
from isoproxy.model.isolationpod import IsolationPod, IsolationPodSpec, IsolationPodStatus
from isoproxy.model.parsing import Json, dump, model, parse
from test.model import reference
from test.model.schemas import crd, differences, fields_of, schema_of

PARTS: list[tuple[str, str, type[Any]]] = [
    ("DedicatedService", "spec", DedicatedServiceSpec),
    ("DedicatedService", "status", DedicatedServiceStatus),
    ("IsolationPod", "spec", IsolationPodSpec),
    ("IsolationPod", "status", IsolationPodStatus),
]


@pytest.mark.parametrize(("kind", "part", "cls"), PARTS)
def test_schema_and_dataclass_are_the_same(kind: str, part: str, cls: type[Any]) -> None:
    assert list(differences(cls, schema_of(kind)["properties"][part], part)) == []


def test_every_part_of_an_object_is_compared() -> None:
    for kind in ("DedicatedService", "IsolationPod"):
        assert set(schema_of(kind)["properties"]) == {part for of, part, _ in PARTS if of == kind}


@model
class Drifted:
    """What a comparison must find fault with."""

    image: str
    port: int = 1
    replicas: str = ""
    here: int | None = None


def test_a_comparison_finds_every_sort_of_drift() -> None:
    schema: Json = {
        "type": "object",
        "required": ["port"],
        "properties": {
            "image": {"type": "string"},
            "port": {"type": "integer", "default": 2},
            "replicas": {"type": "integer"},
            "there": {"type": "string"},
        },
    }
    assert list(differences(Drifted, schema, "spec")) == [
        "spec.here: only in the dataclass",
        "spec.there: only in the schema",
        "spec: the dataclass needs ['image'], the schema ['port']",
        "spec.port: 1 by default in the dataclass, 2 in the schema",
        "spec.replicas: type is string in the dataclass, integer in the schema",
    ]


def test_what_is_read_by_the_dataclasses_is_what_an_api_server_fills_in() -> None:
    bare: Json = {"metadata": {"name": "s"}, "spec": {"image": "i"}}
    filled = filled_in(bare, schema_of("DedicatedService"))
    assert parse(DedicatedService, bare) == parse(DedicatedService, filled)
    assert filled["spec"]["service"] == {"type": "ClusterIP", "port": 9090}
    assert filled["status"]["totalTargets"] == 0
    bare = {"metadata": {"name": "p"}, "spec": {"serviceName": "s", "podName": "p", "port": 1}}
    filled = filled_in(bare, schema_of("IsolationPod"))
    assert parse(IsolationPod, bare) == parse(IsolationPod, filled)
    assert filled["status"]["phase"] == "Idle"


def filled_in(value: Any, schema: Json) -> Any:
    """Apply the schema's defaults, as an API server does."""
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    properties: Json = schema["properties"]
    with_defaults = {name: part["default"] for name, part in properties.items() if "default" in part} | value
    return {name: filled_in(item, properties.get(name, {})) for name, item in with_defaults.items()}


def test_what_is_dumped_is_read_back_the_same() -> None:
    service = parse(
        DedicatedService,
        {
            "metadata": {"name": "s", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"image": "i", "service": {"type": "NodePort"}, "network": {"allowDNS": True}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        },
    )
    assert parse(DedicatedService, dump(service)) == service


# What users of the older operator's manifests and columns rely on.
COLUMNS = {
    "DedicatedService": ["Image", "Total", "Available", "Age"],
    "IsolationPod": ["Service", "Pod", "In-Use", "Phase", "Client", "Age"],
}


@pytest.mark.parametrize("kind", ["DedicatedService", "IsolationPod"])
class TestDefinition:
    def test_names_what_the_code_names(self, kind: str) -> None:
        definition = crd(kind)
        (version,) = definition["spec"]["versions"]
        assert f"{definition['spec']['group']}/{version['name']}" == names.API_VERSION
        assert definition["metadata"]["name"] == f"{definition['spec']['names']['plural']}.{names.GROUP}"
        assert version["served"]
        assert version["storage"]
        assert definition["spec"]["scope"] == "Namespaced"

    def test_has_the_short_names_of_the_design(self, kind: str) -> None:
        expected = {"DedicatedService": ["dedi"], "IsolationPod": ["ipod", "ipods"]}
        assert crd(kind)["spec"]["names"]["shortNames"] == expected[kind]

    def test_shows_columns_of_fields_that_exist(self, kind: str) -> None:
        (version,) = crd(kind)["spec"]["versions"]
        for column in version["additionalPrinterColumns"]:
            assert column["jsonPath"].startswith(".metadata.") or resolves(column["jsonPath"], schema_of(kind)), column

    def test_shows_the_columns_that_users_know_without_being_asked(self, kind: str) -> None:
        (version,) = crd(kind)["spec"]["versions"]
        shown = [c["name"] for c in version["additionalPrinterColumns"] if c.get("priority", 0) == 0]
        assert shown == COLUMNS[kind]

    def test_keeps_status_apart(self, kind: str) -> None:
        (version,) = crd(kind)["spec"]["versions"]
        assert version["subresources"]["status"] == {}

    def test_bounds_what_clients_of_the_api_can_store(self, kind: str) -> None:
        arrays = {path: part for path, part in walk(schema_of(kind), kind) if part.get("type") == "array"}
        assert not [path for path, part in arrays.items() if "maxItems" not in part]


def walk(schema: Json, path: str) -> list[tuple[str, Json]]:
    found = [(path, schema)]
    for name, part in schema.get("properties", {}).items():
        found += walk(part, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        found += walk(schema["items"], f"{path}[]")
    return found


def resolves(json_path: str, schema: Json) -> bool:
    for step in json_path.lstrip(".").split("."):
        name, _, predicate = step.partition("[")
        if predicate:
            return "items" in schema["properties"][name]
        if name not in schema.get("properties", {}):
            return False
        schema = schema["properties"][name]
    return True


def test_the_scale_subresource_scales_the_pool() -> None:
    (version,) = crd("DedicatedService")["spec"]["versions"]
    scale = version["subresources"]["scale"]
    assert all(resolves(path, schema_of("DedicatedService")) for path in scale.values())


def test_what_may_stay_unset_in_a_status_has_a_default_for_the_rules_that_read_it() -> None:
    """CEL fails on a field that is not there: every one that a rule names has a default or is required."""
    schema = schema_of("IsolationPod")
    spec, status = schema["properties"]["spec"], schema["properties"]["status"]
    assert status["default"] == {}
    for name in ("proxy", "podIP", "podUID"):
        assert spec["properties"][name]["default"] == ""
    assert status["properties"]["phase"]["default"] == "Idle"


# The pod fields that the schema spells out, and what it leaves out of them on purpose.
PASSED_ON: list[tuple[str, type[Any], set[str]]] = [
    ("env[]", V1EnvVar, set()),
    ("env[].valueFrom", V1EnvVarSource, {"fileKeyRef"}),  # of a volume that only init containers could fill
    ("resources", V1ResourceRequirements, {"claims"}),  # of resourceClaims, which a service cannot have
    ("imagePullSecrets[]", V1LocalObjectReference, set()),
    ("tolerations[]", V1Toleration, set()),
    ("volumeMounts[]", V1VolumeMount, {"bindMountOptions"}),  # too new to be relied on
]


@pytest.mark.parametrize(("path", "cls", "left_out"), PASSED_ON, ids=[path for path, _, _ in PASSED_ON])
def test_pod_fields_that_are_passed_on_are_those_that_pods_have(path: str, cls: Any, left_out: set[str]) -> None:
    """A field missing from the schema would be pruned without a word."""
    schema = dict(walk(schema_of("DedicatedService")["properties"]["spec"], "spec"))[f"spec.{path}"]
    assert set(schema["properties"]) == set(cls.model_json_schema()["properties"]) - left_out


def test_every_pod_field_is_spelled_out_or_preserved() -> None:
    schemas = dict(walk(schema_of("DedicatedService")["properties"]["spec"], "spec"))
    spelled_out = {path.split("[")[0].split(".")[0] for path, _, _ in PASSED_ON}
    opaque = [
        name
        for name, field in fields_of(DedicatedServiceSpec).items()
        if "dict[str, typing.Any]" in str(field.annotation)
    ]
    assert spelled_out < set(opaque)
    for name in opaque:
        schema = schemas[f"spec.{name}"]
        content = schema.get("items", schema)
        assert content.get("x-kubernetes-preserve-unknown-fields") or name in spelled_out, name


def test_the_definitions_come_in_a_steady_order() -> None:
    assert [found["spec"]["names"]["kind"] for found in crds.load()] == ["DedicatedService", "IsolationPod"]


def test_the_reference_is_what_the_definitions_say() -> None:
    assert reference.DOCUMENT.read_text() == reference.document(), "python -m test.model.reference renews it"
