"""The reflector against an API in memory whose every answer the test gives, on a clock that the test turns."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher

from isoproxy.kube.api import KubeApi, ListResult
from isoproxy.kube.errors import (
    ApiError,
    Forbidden,
    Gone,
    KubeError,
    NotFound,
    NotSent,
    ServerError,
    TooManyRequests,
    Unauthorized,
    UnknownOutcome,
    WatchBroken,
    WatchEnded,
    WatchExpired,
)
from isoproxy.kube.reflector import REMIND_SECONDS, Change, Key, Reflector
from isoproxy.kube.resources import ISOLATION_PODS, Json
from test.kube.fakes import FakeApi, FakeWatch


def item(name: str, version: int, **more: Any) -> Json:
    metadata = {"namespace": "x", "name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, **more}


def parse(item: Json) -> str:
    if "broken" in item:
        raise ValueError("it is broken")
    return f"{item['metadata']['name']}@{item['metadata']['resourceVersion']}"


class Script:
    """A reflector that was started, its API and its clock, and what it told."""

    def __init__(self, *, jitter: Callable[[], float] = lambda: 1.0, **more: Any) -> None:
        self.api = FakeApi()
        api: KubeApi = self.api
        self.clock = Clock()
        self.told: list[tuple[str | None, str | None]] = []
        self.synced = 0
        self.also: Callable[[], None] = lambda: None  # what the owner does besides on a change
        self.reflector = Reflector(
            api=api,
            resource=ISOLATION_PODS,
            parse=parse,
            clock=self.clock,
            on_change=self._changed,
            on_synced=self._synced,
            jitter=jitter,
            **more,
        )
        self.reflector.start()

    def _changed(self, change: Change[str]) -> None:
        key: Key = change.key
        assert self.reflector.items.get(key) == change.new
        self.told.append((change.old, change.new))
        self.also()

    def _synced(self) -> None:
        assert self.reflector.synced
        self.synced += 1

    def listed(self, version: int, *items: Json) -> None:
        """Answer the list that waits."""
        self.api.lists[-1].callback(ListResult([*items], str(version)))

    def list_fails(self, error: Exception) -> None:
        self.api.lists[-1].errback(error)

    @property
    def watch(self) -> FakeWatch:
        return self.api.watches[-1]

    @property
    def cursors(self) -> list[str]:
        """Where each watch so far began."""
        return [watch.arguments["resource_version"] for watch in self.api.watches]

    def delay(self) -> float:
        """Seconds until it goes on."""
        (call,) = self.clock.getDelayedCalls()
        return call.getTime() - self.clock.seconds()


def test_it_lists_then_watches_from_there() -> None:
    script = Script(namespace="x", label_selector="a=b", field_selector="c=d")
    assert not script.reflector.synced
    script.listed(10, item("a", 5))
    assert script.reflector.synced
    assert script.told == [(None, "a@5")]
    selection = {"namespace": "x", "label_selector": "a=b", "field_selector": "c=d"}
    assert script.api.list_arguments == [selection]
    assert script.watch.arguments == selection | {"resource_version": "10"}
    script.watch.send("MODIFIED", item("a", 11))
    script.watch.send("DELETED", item("a", 12))
    assert script.told[1:] == [("a@5", "a@11"), ("a@11", None)]
    assert dict(script.reflector.items) == {}


def test_it_is_synced_once_also_when_there_is_nothing() -> None:
    script = Script()
    script.listed(10)
    assert (script.synced, script.told) == (1, [])
    script.watch.fail(WatchExpired())
    script.listed(20)
    assert script.synced == 1


def test_a_watch_that_ends_is_resumed_at_once_from_the_cursor() -> None:
    script = Script()
    script.listed(10)
    script.watch.send("ADDED", item("a", 11))
    script.watch.fail(WatchEnded())
    script.watch.send("BOOKMARK", {"metadata": {"resourceVersion": "20"}})
    script.watch.fail(WatchEnded())
    assert script.cursors == ["10", "11", "20"]
    assert [watch.closed for watch in script.api.watches] == [True, True, False]
    assert len(script.api.lists) == 1


@pytest.mark.parametrize("fault", [WatchBroken("cut"), NotSent("refused"), UnknownOutcome("no headers")])
def test_a_broken_watch_is_resumed_from_the_cursor_after_a_pause(fault: KubeError) -> None:
    script = Script()
    script.listed(10)
    script.watch.send("ADDED", item("a", 11))
    script.watch.fail(fault)
    assert script.delay() == pytest.approx(0.1)
    script.clock.advance(0.1)
    assert script.cursors == ["10", "11"]
    assert (len(script.api.lists), script.told) == (1, [(None, "a@11")])


def test_an_expired_cursor_is_listed_anew_at_once_and_the_differences_told() -> None:
    script = Script()
    script.listed(10, item("a", 5), item("b", 6))
    script.watch.fail(WatchExpired())
    assert len(script.api.lists) == 2
    script.listed(30, item("b", 6), item("c", 25))
    assert script.told[2:] == [("a@5", None), (None, "c@25")]
    assert script.cursors == ["10", "30"]


def test_a_cursor_that_expired_during_an_outage_is_listed_anew_as_soon_as_the_server_says_so() -> None:
    script = Script()
    script.listed(10)
    for _ in range(10):
        script.watch.fail(NotSent("down"))
        script.clock.advance(script.delay())
    script.watch.fail(WatchExpired())
    script.listed(30, item("a", 25))
    assert script.told == [(None, "a@25")]
    assert script.cursors[-1] == "30"


def test_an_expired_cursor_right_after_a_list_is_not_chased_without_pause() -> None:
    script = Script()
    delays = []
    for _ in range(4):
        script.listed(10)
        script.watch.fail(WatchExpired())
        if script.clock.getDelayedCalls():
            delays.append(script.delay())
            script.clock.advance(delays[-1])
    assert delays == [pytest.approx(0.2), pytest.approx(0.4), pytest.approx(0.8)]


def test_a_watch_that_ends_at_once_again_and_again_is_not_chased_without_pause() -> None:
    script = Script()
    script.listed(10)
    script.watch.fail(WatchEnded())
    script.watch.fail(WatchEnded())
    assert script.delay() == pytest.approx(0.2)
    script.clock.advance(0.2)
    script.clock.advance(1)
    script.watch.fail(WatchEnded())  # this one lasted
    assert not script.clock.getDelayedCalls()
    assert len(script.api.watches) == 4


@pytest.mark.parametrize("refusal", [Forbidden(403), ApiError(400), Gone(410), ServerError(504), ServerError(500)])
def test_a_cursor_the_server_will_not_take_is_given_up(refusal: ApiError) -> None:
    script = Script()
    script.listed(10)
    script.watch.fail(refusal)
    script.clock.advance(0.1)
    assert len(script.api.lists) == 2
    script.listed(7)  # it was set back, or is another
    assert script.cursors == ["10", "7"]


def test_a_busy_server_keeps_the_cursor_and_gets_the_pause_it_asks_for() -> None:
    script = Script()
    script.listed(10)
    script.watch.fail(TooManyRequests(429, retry_after=7))
    assert script.delay() == 7
    script.clock.advance(7)
    assert script.cursors == ["10", "10"]
    script.watch.fail(TooManyRequests(429, retry_after=3600))
    assert script.delay() == 30


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (ServerError(500), [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]),
        (NotSent("down"), [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5, 5, 5]),  # when it is back, it is missed by seconds
    ],
)
def test_pauses_grow_with_each_failure_up_to_a_bound_and_start_small_after_a_success(
    error: KubeError, pauses: list[float]
) -> None:
    script = Script()
    delays = []
    for _ in pauses:
        script.list_fails(error)
        delays.append(script.delay())
        script.clock.advance(delays[-1])
    assert delays == pytest.approx(pauses)
    script.listed(10)
    script.watch.send("ADDED", item("a", 11))
    script.watch.fail(WatchBroken())
    assert script.delay() == pytest.approx(0.1)


@pytest.mark.parametrize("error", [Unauthorized(401), Forbidden(403), NotFound(404)])
def test_a_list_counts_as_refused_until_it_is_granted(error: ApiError) -> None:
    script = Script()
    assert not script.reflector.refused, "nothing has been said yet"
    script.list_fails(ServerError(500))
    assert not script.reflector.refused
    for answer in (error, ServerError(500), NotSent("down")):
        script.clock.advance(script.delay())
        script.list_fails(answer)
        assert script.reflector.refused
    script.clock.advance(script.delay())
    script.listed(10)
    assert not script.reflector.refused


def test_a_list_that_is_refused_again_and_again_fills_no_log() -> None:
    script = Script(namespace="x")
    lines: list[str] = []

    def note(event: Any) -> None:
        lines.append(str(formatEvent(event)))

    observe: Any = note
    globalLogPublisher.addObserver(observe)
    try:
        while script.clock.seconds() < 2 * REMIND_SECONDS:
            script.list_fails(Forbidden(403))
            script.clock.advance(script.delay())
    finally:
        globalLogPublisher.removeObserver(observe)
    assert len(lines) == 2
    assert "IsolationPod in x" in lines[0]


def test_a_server_that_answers_again_is_asked_again_soon_if_not_as_soon_as_at_first() -> None:
    """A kube-apiserver that has just started says 503 for a second."""
    script = Script()
    for _ in range(10):
        script.list_fails(NotSent("down"))
        script.clock.advance(script.delay())
    delays = []
    for error in (ServerError(503), ServerError(503), NotSent("down"), ServerError(503)):
        script.list_fails(error)
        delays.append(script.delay())
        script.clock.advance(delays[-1])
    assert delays == pytest.approx([0.8, 1.6, 3.2, 0.8])


def test_a_list_that_works_is_no_success_while_no_watch_does() -> None:
    script = Script()
    delays = []
    for _ in range(4):
        script.listed(10)
        script.clock.advance(3)  # it took its time to say no
        script.watch.fail(Forbidden(403))
        delays.append(script.delay())
        script.clock.advance(delays[-1])
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8])


def test_the_whole_pause_is_drawn() -> None:
    script = Script(jitter=lambda: 0.25)
    script.list_fails(NotSent("down"))
    assert script.delay() == pytest.approx(0.025)


def test_what_goes_wrong_in_the_owner_stops_nothing() -> None:
    script = Script()
    logged: list[Any] = []

    def fail() -> None:
        raise ZeroDivisionError

    def note(event: Any) -> None:
        if "log_failure" in event:
            logged.append(event["log_failure"].type)

    observe: Any = note
    script.also = fail
    globalLogPublisher.addObserver(observe)
    try:
        script.listed(10, item("a", 5), item("b", 6))
        script.watch.send("MODIFIED", item("a", 11))
    finally:
        globalLogPublisher.removeObserver(observe)
    assert script.told == [(None, "a@5"), (None, "b@6"), ("a@5", "a@11")]
    assert logged == [ZeroDivisionError] * 3
    assert script.synced == 1


@pytest.mark.parametrize("malformed", [{}, {"metadata": None}, {"metadata": {"name": "a"}}])
def test_an_object_without_an_identity_is_a_fault_like_any_other(malformed: Json) -> None:
    script = Script()
    script.listed(10, malformed)
    assert not script.reflector.synced
    script.clock.advance(0.1)
    script.listed(10)
    script.watch.send("ADDED", malformed)
    script.clock.advance(0.2)
    assert (script.reflector.synced, len(script.api.lists)) == (True, 3)


def test_one_object_that_cannot_be_parsed_leaves_the_others_be() -> None:
    script = Script()
    script.listed(10, item("a", 5, broken=True), item("b", 6))
    assert script.told == [(None, "b@6")]
    assert [key[1] for key in script.reflector.unparsed] == ["a"]
    assert script.reflector.synced
    script.watch.send("MODIFIED", item("a", 11))
    assert script.told == [(None, "b@6"), (None, "a@11")]


def stop(reflector: Reflector[str]) -> list[str]:
    stopped: list[str] = []
    reflector.stop().addCallback(lambda _: stopped.append("stopped"))
    return stopped


def test_stopped_while_it_lists_it_is_gone_at_once() -> None:
    script = Script()
    assert stop(script.reflector) == ["stopped"]
    assert not script.clock.getDelayedCalls()


def test_stopped_while_it_watches_it_closes_the_watch() -> None:
    script = Script()
    script.listed(10)
    assert stop(script.reflector) == ["stopped"]
    assert script.watch.closed
    assert stop(script.reflector) == ["stopped"]


def test_stopped_while_it_pauses_it_leaves_no_timer() -> None:
    script = Script()
    script.list_fails(NotSent("down"))
    assert stop(script.reflector) == ["stopped"]
    assert not script.clock.getDelayedCalls()


@pytest.mark.parametrize("when", ["in the list", "in the watch"])
def test_stopped_by_its_owner_in_a_callback_it_tells_no_more(when: str) -> None:
    script = Script()
    stopped: list[list[str]] = []
    if when == "in the watch":
        script.listed(10)
    script.also = lambda: stopped.append(stop(script.reflector))
    if when == "in the list":
        script.listed(10, item("a", 5), item("b", 6))
    else:
        script.watch.send("ADDED", item("a", 11))
        assert script.watch.closed
    assert len(script.told) == 1
    assert stopped == [["stopped"]]
    assert len(script.api.watches) == (when == "in the watch")
    assert script.synced == (when == "in the watch")


def test_it_is_started_once() -> None:
    script = Script()
    with pytest.raises(RuntimeError):
        script.reflector.start()


def test_one_that_was_not_started_is_stopped_already() -> None:
    reflector = Reflector(
        api=FakeApi(), resource=ISOLATION_PODS, parse=parse, clock=Clock(), on_change=lambda change: None
    )
    assert stop(reflector) == ["stopped"]
    reflector.start()
    assert not reflector.synced
