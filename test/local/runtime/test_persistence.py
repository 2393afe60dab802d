"""Calls that must get through."""

from collections.abc import Awaitable, Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from isoproxy.kube.errors import (
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    NotSent,
    ServerError,
    TooManyRequests,
    UnknownOutcome,
)
from isoproxy.local.runtime.persistence import is_final, pause, persist


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (NotSent("x"), False),
        (UnknownOutcome("x"), False),
        (ServerError(503), False),
        (TooManyRequests(429), False),
        (NotFound(404), True),
        (Conflict(409), True),
        (Forbidden(403), True),
    ],
)
def test_only_an_answer_is_final(error: KubeError, final: bool) -> None:
    assert is_final(error) is final


def scripted(*results: KubeError | str) -> Callable[[], Awaitable[str]]:
    left = list(results)

    async def call() -> str:
        result = left.pop(0)
        if isinstance(result, KubeError):
            raise result
        return result

    return call


def test_it_is_tried_again_until_it_is_answered() -> None:
    clock = Clock()
    result = Deferred.fromCoroutine(persist(scripted(NotSent("x"), ServerError(500), "done"), clock, lambda: 0.5))
    answers: list[str] = []
    result.addCallback(answers.append)
    clock.pump([0.05, 0.1])
    assert answers == ["done"]


def test_a_refusal_is_passed_on_at_once() -> None:
    clock = Clock()
    result = Deferred.fromCoroutine(persist(scripted(NotFound(404)), clock, lambda: 0.5))
    failed: list[type[BaseException] | None] = []
    result.addErrback(lambda failure: failed.append(failure.type))
    assert failed == [NotFound]
    assert clock.getDelayedCalls() == []


def test_it_can_be_given_up() -> None:
    clock = Clock()
    result = Deferred.fromCoroutine(persist(scripted(NotSent("x")), clock, lambda: 0.5))
    result.addErrback(lambda failure: None)
    result.cancel()
    assert clock.getDelayedCalls() == []


def test_the_server_may_ask_for_more_patience_but_not_for_hours() -> None:
    assert pause(TooManyRequests(429, retry_after=3.0), 1, lambda: 0.0) == 3.0
    assert pause(TooManyRequests(429, retry_after=3600.0), 1, lambda: 0.0) == 10.0
    assert pause(NotSent("x"), 100, lambda: 0.99) <= 10.0
