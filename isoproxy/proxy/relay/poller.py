"""An epoll of the relays' own, which the reactor watches as one descriptor.

Why not ``reactor.addReader`` for each socket: the reactor wraps each event in a logging context (a quarter of the cost
of a small message), takes a hang-up for the end of both directions, and behaves differently from reactor to reactor. An
epoll can itself be watched, so this works the same under every reactor that watches descriptors, select and asyncio
included, and with sockets numbered above select's 1,024.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

_BATCH = 64
"""Events handled before the reactor has its turn again."""
_TURN = 4 * 1024 * 1024
"""Bytes moved for one batch, at most about: a few ms. A lone transfer gets large chunks, many get small ones."""
_SHARE = range(128 * 1024, 1024 * 1024)
"""Bytes: the least and the most that may be moved for one event."""
_BUFFER = 128 * 1024
"""Bytes of the one buffer that all copied bytes pass through."""
_buffer = memoryview(bytearray(_BUFFER))  # for good: fresh pages would cost the first relay after each silence dearly


class Reactor(Protocol):
    """What a relay needs of a reactor: IReactorTime and half of IReactorFDSet."""

    def seconds(self) -> float: ...
    def callLater(self, _delay: float, _call: Callable[..., object], /, *_args: Any) -> IDelayedCall: ...
    def addReader(self, reader: Any, /) -> object: ...
    def removeReader(self, reader: Any, /) -> object: ...


class Watcher(Protocol):
    """Who is told of a socket's events."""

    def handle(self, events: int) -> None:
        """``events`` (epoll bits) happened. They are hints: what is so, only the system calls say."""

    def failed(self, failure: Failure) -> None:
        """:meth:`handle` raised: a defect, which must not reach the other relays."""

    def dropped(self) -> None:
        """The reactor is stopping: end at once."""


@implementer(IReadDescriptor)
class Poller:
    """Watches sockets level-triggered. A reactor has one, from its first relay to its last."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._seconds = reactor.seconds
        self._epoll = select.epoll()
        self._watchers: dict[int, Watcher] = {}
        self.buffer = _buffer
        """Scratch space, free whenever no event is being handled."""
        self.now = reactor.seconds()
        """``reactor.seconds()``, read once for each batch of events."""
        self.share = _SHARE.stop
        """Bytes that may be moved for the present event."""
        reactor.addReader(self)

    @classmethod
    def of(cls, reactor: Reactor) -> Poller:
        """The poller of ``reactor``, made if there is none."""
        poller = _pollers.get(reactor)
        if poller is None:
            poller = _pollers[reactor] = cls(reactor)
        return poller

    def tick(self) -> None:
        """Set :attr:`now`, outside of a batch."""
        self.now = self._seconds()

    def watch(self, fd: int, mask: int, watcher: Watcher) -> None:
        """Tell ``watcher`` of the events in ``mask``; of errors and hang-ups epoll tells in any case."""
        try:
            self._epoll.register(fd, mask)
        except OSError:
            self._close_if_unused()
            raise
        self._watchers[fd] = watcher

    def change(self, fd: int, mask: int) -> None:
        """Wait for other events from now on."""
        self._epoll.modify(fd, mask)

    def forget(self, fd: int) -> None:
        """Tell nobody of ``fd`` any more, be it closed already; with the last one the poller closes."""
        if self._watchers.pop(fd, None) is None:
            return
        with suppress(OSError):  # someone closed it behind our back, which has removed it
            self._epoll.unregister(fd)
        self._close_if_unused()

    def doRead(self) -> None:
        """Handle one batch of events."""
        self.now = self._seconds()
        batch = self._epoll.poll(0, _BATCH)
        self.share = min(max(_TURN // (len(batch) or 1), _SHARE.start), _SHARE.stop)
        watchers = self._watchers
        for fd, events in batch:
            watcher = watchers.get(fd)
            if watcher is None:
                continue  # an earlier event of this batch ended its relay; no fd is closed, hence reused, within one
            try:
                watcher.handle(events)
            except Exception:
                watcher.failed(Failure())

    def fileno(self) -> int:
        """The epoll itself."""
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        """What the reactor calls us in its log."""
        return "relay"

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002 - the reactor's interface
        """The reactor drops all it watches: it is stopping."""
        for watcher in list(self._watchers.values()):
            watcher.dropped()

    def _close_if_unused(self) -> None:
        if not self._watchers:
            del _pollers[self._reactor]
            self._reactor.removeReader(self)
            self._epoll.close()


_pollers: dict[Reactor, Poller] = {}
"""The poller of each reactor that has a relay at all."""
