"""The body of a reply, up to a size."""

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse

from isoproxy.kube.errors import ReplyTooLong, UnknownOutcome


def read_body(response: IResponse, limit: int) -> Deferred[bytes]:
    """All of it; to cancel it drops the connection.

    Fails with ReplyTooLong past `limit` bytes, having dropped the connection, and with UnknownOutcome when it is cut
    short or cancelled.
    """
    body = _Body(limit)
    response.deliverBody(body)
    return body.done


class _Body(Protocol):
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._parts: list[bytes] = []
        self.done: Deferred[bytes] = Deferred(self._give_up)

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._limit:
            self._parts.append(data)
        elif not self.done.called:
            self.done.errback(ReplyTooLong(f"a reply of more than {self._limit} bytes"))
            self._drop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        # A body that ends with the connection may be cut short, but then it is no JSON either.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(b"".join(self._parts))
        else:
            self.done.errback(UnknownOutcome("the reply was cut short"))

    def _give_up(self, done: Deferred[bytes]) -> None:
        done.errback(UnknownOutcome("the reply was not waited for"))  # a plain CancelledError says: not sent
        self._drop()

    def _drop(self) -> None:
        self._parts.clear()
        if self.transport is not None:
            self.transport.loseConnection()
