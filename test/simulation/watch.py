"""A watch of one simulated process: in the server's order, but late, broken, repeated, or hanging without a word."""

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import cast

from twisted.internet.defer import Deferred

from isoproxy.kube.api import EventType, WatchEvent
from isoproxy.kube.errors import KubeError, NotSent, WatchBroken, WatchEnded, WatchExpired
from isoproxy.kube.resources import Resource
from isoproxy.local.apiserver import watch as core_watch
from isoproxy.local.apiserver.errors import StatusError
from test.coreapi import as_client_error
from test.simulation.link import Link
from test.simulation.machine import Machine
from test.simulation.server import Server
from test.simulation.timeline import Timeline

LAG = (0.001, 0.05)  # seconds
LATE = (0.5, 8.0)
BOOKMARK_SECONDS = 60.0
SILENCE_SECONDS = 100.0
LIFE_SECONDS = (240.0, 290.0)
_numbers = count()


class SimulatedWatch:
    """See isoproxy.kube.api.Watch."""

    def __init__(
        self,
        *,
        machine: Machine,
        timeline: Timeline,
        server: Server,
        link: Link,
        resource: Resource,
        namespace: str | None,
        cursor: str,
        selectors: dict[str, str],
        closed: Callable[["SimulatedWatch"], None],
    ) -> None:
        self.number = next(_numbers)
        self._machine = machine
        self._timeline = timeline
        self._server = server
        self._link = link
        self._resource = resource
        self._namespace = namespace
        self._cursor = cursor
        self._selectors = selectors
        self._tell_closed = closed
        self._watch: core_watch.Watch | None = None
        self._events: deque[WatchEvent] = deque()
        self._waiting: Deferred[None] | None = None
        self._error: KubeError | None = None
        self._is_open = self._is_fetching = False
        self._heard_at = 0.0

    async def next(self) -> WatchEvent:
        """See Watch."""
        if not self._is_open:
            self._is_open = True
            self._timeline.after(self._lag(), self._connect)
        while not self._events:
            if self._error is not None:
                raise self._error
            self._waiting = Deferred()
            await self._waiting
        return self._events.popleft()

    def close(self) -> None:
        """See Watch."""
        self._end(self._error or WatchEnded())
        self._tell_closed(self)

    def fail(self, error: KubeError) -> None:
        """Break off; what was not taken yet is lost with it."""
        if self._error is None:
            self._events.clear()
            self._machine.enter(self._end, error)

    def _end(self, error: KubeError) -> None:
        if self._error is None:
            self._error = error
        if self._watch is not None:
            self._watch.close()
        self._wake()

    def _lag(self) -> float:
        return self._link.random.uniform(*LAG)

    def _connect(self) -> None:
        if self._error is not None:
            return
        if self._link.cut or not self._server.up:
            self.fail(NotSent("no connection"))
            return
        if int(self._cursor) < self._server.floor:
            self.fail(WatchExpired())
            return
        try:
            self._watch = self._server.watch(
                self._resource, self._namespace, self._fetch_later, resource_version=self._cursor, **self._selectors
            )
        except StatusError as error:
            self.fail(WatchExpired() if error.code == 410 else as_client_error(error))
            return
        self._heard_at = self._timeline.now
        self._timeline.after(self._link.random.uniform(*LIFE_SECONDS), self.fail, WatchEnded())
        self._timeline.after(BOOKMARK_SECONDS, self._bookmark)
        self._timeline.after(SILENCE_SECONDS, self._look_for_silence)
        self._fetch_later()

    def _fetch_later(self) -> None:
        if not self._is_fetching:
            self._is_fetching = True
            self._timeline.after(self._lag(), self._fetch)

    def _fetch(self) -> None:
        """Bring what the server has to the process."""
        self._is_fetching = False
        if self._error is not None or self._watch is None or self._is_mute:
            return
        fault = self._link.watch_fault()
        if fault == "late":
            self._is_fetching = True
            self._timeline.after(self._link.random.uniform(*LATE), self._fetch)
        elif fault in ("broken", "ended", "expired"):
            self.fail({"broken": WatchBroken("reset"), "ended": WatchEnded(), "expired": WatchExpired()}[fault])
        else:
            taken = [_event(event) for event in self._watch.take()]
            self._receive(taken * 2 if fault == "repeated" else taken)

    @property
    def _is_mute(self) -> bool:
        link = self._link
        return link.deaf or link.cut or link.deaf_to == self._resource.plural

    def _receive(self, events: list[WatchEvent]) -> None:
        self._heard_at = self._timeline.now
        self._machine.enter(self._took, events)

    def _took(self, events: list[WatchEvent]) -> None:
        if self._error is None:
            self._events.extend(events)
            self._wake()

    def _bookmark(self) -> None:
        if self._error is not None or self._watch is None:
            return
        if not self._is_mute and self._watch.caught_up and not self._is_fetching:
            version = str(self._server.core.store.version)
            self._receive([WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": version}})])
        self._timeline.after(BOOKMARK_SECONDS, self._bookmark)

    def resume(self) -> None:
        """Deliver what was held up while the link was mute."""
        if self._watch is not None and self._error is None:
            self._fetch_later()

    def _look_for_silence(self) -> None:
        if self._error is not None:
            return
        quiet = self._timeline.now - self._heard_at
        if quiet >= SILENCE_SECONDS:
            self.fail(WatchBroken("silent"))
        else:
            self._timeline.after(SILENCE_SECONDS - quiet, self._look_for_silence)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called and self._machine.alive:
            waiting.callback(None)


def _event(event: core_watch.WatchEvent) -> WatchEvent:
    return WatchEvent(cast(EventType, event.type), event.stored.object)
