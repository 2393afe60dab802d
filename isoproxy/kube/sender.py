"""Requests with all that surrounds them: turns, credentials, deadlines, retries, and the count that is kept of them."""

from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.iweb import IResponse

from isoproxy.kube.body import read_body
from isoproxy.kube.config import Connection
from isoproxy.kube.credentials import Authorization
from isoproxy.kube.deadline import with_deadline
from isoproxy.kube.errors import (
    ApiError,
    ClientClosed,
    KubeError,
    NotSent,
    Overloaded,
    Unauthorized,
    error_from_status,
)
from isoproxy.kube.exchange import Exchange, Request
from isoproxy.kube.limits import Limits
from isoproxy.kube.retry import RetryPolicy
from isoproxy.kube.transport import ApiEndpoint, make_agent

Observer = Callable[[str, str, str, float], None]  # verb, plural, what came of it, seconds

MAX_REFUSAL = 64 * 1024  # bytes of the body that comes with a watch that is not granted


class Sender:
    """Everything between a request as a value and the bytes of its reply."""

    def __init__(
        self,
        reactor: IReactorTime,
        connection: Connection,
        *,
        limits: Limits,
        policy: RetryPolicy,
        jitter: Callable[[], float],
        observer: Observer | None,
    ) -> None:
        self._reactor = reactor
        self._limits = limits
        self._policy = policy
        self._jitter = jitter
        self._observer = observer
        self._authorization = Authorization(reactor, connection.token_source)
        self._turns = DeferredSemaphore(limits.in_flight)
        self._endpoint = ApiEndpoint(reactor, connection, timeout=limits.connect)
        # On one connection, a watch would hold up the writes behind it, and be held up by them.
        agent, self._pool = make_agent(reactor, self._endpoint, idle=limits.idle, connections=limits.in_flight)
        watch_agent, _ = make_agent(reactor, self._endpoint, idle=None, connections=0)
        self._exchange = Exchange(reactor, connection, agent)
        self._watch_exchange = Exchange(reactor, connection, watch_agent)
        self._closed = False

    async def call(self, request: Request, *, limit: int) -> bytes:
        """The body of a reply that says the request was carried out, up to `limit` bytes.

        Raises a KubeError when it was not, or may not have been, and trying again is of no use or no longer allowed.
        """
        began = self._reactor.seconds()
        failures = 0
        while True:
            left = max(0.0, self._policy.total - (self._reactor.seconds() - began))
            attempt = Deferred.fromCoroutine(self._in_turn(request, limit))
            try:
                return await with_deadline(self._reactor, min(self._limits.request, left), attempt)
            except KubeError as error:
                failures += 1
                delay = self._pause(error, request, failures, self._reactor.seconds() - began)
                if delay is None:
                    raise
            await deferLater(self._reactor, delay)

    async def open(self, request: Request) -> IResponse:
        """The reply of a watch that was granted, its body still to come; tried once. Raises a KubeError."""
        if self._closed:
            raise ClientClosed("the client is closed")
        began = self._reactor.seconds()
        outcome = "cancelled"
        try:
            response = await self._watch_exchange.send(request, await self._authorization.header())
            outcome = str(response.code)
            if response.code != 200:
                raise _error(response, await read_body(response, MAX_REFUSAL))
            return response
        except Unauthorized:
            self._authorization.refused(request.authorization)
            raise
        except KubeError as error:
            outcome = _outcome(error)
            raise
        finally:
            self._observe(request, outcome, began)

    def close(self) -> Deferred[None]:
        """Fail what is under way and what comes; fires when no connection is left. Once."""
        self._closed = True
        self._pool.closeCachedConnections()
        return self._endpoint.close()

    def _pause(self, error: KubeError, request: Request, failures: int, elapsed: float) -> float | None:
        if isinstance(error, Unauthorized) and failures < self._policy.attempts:
            return 0.0 if self._authorization.refused(request.authorization) else None
        return self._policy.delay(error, read=request.reads, failures=failures, elapsed=elapsed, jitter=self._jitter)

    async def _in_turn(self, request: Request, limit: int) -> bytes:
        if self._closed:
            raise ClientClosed("the client is closed")
        if len(self._turns.waiting) >= self._limits.waiting:
            raise Overloaded(f"{self._limits.waiting} requests are waiting already")
        await self._turns.acquire()
        try:
            return await self._once(request, await self._authorization.header(), limit)
        finally:
            self._turns.release()

    async def _once(self, request: Request, authorization: bytes | None, limit: int) -> bytes:
        began = self._reactor.seconds()
        outcome = "cancelled"
        try:
            response = await self._exchange.send(request, authorization)
            body = await read_body(response, limit)
            outcome = str(response.code)
            if not 200 <= response.code < 300:
                raise _error(response, body)
            return body
        except KubeError as error:
            outcome = _outcome(error)
            raise
        finally:
            self._observe(request, outcome, began)

    def _observe(self, request: Request, outcome: str, began: float) -> None:
        if self._observer is not None:
            self._observer(request.verb, request.resource.plural, outcome, self._reactor.seconds() - began)


def _error(response: IResponse, body: bytes) -> ApiError:
    headers = {
        name.decode("latin-1").lower(): values[-1].decode("latin-1")
        for name, values in response.headers.getAllRawHeaders()
    }
    return error_from_status(response.code, body, headers)


def _outcome(error: KubeError) -> str:
    """The status, or a word in its place: few enough for the label of a metric."""
    if isinstance(error, ApiError):
        return str(error.status)
    return "not_sent" if isinstance(error, NotSent) else "unknown"
