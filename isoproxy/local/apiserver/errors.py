"""What the API server refuses and why: every refusal is a `Status` object with a code, a reason and a message. Pure.

The words are those of a real API server as far as clients and people depend on them.
"""

import json
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

MAX_MESSAGE = 8192  # characters; a message quotes what was sent, which may be long
MAX_CAUSES = 64
MAX_QUOTED = 256


class StatusError(Exception):
    """A refusal: `code` is the HTTP status, `reason` its machine-readable word or "", `details` what it is about."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message[:MAX_MESSAGE]
        self.details: Json = details or {}

    def status(self) -> Json:
        """The refusal as a v1 Status object."""
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        return body | {"code": self.code}


class _Omitted:
    """The value of a field error that shows none."""


OMITTED = _Omitted()

_CAUSES = {
    "Required value": "FieldValueRequired",
    "Invalid value": "FieldValueInvalid",
    "Unsupported value": "FieldValueNotSupported",
    "Duplicate value": "FieldValueDuplicate",
    "Forbidden": "FieldValueForbidden",
    "Not found": "FieldValueNotFound",
    "Too long": "FieldValueTooLong",
    "Too many": "FieldValueTooMany",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field and what is wrong with it; `kind` is a key of the causes above, `path` like `spec.ports[0].name`."""

    kind: str
    path: str
    detail: str = ""
    value: Any = OMITTED
    blocking: bool = False  # the shape is wrong, so rules that lean on it cannot be checked
    wrong_type: bool = False  # it is of another type or format than the schema says
    type_error: bool = False  # a decoder with types of its own would not have read it at all

    def body(self) -> str:
        """The error without its path, as a cause's message shows it."""
        text = self.kind
        if self.value is not OMITTED:
            text += f": {_quoted(self.value)}"
        return f"{text}: {self.detail}" if self.detail else text

    def cause(self) -> Json:
        reason = "FieldValueTypeInvalid" if self.wrong_type else _CAUSES[self.kind]
        return {"reason": reason, "message": self.body(), "field": self.path or "<nil>"}

    def __str__(self) -> str:
        return f"{self.path or '<nil>'}: {self.body()}"


def _quoted(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def forbidden(resource: str, name: str, why: str) -> StatusError:
    """`resource` as `pods` or `widgets.example.com`."""
    return StatusError(403, "Forbidden", f'{resource} "{name}" is forbidden: {why}', _details(resource, name))


def not_found(resource: str, name: str) -> StatusError:
    return StatusError(404, "NotFound", f'{resource} "{name}" not found', _details(resource, name))


def no_such_path() -> StatusError:
    return StatusError(404, "NotFound", "the server could not find the requested resource", {"causes": []})


def method_not_allowed(verb: str) -> StatusError:
    return StatusError(405, "MethodNotAllowed", f"{verb} is not allowed on this resource")


def already_exists(resource: str, name: str) -> StatusError:
    return StatusError(409, "AlreadyExists", f'{resource} "{name}" already exists', _details(resource, name))


def conflict(resource: str, name: str, why: str) -> StatusError:
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(resource, name))


def too_many(what: str) -> StatusError:
    message = f"there are too many {what}, please try again later"
    return StatusError(429, "TooManyRequests", message, {"retryAfterSeconds": 1})


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def expired(message: str) -> StatusError:
    return StatusError(410, "Expired", message)


def invalid(group: str, kind: str, name: str, errors: list[FieldError]) -> StatusError:
    """422 with every error as a cause (the first `MAX_CAUSES`)."""
    shown = errors[:MAX_CAUSES]
    text = ", ".join(map(str, shown))
    qualified = f"{kind}.{group}" if group else kind
    message = f'{qualified} "{name}" is invalid: {text if len(shown) == 1 else f"[{text}]"}'
    details: Json = {"name": name, "kind": kind, "causes": [error.cause() for error in shown]}
    if group:
        details["group"] = group
    return StatusError(422, "Invalid", message, details)


def _details(resource: str, name: str) -> Json:
    plural, _, group = resource.partition(".")
    details: Json = {"name": name}
    if group:
        details["group"] = group
    return details | {"kind": plural}
