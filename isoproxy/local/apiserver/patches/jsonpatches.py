"""JSON patch (RFC 6902). Pure."""

import copy
from typing import Any

import jsonpatch

from isoproxy.local.apiserver.depth import check_depth
from isoproxy.local.apiserver.errors import StatusError, bad_request
from isoproxy.local.apiserver.store import encode

Json = dict[str, Any]

MAX_OPERATIONS = 10_000


def apply(target: Json, operations: Any, *, max_copied: int, depth: int) -> Any:
    """A copy of `target` with the operations done, in order.

    422 if one does not apply, a failed `test` among them; 413 for too many, or if `copy` would make more than
    `max_copied` bytes; 400 for what are no operations, and if the result is nested deeper than `depth`.
    """
    if type(operations) is not list or not all(map(_readable, operations)):
        raise bad_request("a JSON patch must be a list of operations")
    if len(operations) > MAX_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        raise StatusError(413, "RequestEntityTooLarge", message)
    result: Any = copy.deepcopy(target)
    copied = 0
    for operation in operations:
        try:
            patch = jsonpatch.JsonPatch([_lenient(operation, result)])
            if operation.get("op") == "copy":
                copied += len(encode(jsonpatch.JsonPointer(operation["from"]).resolve(result)))
            if copied > max_copied:
                raise StatusError(413, "RequestEntityTooLarge", "the copy operations of the patch copy too much")
            result = patch.apply(result, in_place=True)
        except (
            jsonpatch.JsonPatchException,
            jsonpatch.JsonPointerException,
            KeyError,
            TypeError,
            ValueError,
        ) as error:
            message = f"the server rejected our request due to an error in our request: {error}"
            raise StatusError(422, "Invalid", message) from None
    check_depth(result, depth)
    return result


def _readable(operation: Any) -> bool:
    return type(operation) is dict and all(type(operation.get(key, "")) is str for key in ("op", "path", "from"))


def _lenient(operation: Json, target: Any) -> Json:
    """The operation as a real server takes it: `replace` also sets a field that is not there yet."""
    if operation.get("op") != "replace":
        return operation
    parent, key = jsonpatch.JsonPointer(operation["path"]).to_last(target)
    return operation | {"op": "add"} if type(parent) is dict and key is not None else operation
