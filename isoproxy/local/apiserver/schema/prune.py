"""Drop what the schema does not know, and name it. Pure."""

from typing import Any

from isoproxy.local.apiserver.schema.node import MISSING, QUANTITY, Node

MAX_UNKNOWN = 64  # fields named

_ENVELOPE = frozenset({"apiVersion", "kind", "metadata"})


def prune(node: Node, value: Any, path: str, unknown: list[str], *, nulls: bool = False) -> Any:
    """Return `value` without unknown fields, and without nulls where a real server has types of its own.

    Elsewhere `nulls` keeps the nulls of fields that are neither nullable nor have a default; they are left out else.

    The value itself is returned if nothing had to go. The paths of what went are appended to `unknown`.
    """
    kind = type(value)
    if kind is dict:
        if node.properties or node.additional is not None or not node.preserve:
            return _prune_object(node, value, path, unknown, nulls)
    elif kind is list:
        if node.items is not None:
            return _prune_list(node.items, value, path, unknown, nulls)
    elif node.type == QUANTITY and kind in (int, float):
        return str(value)
    return value


def _prune_object(node: Node, value: dict[str, Any], path: str, unknown: list[str], nulls: bool) -> dict[str, Any]:
    properties = node.properties
    additional = node.additional
    result = value
    for key, old in value.items():
        child = properties.get(key) or additional
        if child is None:
            if node.preserve or (node.embedded and key in _ENVELOPE):
                continue
            if len(unknown) < MAX_UNKNOWN:
                unknown.append(f"{path}.{key}" if path else key)
        elif old is None and (node.typed or not (nulls or child.nullable or child.default is not MISSING)):
            pass
        else:
            # Scalars, the most of what comes by, need no look inside.
            if type(old) is str or type(old) is bool:
                continue
            new = prune(child, old, f"{path}.{key}" if path else key, unknown, nulls=nulls)
            if new is not old:
                result = dict(value) if result is value else result
                result[key] = new
            continue
        result = dict(value) if result is value else result
        del result[key]
    return result


def _prune_list(items: Node, value: list[Any], path: str, unknown: list[str], nulls: bool) -> list[Any]:
    result = value
    for index, old in enumerate(value):
        new = prune(items, old, f"{path}[{index}]", unknown, nulls=nulls)
        if new is not old:
            result = list(value) if result is value else result
            result[index] = new
    return result
