"""The cutting of a stream into events, over memory, on a clock that is turned by hand."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed

from isoproxy.kube.errors import (
    ApiError,
    KubeError,
    TooManyRequests,
    WatchBroken,
    WatchEnded,
    WatchExpired,
)
from isoproxy.kube.limits import Limits
from isoproxy.kube.watch import EventStream, parse_event
from test.kube.requests import started

LIMITS = Limits(silence=100, event=1000, queue=300)


class Reading:
    """An EventStream connected to memory, its time in our hands."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.stream = EventStream(self.clock, LIMITS)
        self.transport = StringTransport()
        Protocol.makeConnection(self.stream, self.transport)

    def line(self) -> Deferred[bytes]:
        return started(self.stream.line())

    def drain(self) -> list[bytes]:
        """All lines that can be had now."""
        lines: list[bytes] = []
        while True:
            before = len(lines)
            next_line = self.line().addCallback(lines.append)
            if len(lines) == before:
                next_line.addErrback(lambda failure: failure.trap(CancelledError, KubeError))
                next_line.cancel()
                return lines

    def end(self, reason: Exception) -> object:
        """Let the connection end, and say what the next line is then."""
        self.stream.connectionLost(Failure(reason))
        raised: list[Failure] = []
        self.line().addErrback(raised.append)
        return type(raised[0].value)


def test_only_silence_is_taken_for_death() -> None:
    reading = Reading()
    failures: list[Failure] = []
    reading.line().addErrback(failures.append)
    for _ in range(5):
        reading.clock.advance(99)
        reading.stream.dataReceived(b"x")
    assert not failures
    reading.clock.advance(100)
    assert [type(failure.value) for failure in failures] == [WatchBroken]
    assert reading.transport.disconnecting
    assert not reading.clock.getDelayedCalls()


def test_a_reader_that_stops_is_not_taken_for_a_dead_server() -> None:
    reading = Reading()
    reading.stream.dataReceived(b"x" * 200 + b"\n" + b"y" * 200 + b"\n")
    assert reading.transport.producerState == "paused"
    reading.clock.advance(1000)
    assert not reading.transport.disconnecting
    assert reading.drain() == [b"x" * 200, b"y" * 200]
    assert reading.transport.producerState == "producing"
    reading.clock.advance(99)
    assert not reading.transport.disconnecting
    reading.clock.advance(1)
    assert reading.transport.disconnecting


@settings(deadline=None)
@given(lines=st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)), data=st.data())
def test_the_lines_are_the_same_however_the_bytes_come(lines: list[bytes], data: st.DataObject) -> None:
    reading = Reading()
    sent = b"".join(line + b"\n" for line in lines)
    taken: list[bytes] = []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        reading.stream.dataReceived(sent[:size])
        sent = sent[size:]
        if data.draw(st.booleans()):
            taken += reading.drain()
    assert taken + reading.drain() == [line for line in lines if line]
    assert reading.end(ResponseDone()) is WatchEnded


@pytest.mark.parametrize(
    ("partial", "reason", "outcome"),
    [
        (b"", ResponseDone(), WatchEnded),
        (b"", ResponseFailed([]), WatchBroken),
        (b"half a li", ResponseDone(), WatchBroken),
        (b"half a li", ResponseFailed([]), WatchBroken),
    ],
)
def test_how_a_stream_ended_is_told_once_its_lines_are_taken(
    partial: bytes, reason: Exception, outcome: type[KubeError]
) -> None:
    reading = Reading()
    reading.stream.dataReceived(b"one\n" + partial)
    assert reading.drain() == [b"one"]
    assert reading.end(reason) is outcome
    assert not reading.clock.getDelayedCalls()


def test_a_line_without_end_is_bounded() -> None:
    reading = Reading()
    for _ in range(11):
        reading.stream.dataReceived(b"x" * 100)
    assert reading.transport.disconnecting
    assert reading.end(ResponseFailed([])) is WatchBroken


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b'{"type":"ADDED"}',
        b'{"type":"ADDED","object":[]}',
        b'{"type":["ADDED"],"object":{}}',
        b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}',
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":7}}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_no_event_breaks_the_watch(line: bytes) -> None:
    with pytest.raises(WatchBroken):
        parse_event(line)


@pytest.mark.parametrize(
    ("code", "kind"), [(410, WatchExpired), (429, TooManyRequests), (500, ApiError), (None, ApiError)]
)
def test_an_error_event_is_raised_by_class(code: int | None, kind: type[KubeError]) -> None:
    line = json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "m"}}).encode()
    with pytest.raises(kind, match="m"):
        parse_event(line)
