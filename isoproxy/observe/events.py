"""Writes Events, in order and in the background: whoever tells something never waits for it, nor fails by it."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import txaio
from twisted.internet.defer import CancelledError, Deferred

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import AlreadyExists, Forbidden, KubeError, NamespaceTerminating, NotFound
from isoproxy.kube.resources import EVENTS
from isoproxy.model.event import News, Regarding, event, series
from isoproxy.observe.telling import Teller, Telling
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

MOST_PENDING = 100
"""What is told while so many wait to be written is dropped: an API server that is slow is not to be asked for more."""


@dataclass(frozen=True, slots=True)
class _Pending:
    telling: Telling
    regarding: Regarding
    news: News
    at: datetime


class Events:
    """Tells what happens to objects, as Events beside them."""

    def __init__(self, *, api: KubeApi, time: TimeSource, instance: str, suffix: Callable[[], str]) -> None:
        """``instance`` is this process; ``suffix`` gives a new end of a name each time."""
        self._api = api
        self._time = time
        self._instance = instance
        self._suffix = suffix
        self._teller = Teller()
        self._pending: deque[_Pending] = deque()
        self._writing: Deferred[None] | None = None
        self._is_writing = False
        self._is_refused = False

    def tell(self, regarding: Regarding, news: News) -> None:
        """Have it written soon, unless it was just told, or too much is."""
        name = f"{regarding.name}.{self._suffix()}"
        telling = self._teller.hear(regarding, news, self._time.monotonic(), name)
        if telling is None or len(self._pending) >= MOST_PENDING:
            return
        self._pending.append(_Pending(telling, regarding, news, self._time.utcnow()))
        if not self._is_writing:
            self._is_writing = True
            # One after the other: so they are read in the order in which they happened.
            self._writing = Deferred.fromCoroutine(self._write_all())

    def stop(self) -> None:
        """Write no more; what is not written yet is dropped."""
        self._pending.clear()
        if self._writing is not None:
            self._writing.cancel()

    async def _write_all(self) -> None:
        try:
            while self._pending:
                await self._attempt(self._pending.popleft())
        except CancelledError:
            pass  # by stop()
        finally:
            self._is_writing = False

    async def _attempt(self, pending: _Pending) -> None:
        try:
            await self._write(pending)
        except NamespaceTerminating as error:
            log.debug("an Event was not written: {error}", error=error)  # there is nobody to read it
        except Forbidden as error:
            if not self._is_refused:
                log.warn("Events are not written: {error}", error=error)
            self._is_refused = True
        except KubeError as error:
            log.debug("an Event was not written: {error}", error=error)
        except CancelledError:
            raise
        except Exception:
            log.failure("an Event was not written")
        else:
            self._is_refused = False

    async def _write(self, pending: _Pending) -> None:
        telling, namespace = pending.telling, pending.regarding.namespace
        repeats = {} if telling.is_new else series(telling.count, pending.at)
        if not telling.is_new:
            with suppress(NotFound):  # API servers keep Events for an hour or so
                await self._api.patch(EVENTS, telling.name, repeats, namespace=namespace)
                return
        made = event(telling.name, pending.regarding, pending.news, instance=self._instance, now=pending.at)
        with suppress(AlreadyExists):  # the reply to an earlier try was lost
            await self._api.create(EVENTS, made | repeats, namespace=namespace)
