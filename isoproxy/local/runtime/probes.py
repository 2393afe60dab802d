"""Readiness by a command or an HTTP request, asked again and again as a kubelet does."""

from collections.abc import Awaitable, Callable

import txaio
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.web.client import URI, Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from isoproxy.local.runtime.facts import CannotRun, PodId
from isoproxy.local.runtime.interface import PodRuntime
from isoproxy.local.runtime.podspec import Container
from isoproxy.local.runtime.probespec import ExecAction, HttpAction, Probe

log = txaio.make_logger()

Check = Callable[[], Awaitable[bool]]
_EAGER = 0.2  # seconds between the first two looks; then longer and longer, up to the period
_GROWTH = 1.5
_SUCCESS = range(200, 400)


class Tally:
    """Turns single results into readiness by the thresholds of a probe. Pure."""

    def __init__(self, probe: Probe) -> None:
        self._needed = {True: probe.success_threshold, False: probe.failure_threshold}
        self._in_a_row = 0
        self._last = False
        self.ready = False

    def add(self, success: bool) -> None:
        """One more result."""
        self._in_a_row = self._in_a_row + 1 if success is self._last else 1
        self._last = success
        if self._in_a_row >= self._needed[success]:
            self.ready = success


class ProbeLoop:
    """Asks until it is stopped, and tells when the answer changes; the first word is that it is Ready."""

    def __init__(self, clock: IReactorTime, probe: Probe, check: Check, on_change: Callable[[bool], None]) -> None:
        """`check` ends in bounded time and does not raise."""
        self._clock = clock
        self._probe = probe
        self._check = check
        self._on_change = on_change
        self._stopped = False
        self._task = Deferred.fromCoroutine(self._run())

    def stop(self) -> None:
        """Ask no more, and say no more."""
        self._stopped = True  # a coroutine that is just calling us cannot be cancelled
        self._task.cancel()

    async def _run(self) -> None:
        tally = Tally(self._probe)
        interval, ready = _EAGER, False
        try:
            await deferLater(self._clock, 0.0)  # the caller gets hold of us first
            while not self._stopped:
                tally.add(await self._check())
                if tally.ready is not ready:
                    ready = tally.ready
                    self._on_change(ready)
                interval = self._probe.period_seconds if ready else min(interval * _GROWTH, self._probe.period_seconds)
                await deferLater(self._clock, interval)
        except CancelledError:
            pass


def checker(clock: IReactorTime, runtime: PodRuntime, pod: PodId, ip: str, container: Container, probe: Probe) -> Check:
    """How to ask, for a probe that is an exec or an httpGet."""
    within = float(probe.timeout_seconds)
    if probe.exec_ is not None:
        return _by_command(runtime, pod, probe.exec_, within)
    assert probe.http_get is not None
    port = container.port_number(probe.http_get.port)
    url = f"http://{ip}:{port}/{probe.http_get.path.removeprefix('/')}"
    return _by_request(clock, runtime.endpoint(pod, port), url, probe.http_get, within)


def _by_command(runtime: PodRuntime, pod: PodId, action: ExecAction, within: float) -> Check:
    async def check() -> bool:
        try:
            return await runtime.execute(pod, action.command, within) == 0
        except CannotRun:
            return False

    return check


@implementer(IAgentEndpointFactory)
class _Always:
    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, _uri: URI) -> IStreamClientEndpoint:
        return self._endpoint


class _Discard(Protocol):
    """Of a response, only the status counts."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


def _by_request(
    clock: IReactorTime, endpoint: IStreamClientEndpoint, url: str, action: HttpAction, within: float
) -> Check:
    agent = Agent.usingEndpointFactory(clock, _Always(endpoint))
    headers = Headers({"user-agent": ["isoproxy-probe"]})
    for header in action.http_headers:
        headers.setRawHeaders(header.name, [header.value])

    async def check() -> bool:
        try:
            response = await agent.request(b"GET", url.encode(), headers).addTimeout(within, clock)
        except CancelledError:
            raise
        except Exception as error:  # whatever goes wrong with a request is a failed probe
            log.debug("probe failed: {error}", error=error)
            return False
        response.deliverBody(_Discard())
        return response.code in _SUCCESS

    return check
