"""The renewal of credentials, with threads and time in our hands; and a refused token end to end."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from isoproxy.kube.credentials import FRESH, MOST_ASKED, PATIENCE, SPACING, Authorization
from isoproxy.kube.errors import NotSent, Unauthorized
from isoproxy.kube.resources import ISOLATION_PODS
from test.kube.conftest import MakeClient
from test.kube.server import ScriptedServer, refuse, reply


@implementer(IReactorThreads)
class Threads(Clock):
    """A clock and a thread pool; what is given to threads is done when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.todo: list[Callable[[], None]] = []

    def getThreadPool(self) -> Any:
        return self

    def callInThreadWithCallback(
        self, done: Callable[..., None], f: Callable[..., Any], *args: Any, **more: Any
    ) -> None:
        def work() -> None:
            try:
                result = f(*args, **more)
            except Exception:
                done(False, Failure())
            else:
                done(True, result)

        self.todo.append(work)

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        callable(*args, **kwargs)

    def callInThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        raise AssertionError("not used")

    def suggestThreadPoolSize(self, size: int) -> None:
        raise AssertionError("not used")

    def work(self) -> int:
        """Do what there is to do in threads; how much that was."""
        todo, self.todo = self.todo, []
        for each in todo:
            each()
        return len(todo)


class Source:
    """Gives `answer`, or raises it; keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: str | Exception | None = "Bearer 1"
        self.asked: list[bool] = []

    def header(self, *, renew: bool) -> str | None:
        self.asked.append(renew)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Held:
    """An Authorization with its source, its clock and its threads."""

    def __init__(self) -> None:
        self.threads = Threads()
        self.source = Source()
        self.authorization = Authorization(self.threads, self.source)

    def ask(self) -> list[Any]:
        """Ask for the header; the list gets it, or the exception, when it is there."""
        got: list[Any] = []
        asked = Deferred.fromCoroutine(self.authorization.header())
        asked.addCallbacks(got.append, lambda failure: got.append(failure.value))
        return got

    def known(self) -> "Held":
        self.ask()
        self.threads.work()
        return self


def test_without_a_source_there_is_no_header_and_no_thread() -> None:
    threads = Threads()
    got: list[Any] = []
    Deferred.fromCoroutine(Authorization(threads, None).header()).addCallback(got.append)
    assert (got, threads.todo) == ([None], [])


def test_many_requests_wait_for_one_renewal() -> None:
    held = Held()
    asked = [held.ask() for _ in range(3)]
    assert asked == [[], [], []]
    assert held.threads.work() == 1
    assert asked == [[b"Bearer 1"]] * 3


def test_a_fresh_header_is_not_asked_for_again() -> None:
    held = Held().known()
    held.threads.advance(FRESH - 1)
    assert held.ask() == [b"Bearer 1"]
    assert not held.threads.todo


def test_an_old_header_is_used_while_it_is_renewed() -> None:
    held = Held().known()
    held.source.answer = "Bearer 2"
    held.threads.advance(FRESH)
    assert held.ask() == [b"Bearer 1"]
    assert held.ask() == [b"Bearer 1"]
    assert held.threads.work() == 1
    assert held.ask() == [b"Bearer 2"]
    assert held.source.asked == [False, False]


def test_an_old_header_is_used_on_when_it_cannot_be_renewed() -> None:
    held = Held().known()
    held.source.answer = OSError("gone")
    held.threads.advance(FRESH)
    held.ask()
    held.threads.work()
    assert held.ask() == [b"Bearer 1"]
    assert not held.threads.todo
    held.threads.advance(SPACING)
    held.ask()
    assert held.threads.work() == 1


def test_without_any_header_nothing_is_sent_and_the_source_is_left_in_peace() -> None:
    held = Held()
    held.source.answer = OSError("gone")
    first = held.ask()
    held.threads.work()
    (error,) = first
    assert isinstance(error, NotSent)
    assert error.__cause__ is held.source.answer
    assert isinstance(held.ask()[0], NotSent)
    assert not held.threads.todo
    held.threads.advance(SPACING)
    held.source.answer = "Bearer 1"
    again = held.ask()
    held.threads.work()
    assert again == [b"Bearer 1"]


@pytest.mark.parametrize("header", ["Bearer \u00fc", "Bearer a\r\nX-Evil: 1"])
def test_what_is_no_header_is_not_sent(header: str) -> None:
    held = Held()
    held.source.answer = header
    got = held.ask()
    held.threads.work()
    assert isinstance(got[0], NotSent)


def test_a_source_that_hangs_is_asked_again_and_what_it_says_later_is_not_used() -> None:
    held = Held().known()
    held.authorization.refused(b"Bearer 1")
    first = held.ask()
    held.threads.advance(PATIENCE)
    (error,) = first
    assert isinstance(error, NotSent)
    held.threads.advance(SPACING)
    second = held.ask()
    hanging, fresh = held.threads.todo
    held.source.answer = "Bearer 3"
    fresh()
    assert second == [b"Bearer 3"]
    held.source.answer = "Bearer 2"
    hanging()
    assert held.ask() == [b"Bearer 3"]


def test_an_old_header_is_used_on_while_a_source_hangs() -> None:
    held = Held().known()
    held.threads.advance(FRESH)
    for _ in range(10):
        assert held.ask() == [b"Bearer 1"]
        held.threads.advance(PATIENCE)


def test_sources_that_hang_keep_a_bounded_number_of_threads() -> None:
    held = Held()
    for _ in range(10):
        held.ask()
        held.threads.advance(PATIENCE + SPACING)
    assert len(held.threads.todo) == MOST_ASKED
    held.threads.todo.pop(0)()  # one of them answers at last
    again = held.ask()
    assert again == []
    held.threads.todo.pop()()
    assert again == [b"Bearer 1"]


def test_a_refused_header_is_not_used_again() -> None:
    held = Held().known()
    assert held.authorization.refused(b"Bearer 1")
    held.source.answer = "Bearer 2"
    got = held.ask()
    assert got == []
    held.threads.work()
    assert got == [b"Bearer 2"]
    assert held.source.asked == [False, True]


def test_many_refusals_of_one_header_renew_it_once() -> None:
    held = Held().known()
    assert held.authorization.refused(b"Bearer 1")
    assert held.authorization.refused(b"Bearer 1")
    held.source.answer = "Bearer 2"
    held.ask()
    assert held.threads.work() == 1
    assert held.authorization.refused(b"Bearer 1")  # a late reply to a request with the old one
    assert held.ask() == [b"Bearer 2"]


def test_a_new_header_that_is_refused_too_is_not_renewed_at_once() -> None:
    held = Held().known()
    held.authorization.refused(b"Bearer 1")
    held.ask()
    held.threads.work()
    assert not held.authorization.refused(b"Bearer 1")
    held.threads.advance(SPACING)
    assert held.authorization.refused(b"Bearer 1")


def test_who_gives_up_waiting_does_not_disturb_the_others() -> None:
    held = Held()
    first = Deferred.fromCoroutine(held.authorization.header())
    second = held.ask()
    failures: list[Failure] = []
    first.addErrback(failures.append)
    first.cancel()
    held.threads.work()
    assert failures[0].check(CancelledError)
    assert second == [b"Bearer 1"]


@ensureDeferred
async def test_a_write_with_a_refused_token_is_sent_again_with_a_new_one(
    server: ScriptedServer, make_client: MakeClient
) -> None:
    class Counting:
        count = 0

        def header(self, *, renew: bool) -> str | None:
            Counting.count += 1
            return f"Bearer {Counting.count}"

    client = make_client(server.url, token_source=Counting())
    server.then(refuse(401), reply(200, {"a": 1}), refuse(401), reply(200))
    assert await client.patch(ISOLATION_PODS, "a", {}, namespace="x") == {"a": 1}
    with pytest.raises(Unauthorized):  # a second refusal so soon is final
        await client.patch(ISOLATION_PODS, "a", {}, namespace="x")
    tokens = [seen.headers["authorization"] for seen in server.seen]
    assert tokens == ["Bearer 1", "Bearer 2", "Bearer 2"]


@ensureDeferred
async def test_a_refusal_without_credentials_is_final(server: ScriptedServer, make_client: MakeClient) -> None:
    server.then(refuse(401))
    with pytest.raises(Unauthorized):
        await make_client(server.url).get(ISOLATION_PODS, "a", namespace="x")
    assert len(server.seen) == 1
