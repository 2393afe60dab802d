"""A kind's dataclass beside its schema: how they are compared, field by field, in both directions."""

import dataclasses
import types
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any

from annotated_types import Ge, Le
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from isoproxy.model import crds
from isoproxy.model.networks import Network
from isoproxy.model.parsing import Json, OpenObject, dump
from isoproxy.model.pod import Condition

PLAIN = {str: "string", int: "integer", bool: "boolean"}
UNSET: tuple[object, ...] = (None, "", (), {})
READ_LENIENTLY = (Condition,)
"""Kinds that are read from objects of others as well, who leave out what our schema requires."""


def crd(kind: str) -> Json:
    """The CustomResourceDefinition of that kind."""
    return next(found for found in crds.load() if found["spec"]["names"]["kind"] == kind)


def schema_of(kind: str) -> Json:
    """The schema of the one version of that kind."""
    (version,) = crd(kind)["spec"]["versions"]
    schema: Json = version["schema"]["openAPIV3Schema"]
    return schema


def fields_of(cls: type[Any]) -> dict[str, FieldInfo]:
    """A model's fields by the names they have in JSON."""
    fields: dict[str, FieldInfo] = cls.__pydantic_fields__
    return {str(field.alias): field for field in fields.values()}


def without_none(hint: Any) -> Any:
    """``X`` of ``X | None``; anything else as it is."""
    if isinstance(hint, types.UnionType):
        (hint,) = (one for one in typing.get_args(hint) if one is not type(None))
    return hint


def differences(cls: type[Any], schema: Json, path: str) -> Iterator[str]:
    """Say in what the fields of ``cls`` and the properties of ``schema`` are not the same."""
    fields, properties = fields_of(cls), schema.get("properties", {})
    if schema.get("type") != "object":
        yield f"{path}: not an object in the schema"
    for name in sorted(fields.keys() ^ properties.keys()):
        yield f"{path}.{name}: only in the {'dataclass' if name in fields else 'schema'}"
    needed = {name for name, field in fields.items() if field.is_required()}
    required = set(schema.get("required", ()))
    if not (needed <= required if cls in READ_LENIENTLY else needed == required):
        yield f"{path}: the dataclass needs {sorted(needed)}, the schema {sorted(required)}"
    for name in sorted(fields.keys() & properties.keys()):
        field, part = fields[name], properties[name]
        yield from type_differences(field.annotation, part, f"{path}.{name}")
        yield from bound_differences(field, part, f"{path}.{name}")
        if not field.is_required() and cls not in READ_LENIENTLY:
            yield from default_differences(field.get_default(call_default_factory=True), part, f"{path}.{name}")


def type_differences(hint: Any, schema: Json, path: str) -> Iterator[str]:
    hint = without_none(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    expected: Json
    if dataclasses.is_dataclass(hint):
        yield from differences(typing.cast("type[Any]", hint), schema, path)
        return
    if origin is tuple:
        expected = {"type": "array"}
        yield from type_differences(arguments[0], schema.get("items", {}), f"{path}[]")
    elif origin is dict and arguments == (str, str):
        expected = {"type": "object"}
        yield from type_differences(str, schema.get("additionalProperties", {}), f"{path}{{}}")
    elif origin is dict or hint is OpenObject:  # passed on as it is
        expected = {"type": "object"}
    elif hint is Network:
        expected = {"type": "string", "format": "cidr"}
    elif hint is AwareDatetime:
        expected = {"type": "string", "format": "date-time"}
    elif isinstance(hint, type) and issubclass(hint, Enum):
        expected = {"type": "string", "enum": [member.value for member in hint]}
    else:
        expected = {"type": PLAIN[hint]}
    for key, value in expected.items():
        if schema.get(key) != value:
            yield f"{path}: {key} is {value} in the dataclass, {schema.get(key)} in the schema"


def bound_differences(field: FieldInfo, schema: Json, path: str) -> Iterator[str]:
    """Bounds of what is written by others are the same in both; what a status counts has none in the dataclass."""
    least = [bound.ge for bound in field.metadata if isinstance(bound, Ge)]
    most = [bound.le for bound in field.metadata if isinstance(bound, Le)]
    expected = [schema[key] for key in ("minimum", "maximum") if key in schema]
    if path.startswith("spec.") and [*least, *most] != expected:
        yield f"{path}: from {[*least, *most]} in the dataclass, from {expected} in the schema"


def default_differences(default: Any, schema: Json, path: str) -> Iterator[str]:
    """A default is the same in both, but that what is simply unset need not be one in the schema."""
    if "default" not in schema:
        if default not in UNSET:
            yield f"{path}: {default!r} by default in the dataclass only"
    elif plain(default) != effective_default(schema):
        yield f"{path}: {plain(default)!r} by default in the dataclass, {effective_default(schema)!r} in the schema"


def effective_default(schema: Json) -> Any:
    """A default as an API server fills it in: with the defaults inside it, and what stays unset left out."""
    default = schema["default"]
    if not isinstance(default, dict):
        return default
    inside = {name: part for name, part in schema.get("properties", {}).items() if "default" in part}
    return without_unset({name: effective_default(part) for name, part in inside.items()} | default)


def plain(default: Any) -> Any:
    """A dataclass's default as JSON, without what is unset."""
    if dataclasses.is_dataclass(default) and not isinstance(default, type):
        return without_unset(dump(default))
    if isinstance(default, Enum):
        return default.value
    return list(default) if isinstance(default, tuple) else default


def without_unset(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value not in ({}, [], "")}


def leaves(cls: type[Any], path: str = "") -> Iterator[str]:
    """The paths of all fields that have no fields of ours inside."""
    for name, field in fields_of(cls).items():
        hint = without_none(field.annotation)
        if dataclasses.is_dataclass(hint):
            yield from leaves(typing.cast("type[Any]", hint), f"{path}{name}.")
        else:
            yield f"{path}{name}"
