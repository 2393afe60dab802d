"""Sets of fields in the form of FieldsV1, as managedFields has them. Pure.

`{"f:spec": {"f:replicas": {}}}` is the one field `spec.replicas`; `k:{"name":"a"}` an item of a list-map, `v:1` of a
set, `.` the item itself beside its fields. A field with nothing below it is a leaf: a scalar, or what changes hands as
a whole.
"""

import json
from collections.abc import Iterator
from typing import Any

from isoproxy.local.apiserver.schema.node import Node
from isoproxy.local.apiserver.schema.validate import identity

Json = dict[str, Any]
Fields = dict[str, Any]

SELF = "."
_SERVER_METADATA = frozenset(
    {"name", "namespace", "uid", "creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink"}
    | {"generateName", "deletionTimestamp", "deletionGracePeriodSeconds"}
)


def of_object(node: Node, obj: Json) -> Fields:
    """The fields of a whole object that managers can own."""
    fields = {
        f"f:{key}": _of(node.child(key), value) for key, value in obj.items() if key not in ("apiVersion", "kind")
    }
    metadata = fields.pop("f:metadata", {})
    metadata = {key: below for key, below in metadata.items() if key.removeprefix("f:") not in _SERVER_METADATA}
    return fields | ({"f:metadata": metadata} if metadata else {})


def items(node: Node | None, value: Any) -> dict[str, tuple[Node | None, Any]] | None:
    """What is below a value, by FieldsV1 key; None if it changes hands as a whole."""
    if type(value) is dict:
        if node is not None and node.atomic:
            return None
        return {f"f:{key}": (node.child(key) if node is not None else None, item) for key, item in value.items()}
    if type(value) is list and node is not None:
        if node.merges_lists:
            return {_item_key(node, item): (node.items, item) for item in value}
        if node.list_type == "set":
            return {f"v:{_text(item)}": (node.items, item) for item in value}
    return None


def _item_key(node: Node, item: Any) -> str:
    return f"k:{_text(identity(node, item))}"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _of(node: Node | None, value: Any) -> Fields:
    below = items(node, value)
    if below is None:
        return {}
    fields: Fields = {}
    for key, (child, item) in below.items():
        found = _of(child, item)
        # An item of a list is itself owned, beside its fields.
        fields[key] = {SELF: {}} | found if key.startswith("k:") else found
    return fields


def changed(node: Node | None, old: Any, new: Any) -> Fields | None:
    """The fields of `new` that are not in `old` or differ there; None if the value as a whole is what differs."""
    before, after = items(node, old), items(node, new)
    if before is None or after is None:
        return None
    fields: Fields = {}
    for key, (child, item) in after.items():
        if key not in before:
            found = _of(child, item)
            fields[key] = {SELF: {}} | found if key.startswith("k:") else found
        elif before[key][1] != item:
            fields[key] = changed(child, before[key][1], item) or {}
    return fields


def union(one: Fields, other: Fields) -> Fields:
    merged = dict(one)
    for key, below in other.items():
        merged[key] = union(merged[key], below) if key in merged else below
    return merged


def difference(one: Fields, other: Fields) -> Fields:
    """The fields of `one` that are not in `other`."""
    left: Fields = {}
    for key, below in one.items():
        if key not in other:
            left[key] = below
        elif below:
            rest = difference(below, other[key])
            if rest:
                left[key] = rest
        elif other[key] and SELF not in other[key]:
            left[key] = below
    return left


def intersection(one: Fields, other: Fields) -> Fields:
    """The fields that are in both; of a leaf and what is below it, the longer."""
    both: Fields = {}
    for key in one.keys() & other.keys():
        if not one[key] or not other[key]:
            both[key] = one[key] or other[key]
        else:
            below = intersection(one[key], other[key])
            if below:
                both[key] = below
    return both


def leaves(fields: Fields, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of the leaves, each a run of FieldsV1 keys."""
    for key, below in sorted(fields.items()):
        if below:
            yield from leaves(below, (*path, key))
        elif key != SELF:
            yield (*path, key)


def readable(path: tuple[str, ...]) -> str:
    """A path as messages show it: `.spec.containers[name="a"].image`."""
    words = []
    for key in path:
        kind, _, rest = key.partition(":")
        if kind == "f":
            words.append(f".{rest}")
        elif kind == "k":
            words.append("[" + ",".join(f"{name}={_text(value)}" for name, value in json.loads(rest).items()) + "]")
        else:
            words.append(f"[={rest}]")
    return "".join(words)


_NOTHING = object()


def find(node: Node | None, value: Any, path: tuple[str, ...]) -> Any:
    """The value at a path, or something equal to nothing else if there is none."""
    for key in path:
        below = items(node, value)
        if below is None or key not in below:
            return _NOTHING
        node, value = below[key]
    return value


def remove(node: Node | None, value: Any, fields: Fields) -> Any:
    """`value` without the fields; a map or list that this empties goes too (None)."""
    below = items(node, value)
    if below is None or not fields:
        return None
    kept = []
    for key, (child, item) in below.items():
        doomed = fields.get(key)
        if doomed is None:
            kept.append((key, item))
        elif doomed and SELF not in doomed:
            rest = remove(child, item, doomed)
            if rest is not None:
                kept.append((key, rest))
    if not kept:
        return None
    if type(value) is dict:
        return {key.removeprefix("f:"): item for key, item in kept}
    return [item for _, item in kept]
