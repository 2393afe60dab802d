"""Check a value against its schema; every error names its path as a real server does. Pure."""

import json
from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.schema.node import ANY, INT_OR_STRING, QUANTITY, Node

MAX_ERRORS = 64


def validate(node: Node, value: Any, path: str, errors: list[FieldError]) -> None:
    """Append what is wrong with `value`; stops looking further once `MAX_ERRORS` were found."""
    kind = type(value)
    if kind not in node.accepts and not _tolerated(node, value):
        if len(errors) < MAX_ERRORS:
            errors.append(type_error(node, value, path))
        return
    for check in node.checks:
        error = check(value, path)
        if error is not None:
            errors.append(error)
    if kind is dict:
        _validate_object(node, value, path, errors)
    elif kind is list:
        _validate_list(node, value, path, errors)
    if node.all_of or node.any_of or node.one_of or node.not_ is not None:
        _validate_junctors(node, value, path, errors)


def _tolerated(node: Node, value: Any) -> bool:
    if value is None:
        return node.nullable or node.type == ANY
    return node.type == "integer" and type(value) is float and value.is_integer()


def type_error(node: Node, value: Any, path: str) -> FieldError:
    wanted = "integer,string" if node.type == INT_OR_STRING else "string" if node.type == QUANTITY else node.type
    shown = _type_name(value)
    detail = f'{path or "<nil>"} in body must be of type {wanted}: "{shown}"'
    return FieldError("Invalid value", path, detail, shown, blocking=True, wrong_type=True, type_error=True)


def _type_name(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", int: "integer", float: "number", bool: "boolean"}
    return names.get(type(value), "null")


def _validate_object(node: Node, value: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    for key in node.required:
        if key not in value:
            errors.append(FieldError("Required value", f"{path}.{key}" if path else key, blocking=True))
    properties = node.properties
    additional = node.additional
    if not properties and additional is None:
        return
    for key, item in value.items():
        child = properties.get(key) or additional
        if child is None:
            continue
        if child.plain and type(item) in child.accepts and type(item) is not dict and type(item) is not list:
            continue
        validate(child, item, f"{path}.{key}" if path else key, errors)


def _validate_list(node: Node, value: list[Any], path: str, errors: list[FieldError]) -> None:
    items = node.items
    if items is not None:
        for index, item in enumerate(value):
            if len(errors) >= MAX_ERRORS:
                return
            validate(items, item, f"{path}[{index}]", errors)
    if len(value) < 2 or node.typed:  # of built-in kinds only some lists have to have unique items
        return
    if node.list_type == "set":
        _refuse_duplicates(value, value, path, errors)
    elif node.merges_lists:
        keys = [identity(node, item) for item in value]
        _refuse_duplicates(keys, value, path, errors)


def identity(node: Node, item: Any) -> Any:
    """What tells an item of a list-map from the others: its keys, with the defaults of those it leaves out."""
    if type(item) is not dict:
        return None
    found = {}
    for key in node.list_keys:
        if key in item:
            found[key] = item[key]
        elif node.items is not None and key in node.items.properties and node.items.properties[key].offers_default:
            found[key] = node.items.properties[key].default
    return found


def _refuse_duplicates(keys: list[Any], value: list[Any], path: str, errors: list[FieldError]) -> None:
    seen: set[str] = set()
    for index, key in enumerate(keys):
        text = json.dumps(key, sort_keys=True, default=str)
        if text in seen and len(errors) < MAX_ERRORS:
            errors.append(FieldError("Duplicate value", f"{path}[{index}]", "", key if key else value[index]))
        seen.add(text)


def _validate_junctors(node: Node, value: Any, path: str, errors: list[FieldError]) -> None:
    for branch in node.all_of:
        validate(branch, value, path, errors)
    if node.any_of and not any(_holds(branch, value, path) for branch in node.any_of):
        errors.append(_junctor_error(path, "at least one schema (anyOf)"))
    if node.one_of:
        valid = sum(_holds(branch, value, path) for branch in node.one_of)
        if valid != 1:
            found = "none valid" if not valid else f"{valid} valid alternatives"
            errors.append(_junctor_error(path, f"one and only one schema (oneOf). Found {found}"))
    if node.not_ is not None and _holds(node.not_, value, path):
        errors.append(FieldError("Invalid value", path, f'"{path}" must not validate the schema (not)', ""))


def _junctor_error(path: str, detail: str) -> FieldError:
    return FieldError("Invalid value", path, f'"{path}" must validate {detail}', "")


def _holds(node: Node, value: Any, path: str) -> bool:
    found: list[FieldError] = []
    validate(node, value, path, found)
    return not found
