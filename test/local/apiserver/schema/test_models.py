"""The schemas taken from the kubernetes package are checked against what the package itself says."""

import pytest

from isoproxy.local.apiserver.kinds import builtin
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.schema import models
from isoproxy.local.apiserver.schema.modeldefaults import DEFAULTS
from isoproxy.local.apiserver.schema.node import MISSING, walk


@pytest.mark.parametrize("kind", builtin.kinds(), ids=lambda kind: kind.api_version + "/" + kind.kind)
def test_every_built_in_kind_has_a_schema_with_metadata(kind: Kind) -> None:
    assert "name" in kind.schema.properties["metadata"].properties
    assert len(walk(kind.schema)) > 20


def test_lists_merge_as_the_real_types_say() -> None:
    pod = models.node("V1Pod").properties["spec"]
    containers = pod.properties["containers"]
    assert (containers.list_type, containers.list_keys, containers.merge_key) == ("map", ("name",), "name")
    assert containers.items is not None
    ports = containers.items.properties["ports"]
    assert (ports.list_keys, ports.merge_key) == (("containerPort", "protocol"), "containerPort")
    assert pod.properties["tolerations"].list_type == "atomic"


def test_every_table_names_fields_that_there_are() -> None:
    tables = [*DEFAULTS, *models.LISTS, *models.SETS, *models.RETAIN_KEYS]
    for model, field in tables:
        assert field in {found.name for found in models.fields(model)}, (model, field)


def test_a_default_is_of_its_own_field_only() -> None:
    spec = models.node("V1Pod").properties["spec"]
    assert spec.properties["restartPolicy"].default == "Always"
    assert spec.properties["nodeName"].default is MISSING


def test_the_schema_of_schemas_contains_itself() -> None:
    schema = models.node("V1JSONSchemaProps")
    properties = schema.properties["properties"].additional
    assert properties is schema
