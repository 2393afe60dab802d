import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.kube.errors import (
    MAX_MESSAGE,
    AlreadyExists,
    ApiError,
    BadReply,
    ClientClosed,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NamespaceTerminating,
    NotFound,
    NotSent,
    Overloaded,
    ServerError,
    TooManyRequests,
    Unauthorized,
    UnknownOutcome,
    error_from_object,
    error_from_status,
)


def status_body(**fields: Any) -> bytes:
    return json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", **fields}).encode()


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "BadRequest", ApiError),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (409, "", Conflict),
        (410, "Gone", Gone),
        (410, "Expired", Gone),
        (415, "UnsupportedMediaType", ApiError),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", ServerError),
        (502, "", ServerError),
        (504, "Timeout", ServerError),
    ],
)
def test_the_class_follows_from_status_and_reason(status: int, reason: str, kind: type[ApiError]) -> None:
    error = error_from_status(status, status_body(reason=reason, message="m", details={"name": "a"}), {})
    assert type(error) is kind
    assert (error.status, error.message, error.details) == (status, "m", {"name": "a"})
    assert error.reason == (reason or kind.default_reason)


@pytest.mark.parametrize(
    ("causes", "kind"),
    [
        ([{"reason": "NamespaceTerminating", "message": "namespace n is being terminated"}], NamespaceTerminating),
        ([{"reason": "FieldValueInvalid"}, {"reason": "NamespaceTerminating"}], NamespaceTerminating),
        ([{"message": "NamespaceTerminating"}], Forbidden),
        (["NamespaceTerminating", {"reason": ["NamespaceTerminating"]}], Forbidden),
        ("NamespaceTerminating", Forbidden),
        (None, Forbidden),
    ],
)
def test_that_a_namespace_ends_is_told_by_a_cause(causes: object, kind: type[ApiError]) -> None:
    body = status_body(reason="Forbidden", message="m", details={"causes": causes})
    assert type(error_from_status(403, body, {})) is kind


def test_a_name_that_is_taken_is_no_conflict() -> None:
    assert not issubclass(AlreadyExists, Conflict)
    assert not issubclass(Conflict, AlreadyExists)


@pytest.mark.parametrize(
    ("header", "detail", "seconds"),
    [
        (None, None, None),
        ("3", None, 3.0),
        (" 0 ", None, 0.0),
        (None, 2, 2.0),
        ("3", 2, 3.0),
        (None, 0, None),  # what a Status says when it says nothing
        (None, True, None),
        (None, "2", 2.0),
        ("-1", None, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None, None),
        ("²", None, None),
        ("Wed", 2, 2.0),
    ],
)
def test_when_to_come_back_is_read_from_header_or_details(
    header: str | None, detail: Any, seconds: float | None
) -> None:
    headers = {} if header is None else {"retry-after": header}
    details = {} if detail is None else {"retryAfterSeconds": detail}
    assert error_from_status(429, status_body(details=details), headers).retry_after == seconds


def test_a_page_of_a_gateway_is_kept_as_the_message() -> None:
    error = error_from_status(502, b"<html>\xff bad gateway</html>\n", {})
    assert (error.reason, error.message) == ("InternalError", "<html>\ufffd bad gateway</html>")


def test_a_message_is_bounded() -> None:
    assert len(error_from_status(500, b"x" * 100_000, {}).message) == MAX_MESSAGE
    assert len(error_from_status(500, status_body(message="x" * 100_000), {}).message) == MAX_MESSAGE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["reason", "message", "details", "code"]), inner),
    max_leaves=4,
)


@settings(deadline=None)
@given(status=st.integers(300, 599), body=st.binary() | JSON.map(lambda x: json.dumps(x).encode()), header=st.text())
def test_no_body_and_no_header_makes_it_fail(status: int, body: bytes, header: str) -> None:
    error = error_from_status(status, body, {"retry-after": header})
    assert error.status == status
    assert str(error)


def test_what_a_server_says_is_told_in_a_line() -> None:
    body = status_body(reason="Bad\nRequest", message='conflicts with "x":\n- .spec.a\x1b[2J\n- .spec.b')
    assert str(error_from_status(400, body, {})) == '400 Bad Request: conflicts with "x": - .spec.a [2J - .spec.b'


def test_a_wait_beyond_all_numbers_is_only_long() -> None:
    for seconds in (10**400, "9" * 400):
        retry_after = error_from_object({"details": {"retryAfterSeconds": seconds}}).retry_after
        assert retry_after is not None
        assert 1e8 < retry_after < 1e9


@settings(deadline=None)
@given(answer=st.dictionaries(st.sampled_from(["reason", "message", "details", "code"]), JSON))
def test_no_error_event_makes_it_fail(answer: dict[str, Any]) -> None:
    assert isinstance(error_from_object(answer), ApiError)


@pytest.mark.parametrize(
    ("error", "may"),
    [
        (NotSent("x"), False),
        (Overloaded("x"), False),
        (ClientClosed("x"), False),
        (UnknownOutcome("x"), True),
        (BadReply("x"), True),
        (ApiError(400), False),
        (Conflict(409), False),
        (TooManyRequests(429), False),
        (ServerError(500), True),
        (ServerError(503), True),
        (ServerError(503, retry_after=1), False),
        (ServerError(504, retry_after=1), True),
    ],
)
def test_whether_a_write_may_have_happened(error: KubeError, may: bool) -> None:
    assert error.may_have_happened is may
