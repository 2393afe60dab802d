"""How deeply a value may be nested: what walks it recursively relies on that. Pure."""

from typing import Any

from isoproxy.local.apiserver.errors import StatusError, bad_request


def check_depth(value: Any, depth: int) -> None:
    """Refuse with 400 what is nested deeper than `depth` objects and lists."""
    level = [value]
    for _ in range(depth + 1):
        below = [item.values() if type(item) is dict else item for item in level if type(item) in (dict, list)]
        level = [item for items in below for item in items]
        if not level:
            return
    raise too_deep()


def too_deep() -> StatusError:
    return bad_request("the body of the request is nested too deeply")
