"""What a configuration for a server-side apply may say: only fields that its schema has, of their types. Pure.

A real server makes a typed value of it before anything else, and answers 500 where it cannot.
"""

from typing import Any

from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.schema.node import ANY, INT_OR_STRING, QUANTITY, Node
from isoproxy.local.apiserver.schema.validate import identity
from isoproxy.local.apiserver.store import encode

Json = dict[str, Any]

_SCALARS: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "string"),
    "integer": ((int, float), "numeric (int or float)"),
    "number": ((int, float), "numeric (int or float)"),
    "boolean": ((bool,), "boolean"),
}


def check(kind: Kind, name: str, config: Json) -> None:
    """Refuse with 500 what no object of this kind could say; its metadata is an object."""
    wrong = _wrong(kind.schema, config, "")
    if wrong is not None:
        namespace = config.get("metadata", {}).get("namespace", "")
        what = f"({namespace}/{name}; {kind.group}/{kind.version}, Kind={kind.kind})"
        raise StatusError(500, "", f"failed to create typed patch object {what}: {wrong}")


def _wrong(node: Node | None, value: Any, path: str) -> str | None:
    """The first thing that does not fit, with its path; a null fits everywhere."""
    if node is None or value is None or node.type in (ANY, INT_OR_STRING, QUANTITY):
        return None
    if node.type == "object":
        return _wrong_object(node, value, path) if type(value) is dict else _expected("map", value, path)
    if node.type == "array":
        return _wrong_list(node, value, path) if type(value) is list else _expected("list", value, path)
    types, words = _SCALARS[node.type]
    return None if type(value) in types else _expected(words, value, path)


def _expected(words: str, value: Any, path: str) -> str:
    return f"{path}: expected {words}, got {encode(value).decode()}"


def _wrong_object(node: Node, value: Json, path: str) -> str | None:
    for key, item in value.items():
        child = node.child(key)
        if child is None and not (node.preserve or (node.embedded and key in ("apiVersion", "kind", "metadata"))):
            return f"{path}.{key}: field not declared in schema"
        if wrong := _wrong(child, item, f"{path}.{key}"):
            return wrong
    return None


def _wrong_list(node: Node, value: list[Any], path: str) -> str | None:
    for index, item in enumerate(value):
        if node.merges_lists and type(item) is not dict:
            return f"{path}: element {index}: associative list with keys may not have non-map elements"
        if node.merges_lists and not identity(node, item):
            keys = encode(list(node.list_keys)).decode()
            return (
                f"{path}: element {index}: associative list with keys has an element that omits all key fields {keys}"
            )
        if wrong := _wrong(node.items, item, f"{path}[{index}]"):
            return wrong
    if node.merges_lists or node.list_type == "set":
        names = [encode(identity(node, item) if node.merges_lists else item) for item in value]
        twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
        if twice is not None:
            return f"{path}: duplicate entries for key {twice.decode()}"
    return None
