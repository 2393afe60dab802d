"""Schemas of the built-in kinds, taken from the models of the `kubernetes` package. Pure.

The package says of each field its JSON name, type, whether it is required, and a description. What it does not say, how
lists and maps merge, is in the tables below.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import kubernetes.client.models as library

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.schema.checks import compile_checks
from isoproxy.local.apiserver.schema.modeldefaults import DEFAULTS
from isoproxy.local.apiserver.schema.node import ANY, INT_OR_STRING, QUANTITY, Node

# (model, field) -> (list map keys, strategic merge key; "" if a patch replaces the list)
LISTS: dict[tuple[str, str], tuple[tuple[str, ...], str]] = {
    ("V1ObjectMeta", "ownerReferences"): (("uid",), "uid"),
    ("V1PodSpec", "containers"): (("name",), "name"),
    ("V1PodSpec", "initContainers"): (("name",), "name"),
    ("V1PodSpec", "ephemeralContainers"): (("name",), "name"),
    ("V1PodSpec", "volumes"): (("name",), "name"),
    ("V1PodSpec", "imagePullSecrets"): (("name",), "name"),
    ("V1PodSpec", "hostAliases"): (("ip",), "ip"),
    ("V1PodSpec", "topologySpreadConstraints"): (("topologyKey", "whenUnsatisfiable"), "topologyKey"),
    ("V1PodSpec", "schedulingGates"): (("name",), "name"),
    ("V1PodSpec", "resourceClaims"): (("name",), "name"),
    ("V1PodStatus", "conditions"): (("type",), "type"),
    ("V1PodStatus", "podIPs"): (("ip",), "ip"),
    ("V1Container", "env"): (("name",), "name"),
    ("V1Container", "ports"): (("containerPort", "protocol"), "containerPort"),
    ("V1Container", "volumeMounts"): (("mountPath",), "mountPath"),
    ("V1Container", "volumeDevices"): (("devicePath",), "devicePath"),
    ("V1ServiceSpec", "ports"): (("port", "protocol"), "port"),
    ("V1ServiceStatus", "conditions"): (("type",), "type"),
    ("V1ServiceAccount", "secrets"): (("name",), "name"),
    ("V1NodeStatus", "addresses"): (("type",), "type"),
    ("V1NodeStatus", "conditions"): (("type",), "type"),
    ("V1NamespaceStatus", "conditions"): (("type",), "type"),
    ("V1CustomResourceDefinitionStatus", "conditions"): (("type",), "type"),
}
SETS = frozenset({("V1ObjectMeta", "finalizers"), ("V1NodeSpec", "podCIDRs")})
RETAIN_KEYS = frozenset({("V1PodSpec", "volumes"), ("V1PodSpec", "resourceClaims")})
_ATOMIC = frozenset(
    {"V1LabelSelector", "V1NodeSelector", "V1NodeSelectorTerm", "V1ObjectReference", "V1LocalObjectReference"}
    | {"V1SecretKeySelector", "V1ConfigMapKeySelector", "V1ObjectFieldSelector", "V1ResourceFieldSelector"}
    | {"V1OwnerReference", "V1TypedLocalObjectReference"}
)
_QUANTITIES = frozenset(
    {"limits", "requests", "divisor", "sizeLimit", "overhead", "capacity", "allocatable", "allocatedResources"}
)
_INT_OR_STRING = frozenset({"port", "targetPort"})
_SCHEMAS = frozenset({"items", "additionalItems", "additionalProperties"})
# Times that a real server reads with six digits of a second and no other way.
_MICRO_TIMES = frozenset({"acquireTime", "renewTime", "eventTime", "lastObservedTime"})
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)\Z")
_FORMATS = {"datetime": "date-time", "bytes": "byte"}
_SCALARS = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "datetime": "string",
    "bytes": "string",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model: `type` as the package writes it, `List[V1EnvVar]` or `Dict[str, str]`."""

    name: str
    type: str
    required: bool
    description: str


def fields(model: str) -> Iterator[Field]:
    """The fields of one model of the package."""
    found = getattr(library, model)
    described = {info.serialization_alias or name: info for name, info in found.model_fields.items()}
    for attribute, name in found.attribute_map.items():
        info = described[name]
        yield Field(name, found.openapi_types[attribute], info.is_required(), info.description or "")


def description(model: str) -> str:
    """What the package says of the model as a whole."""
    text: str = getattr(library, model).__doc__ or ""
    return text.partition("Attributes:")[0].strip()


def merge_of(model: str, field: str) -> tuple[str, tuple[str, ...], str]:
    """How a list merges: its list type, its map keys, and the key of a strategic merge."""
    if (model, field) in SETS:
        return "set", (), ""
    keys, merge_key = LISTS.get((model, field), ((), ""))
    return ("map" if keys else "atomic"), keys, merge_key


def is_atomic(model: str) -> bool:
    return model in _ATOMIC


def is_int_or_string(field: str) -> bool:
    return field in _INT_OR_STRING


def is_quantity(field: str, type_: str) -> bool:
    return field in _QUANTITIES and type_ in ("str", "Dict[str, str]")


def node(model: str) -> Node:
    """The finished node of one model. Fields are required below `spec` only: a status is taken as it is written."""
    return _model(model, strict=False)


_nodes: dict[tuple[str, bool], Node] = {}


def _model(model: str, strict: bool) -> Node:
    if (model, strict) in _nodes:
        return _nodes[model, strict]
    found = Node(type="object", typed=True, atomic=is_atomic(model))
    _nodes[model, strict] = found  # before its fields: the schema of schemas contains itself
    required = []
    for field in fields(model):
        below = field.name != "status" and (strict or field.name == "spec")
        child = _typed(field.type, field.name, below)
        if field.type.startswith("List["):
            child = _list(child, model, field.name)
        if (model, field.name) in DEFAULTS:
            # Scalars of one type are one node until one of them has a default.
            child = replace(child, default=DEFAULTS[model, field.name])
        found.properties[field.name] = child
        if field.required and strict:
            required.append(field.name)
    found.required = tuple(required)
    return found.finish()


def _list(shared: Node, model: str, field: str) -> Node:
    list_type, keys, merge_key = merge_of(model, field)
    made = Node(type="array", typed=True, items=shared.items, list_type=list_type, list_keys=keys)
    # A merging set is merged by value.
    made.merge_key = "." if list_type == "set" else merge_key
    return made.finish()


def _typed(text: str, field: str, strict: bool) -> Node:
    inner = re.fullmatch(r"(List|Dict)\[(?:str, )?(.+)\]", text)
    if inner is not None:
        below = _typed(inner.group(2), field, strict)
        if inner.group(1) == "List":
            return Node(type="array", typed=True, items=below).finish()
        return Node(type="object", typed=True, additional=below).finish()
    if is_quantity(field, text):
        return Node(type=QUANTITY, typed=True, checks=compile_checks({"format": "quantity"}, "", [])).finish()
    if text in _SCALARS:
        checks = compile_checks({"format": _FORMATS.get(text, "")}, "", [])
        if text == "datetime" and field in _MICRO_TIMES:
            checks = (*checks, _micro_time)
        return Node(type=_SCALARS[text], typed=True, checks=checks).finish()
    if text == "object":
        return _free(field)
    return _model(text, strict)


def _micro_time(value: Any, path: str) -> FieldError | None:
    if type(value) is not str or _MICRO_TIME.match(value):
        return None
    detail = f'{path}: parsing time "{value}": it has not six digits after the second'
    return FieldError("Invalid value", path, detail, value, blocking=True, wrong_type=True, type_error=True)


def _free(field: str) -> Node:
    """A field whose JSON type the package leaves open."""
    if field in _INT_OR_STRING:
        return Node(type=INT_OR_STRING, typed=True).finish()
    if field in _SCHEMAS:  # of a CustomResourceDefinition: a schema, or a boolean
        properties = _model("V1JSONSchemaProps", False).properties
        return Node(type=ANY, typed=True, properties=properties).finish()
    return Node(type=ANY, nullable=True, preserve=True).finish()
