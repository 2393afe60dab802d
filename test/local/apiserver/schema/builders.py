"""Schemas parsed the way a definition's are."""

from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.schema.defaults import fill
from isoproxy.local.apiserver.schema.models import node
from isoproxy.local.apiserver.schema.node import Node
from isoproxy.local.apiserver.schema.prune import prune
from isoproxy.local.apiserver.schema.rules import check_rules
from isoproxy.local.apiserver.schema.structural import parse
from isoproxy.local.apiserver.schema.validate import validate

Json = dict[str, Any]


def root(spec: Json, **more: Any) -> Json:
    """The schema of an object whose `spec` is as given."""
    return {"type": "object", "properties": {"spec": spec}} | more


def parsed(schema: Json) -> Node:
    errors: list[FieldError] = []
    made = parse(schema, "schema", node("V1ObjectMeta"), errors)
    assert errors == []
    return made


def refusals(schema: Json) -> list[str]:
    errors: list[FieldError] = []
    parse(schema, "schema", node("V1ObjectMeta"), errors)
    return [str(error) for error in errors]


def obj(spec: Any) -> Json:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": spec}


def pruned(schema: Node, spec: Any) -> tuple[Any, list[str]]:
    unknown: list[str] = []
    return prune(schema, obj(spec), "", unknown)["spec"], unknown


def filled(schema: Node, spec: Any) -> Any:
    return fill(schema, obj(spec))["spec"]


def errors(schema: Node, spec: Any) -> list[str]:
    found: list[FieldError] = []
    validate(schema, obj(spec), "", found)
    return [str(error) for error in found]


def rule_errors(schema: Node, spec: Any, old: Any = None) -> list[str]:
    found: list[FieldError] = []
    check_rules(schema, obj(spec), None if old is None else obj(old), "", found)
    return [str(error) for error in found]
