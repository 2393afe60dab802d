"""Strategic merge patch: a merge patch whose lists merge by key, with directives. For built-in kinds only. Pure."""

from typing import Any

from isoproxy.local.apiserver.errors import bad_request
from isoproxy.local.apiserver.schema.node import Node

Json = dict[str, Any]

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def merge(node: Node | None, current: Any, patch: Json) -> Json:
    """`current` (an object, or anything else for none) with the patch merged into it by its schema."""
    directive = patch.get(_DIRECTIVE, "merge")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "delete":
        return {}
    if directive != "merge":
        raise bad_request(f"Unknown patch type: {directive!r} found in map")
    result = dict(current) if type(current) is dict else {}
    if _RETAIN in patch:
        kept = _listed(patch, _RETAIN)
        result = {key: value for key, value in result.items() if key in kept}
    lists = {key.partition("/")[2] for key in patch if key.startswith((_DELETE, _ORDER))}
    for key in [*patch, *sorted(lists - patch.keys())]:
        if key.startswith("$"):
            continue
        child = node.child(key) if node is not None else None
        value = patch.get(key, [])
        if value is None:
            result.pop(key, None)
        elif type(value) is dict:
            result[key] = merge(child, result.get(key), value)
        elif type(value) is list:
            directives = _listed(patch, _DELETE + key), _listed(patch, _ORDER + key)
            if key in patch or key in result:
                result[key] = _merge_list(child, result.get(key) or [], value, *directives)
        else:
            result[key] = value
    return result


def _listed(patch: Json, directive: str) -> list[Any]:
    found = patch.get(directive) or []
    if type(found) is not list:
        raise bad_request(f"{directive} must be a list")
    return found


def _merge_list(
    node: Node | None, current: list[Any], patch: list[Any], delete: list[Any], order: list[Any]
) -> list[Any]:
    if node is None or not node.merge_key:
        return patch
    if node.merge_key == ".":
        kept = [item for item in current if item not in delete]
        merged = kept + [item for item in patch if item not in kept]
        return _ordered(merged, current, order, lambda item: item)
    merged = _merge_by_key(node, current, patch)
    key = node.merge_key
    wanted = [item.get(key) if type(item) is dict else item for item in order]
    return _ordered(merged, current, wanted, lambda item: item.get(key))


def _merge_by_key(node: Node, current: list[Any], patch: list[Any]) -> list[Any]:
    key = node.merge_key
    if any(type(item) is dict and item == {_DIRECTIVE: "replace"} for item in patch):
        return [item for item in patch if item != {_DIRECTIVE: "replace"}]
    merged = list(current)
    for item in patch:
        if type(item) is not dict or key not in item:
            raise bad_request(f"map: {item!r} does not contain declared merge key: {key}")
        places = [index for index, old in enumerate(merged) if type(old) is dict and old.get(key) == item[key]]
        if item.get(_DIRECTIVE) == "delete":
            merged = [old for index, old in enumerate(merged) if index not in places]
        elif places:
            merged[places[0]] = merge(node.items, merged[places[0]], item)
        else:
            merged.append(merge(node.items, None, item))
    return merged


def _ordered(merged: list[Any], current: list[Any], order: list[Any], key: Any) -> list[Any]:
    """The items that `order` names in its order; the others where they were among those."""
    if not order:
        return merged
    wanted = {_hashable(name): index for index, name in enumerate(order)}
    named = sorted(
        (item for item in merged if _hashable(key(item)) in wanted), key=lambda item: wanted[_hashable(key(item))]
    )
    others = [item for item in merged if _hashable(key(item)) not in wanted]
    before = {_hashable(key(item)): index for index, item in enumerate(current)}
    result: list[Any] = []
    for item in named:
        place = before.get(_hashable(key(item)))
        while others and place is not None and before.get(_hashable(key(others[0])), len(current)) < place:
            result.append(others.pop(0))
        result.append(item)
    return result + others


def _hashable(value: Any) -> Any:
    return repr(value) if type(value) in (dict, list) else value
