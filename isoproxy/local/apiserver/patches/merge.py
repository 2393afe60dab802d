"""JSON merge patch (RFC 7386). Pure."""

from typing import Any


def merge(target: Any, patch: Any) -> Any:
    """`target` with the patch merged into it; untouched parts are shared with it."""
    if type(patch) is not dict:
        return patch
    result = dict(target) if type(target) is dict else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value) if type(value) is dict else value
    return result
