"""Notices when pods begin to listen, in looks that grow rare."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import txaio
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from isoproxy.local.runtime.facts import CannotRun
from isoproxy.local.runtime.listeners import Listeners, ListenTable, Target
from isoproxy.local.runtime.supervisor import procfs

log = txaio.make_logger()

_FIRST = 0.01  # seconds
_GROWTH = 1.25
_LONGEST = 1.0
_SHARE = 0.05  # of the time, at most, is spent looking


@dataclass(slots=True, eq=False)
class _Entry:
    target: Target
    pid: int
    listening: Callable[[], None]
    refused: Callable[[CannotRun], None]
    due: float
    interval: float = _FIRST


class ListenWatch:
    """Looks for the listeners of many pods at once. One that was found is not looked at again.

    That is on purpose: a program that serves one connection closes its listener when it has it, and must not
    count as unready for that.
    """

    def __init__(
        self,
        clock: IReactorTime,
        table: ListenTable,
        *,
        sockets: Callable[[int], set[int] | None] = procfs.sockets,
        cpu_seconds: Callable[[], float] = time.process_time,
    ) -> None:
        """`sockets`: the inodes of those a process and its descendants hold, None if that cannot be seen."""
        self._clock = clock
        self._table = table
        self._sockets = sockets
        self._cpu_seconds = cpu_seconds
        self._entries: set[_Entry] = set()
        self._call: IDelayedCall | None = None
        self._rest_until = 0.0

    def add(
        self, target: Target, pid: int, listening: Callable[[], None], refused: Callable[[CannotRun], None]
    ) -> Callable[[], None]:
        """Call one of the two, once: see `PodRuntime.when_listening`. Returns how to cancel."""
        entry = _Entry(target, pid, listening, refused, self._clock.seconds() + _FIRST)
        self._entries.add(entry)
        self._schedule()
        return lambda: self._entries.discard(entry)

    def obstacle(self, target: Target) -> str:
        """Why nobody can begin to listen there."""
        try:
            listeners = self._table.look([target]).get(target)
        except OSError:
            return ""
        if listeners is None or not listeners.wildcard:
            return ""
        return f"another program listens on port {target[1]} of all addresses. Let each listen on its $(POD_IP) only"

    def stop(self) -> None:
        """Forget all."""
        self._entries.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _schedule(self) -> None:
        if not self._entries:
            return
        at = max(self._rest_until, min(entry.due for entry in self._entries))
        if self._call is not None:
            if self._call.getTime() <= at:
                return
            self._call.cancel()
        self._call = self._clock.callLater(max(0.0, at - self._clock.seconds()), self._look)

    def _look(self) -> None:
        self._call = None
        now = self._clock.seconds()
        # Those that would be next soon come along: with /proc, one look costs the same for one as for all.
        due = [entry for entry in self._entries if entry.due - entry.interval / 2 <= now]
        began = self._cpu_seconds()
        try:
            found = self._table.look([entry.target for entry in due])
        except OSError as error:
            log.warn("cannot see which pods listen: {error}", error=error)
            found = {}
        for entry in due:
            entry.interval = min(_LONGEST, entry.interval * _GROWTH)
            entry.due = now + entry.interval
            if (listeners := found.get(entry.target)) is not None:
                self._judge(entry, listeners)
        self._rest_until = now + (self._cpu_seconds() - began) / _SHARE
        self._schedule()

    def _judge(self, entry: _Entry, listeners: Listeners) -> None:
        own = self._sockets(entry.pid)
        if own is None:  # not for us to look into; then only an address of its own proves that it is the pod's
            ours, others = not listeners.wildcard, False
        else:
            ours, others = bool(own & listeners.inodes), bool(listeners.inodes - own)
        if not ours or entry not in self._entries:
            return  # not yet, or another program is in its place
        self._entries.discard(entry)
        if others:
            entry.refused(_shared(entry.target[1]))
        else:
            entry.listening()


def _shared(port: int) -> CannotRun:
    return CannotRun(
        "PortShared",
        f"the program listens on port {port} of all addresses, and so does another on this machine: connections to one"
        " would reach the other. Listen on $(POD_IP) only",
    )
