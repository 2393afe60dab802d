"""Fill in what the schema has a default for. Pure."""

from typing import Any

from isoproxy.local.apiserver.schema.node import MISSING, Node


def fill(node: Node, value: Any) -> Any:
    """Return `value` with the defaults of absent fields, at every level that is there.

    A null counts as absent where the field is not nullable and has a default. Defaults are shared between
    objects, as everything that is stored is.
    """
    if not node.has_defaults:
        return value
    if type(value) is dict:
        return _fill_object(node, value)
    if type(value) is list and node.items is not None:
        filled = [fill(node.items, item) for item in value]
        return filled if any(new is not old for new, old in zip(filled, value, strict=True)) else value
    return value


def _fill_object(node: Node, value: dict[str, Any]) -> dict[str, Any]:
    result = value
    for key, child in node.defaulted:
        old = value.get(key, MISSING)
        if old is MISSING or (old is None and not child.nullable):
            if child.default is MISSING:
                continue
            new = child.default
        else:
            new = fill(child, old)
            if new is old:
                continue
        result = dict(value) if result is value else result
        result[key] = new
    if node.additional is not None and node.additional.has_defaults:
        for key, old in value.items():
            if key in node.properties:
                continue
            new = fill(node.additional, old)
            if new is not old:
                result = dict(value) if result is value else result
                result[key] = new
    return result
