"""What can go wrong with a request, by class. Match on class or status, never on message text. Pure."""

from collections.abc import Mapping
from typing import ClassVar

from isoproxy.kube.resources import Json
from isoproxy.model.jsontext import parse_json
from isoproxy.model.text import one_line

MAX_MESSAGE = 1024  # characters of a server's message that are kept
MAX_REASON = 100  # and of its reason, which is a word
MAX_SECONDS = 10 * 365 * 86_400  # a Retry-After past any time that we would wait


class KubeError(Exception):
    """Any failure of a request or a watch; the cause, where there is one, is chained.

    `may_have_happened` answers the one question a writer has: False promises that the write had no effect.
    """

    @property
    def may_have_happened(self) -> bool:
        return True


class NotSent(KubeError):
    """The request certainly had no effect: no connection, TLS session, credentials or slot was had in time."""

    @property
    def may_have_happened(self) -> bool:
        return False


class Overloaded(NotSent):
    """Too many requests of this client are already waiting for a slot."""


class ClientClosed(NotSent):
    """The client was closed."""


class UnknownOutcome(KubeError):
    """It was sent and no full reply came: a write may or may not have happened."""


class BadReply(UnknownOutcome):
    """A reply came that cannot be used: too large, or no JSON object. Asking again would not help."""


class ReplyTooLong(BadReply):
    """A reply is larger than may be taken in; of a list, a part may be smaller."""


class WatchBroken(KubeError):
    """The watch was cut off, fell silent, or brought what is no event: watch again from the cursor."""


class WatchEnded(KubeError):
    """The server closed the watch as it does every few minutes: watch again from the cursor."""


class WatchExpired(KubeError):
    """The cursor is older than the server's history (410): list again."""


class ApiError(KubeError):
    """The server answered with a failure.

    `status`: HTTP status; `reason`: the machine-readable word of the Status body; `message`: for humans;
    `details`: of the Status body ({} if none); `retry_after`: seconds the server asks to wait, None if it
    does not.
    """

    default_reason: ClassVar[str] = ""

    def __init__(
        self,
        status: int,
        *,
        reason: str = "",
        message: str = "",
        details: Json | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.reason = reason or self.default_reason
        self.message = one_line(message, MAX_MESSAGE)
        self.details: Json = details if details is not None else {}
        self.retry_after = retry_after
        super().__init__(f"{status} {self.reason}".rstrip() + (f": {self.message}" if self.message else ""))

    @property
    def refused(self) -> bool:
        """Whether the server turned the request away before doing any of it, asking to come back later."""
        return self.status in (429, 503) and self.retry_after is not None

    @property
    def may_have_happened(self) -> bool:
        """True for a failing server only: a gateway's or a store's time-out says nothing about the write."""
        return self.status >= 500 and not self.refused


class Unauthorized(ApiError):
    """401"""

    default_reason = "Unauthorized"


class Forbidden(ApiError):
    """403"""

    default_reason = "Forbidden"


class NamespaceTerminating(Forbidden):
    """403 for a create: the namespace is being deleted, for good, with all that is in it."""


class NotFound(ApiError):
    """404"""

    default_reason = "NotFound"


class Conflict(ApiError):
    """409: the guard (resourceVersion or uid) did not hold: look again and decide anew."""

    default_reason = "Conflict"


class AlreadyExists(ApiError):
    """409 for a create: the name is taken. Not a Conflict: there is nothing to look at again."""

    default_reason = "AlreadyExists"


class Gone(ApiError):
    """410: the resourceVersion or the page asked for is no longer there."""

    default_reason = "Expired"


class Invalid(ApiError):
    """422: the object was refused by its schema or rules; `details["causes"]` names the fields."""

    default_reason = "Invalid"


class TooManyRequests(ApiError):
    """429"""

    default_reason = "TooManyRequests"


class ServerError(ApiError):
    """5xx"""

    default_reason = "InternalError"


_BY_STATUS: Mapping[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def error_from_status(status: int, body: bytes, headers: Mapping[str, str]) -> ApiError:
    """The error of an HTTP reply that is none of 2xx; it never fails itself, whatever the body is.

    `headers`: names in lower case. The Retry-After header wins over `details.retryAfterSeconds`.
    """
    answer = _status_object(body)
    retry_after = _seconds(headers.get("retry-after"))
    if retry_after is None:
        details = answer.get("details")
        retry_after = _seconds(details.get("retryAfterSeconds")) if isinstance(details, dict) else None
    if not answer:
        answer = {"message": body[:MAX_MESSAGE].decode("utf-8", "replace")}
    return _build(status, answer, retry_after)


def error_from_object(answer: Json) -> ApiError:
    """The error of a `Status` object that came as a watch event of type ERROR; without a code it is a 500."""
    code = answer.get("code")
    details = answer.get("details")
    retry_after = _seconds(details.get("retryAfterSeconds")) if isinstance(details, dict) else None
    return _build(code if isinstance(code, int) else 500, answer, retry_after)


def _build(status: int, answer: Json, retry_after: float | None) -> ApiError:
    reason, message, details = answer.get("reason"), answer.get("message"), answer.get("details")
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
    if status == 409 and reason == AlreadyExists.default_reason:
        kind = AlreadyExists
    if status == 403 and _has_cause(details, NamespaceTerminating.__name__):
        kind = NamespaceTerminating
    return kind(
        status,
        reason=one_line(reason, MAX_REASON) if isinstance(reason, str) else "",
        message=message if isinstance(message, str) else "",
        details=details if isinstance(details, dict) else {},
        retry_after=retry_after,
    )


def _has_cause(details: object, reason: str) -> bool:
    causes = details.get("causes") if isinstance(details, dict) else None
    return isinstance(causes, list) and any(
        isinstance(cause, dict) and cause.get("reason") == reason for cause in causes
    )


def _status_object(body: bytes) -> Json:
    """The `Status` a body holds; {} for a gateway's HTML page, a truncated body, or nothing."""
    try:
        answer = parse_json(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _seconds(value: object) -> float | None:
    """Whole seconds of a Retry-After; None for its date form, which no API server sends, or anything odd."""
    if isinstance(value, str) and value.strip().isdecimal():
        return min(float(value), MAX_SECONDS)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return float(min(value, MAX_SECONDS))
    return None


MAX_DESCRIPTION = 500  # characters


def describe(error: Exception) -> str:
    """Return what is logged of an error, which keeps nothing of what it met with."""
    return f"{type(error).__name__}: {error}"[:MAX_DESCRIPTION]
