"""One end of a relay: a socket, what it waits for, and whether its connection is broken."""

from __future__ import annotations

import errno
import os
import socket
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT
from typing import TYPE_CHECKING

from twisted.python.failure import Failure

from isoproxy.proxy.relay.decide import interest
from isoproxy.proxy.relay.poller import Poller
from isoproxy.proxy.relay.result import Side

if TYPE_CHECKING:
    from isoproxy.proxy.relay.flow import Flow
    from isoproxy.proxy.relay.relay import Relay


class End:
    """The socket of one ``side``, source of one flow (``outbound``) and sink of the other (``inbound``)."""

    __slots__ = (
        "_fd",
        "_mask",
        "_poller",
        "_relay",
        "_watched",
        "broken",
        "fileno",
        "inbound",
        "outbound",
        "side",
        "socket",
    )

    outbound: Flow
    inbound: Flow

    def __init__(self, side: Side, sock: socket.socket, *, relay: Relay, poller: Poller) -> None:
        self.side = side
        self.socket = sock
        self.fileno = sock.fileno  # asked each time: -1 once closed, where a number kept could be another connection's
        self.broken = False
        self._relay = relay
        self._poller = poller
        self._fd = sock.fileno()
        self._mask = EPOLLIN
        self._watched = False

    def watch(self) -> None:
        """Have :meth:`handle` called from now on."""
        self._poller.watch(self._fd, self._mask, self)
        self._watched = True

    def forget(self) -> None:
        """Be told of nothing any more."""
        if self._watched:
            self._watched = False
            self._poller.forget(self._fd)

    def handle(self, events: int) -> None:
        """Move what can be moved. The plain case comes first: there are bytes to read."""
        if events == EPOLLIN:
            self.outbound.pump()
        elif events & EPOLLERR:
            self._handle_error()
        else:
            if events & EPOLLOUT and self.inbound.owed:
                self._handle_room()
            if events & (EPOLLIN | EPOLLHUP):
                self.outbound.pump()

    def _handle_error(self) -> None:
        # The bytes that came before a reset are still in the kernel, and are still the peer's word (a server that
        # refuses an upload answers, closes and thereby resets). Reading them ends in the error itself.
        if self.outbound.reads:
            self.outbound.pump()
        else:
            code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or errno.ECONNRESET
            self.lost(OSError(code, os.strerror(code)))

    def _handle_room(self) -> None:
        self.inbound.flush()
        self.inbound.pump()  # its source, which nobody watched meanwhile, likely has more
        self._relay.settle()

    def settle(self) -> None:
        """Wait for what the flows now need; a broken end that has given its last byte ends the relay."""
        if not self._watched:
            return
        reads = self.outbound.reads
        if self.broken and not reads:
            self._relay.gave_all()
            return
        mask = interest(reads=reads, owes=bool(self.inbound.owed))
        if mask != self._mask:
            self._mask = mask
            self._poller.change(self._fd, mask)

    def lost(self, error: OSError) -> None:
        """An operation on this socket failed."""
        self._relay.lost(self, error)

    def sent_fin(self) -> None:
        """The peer has been told that no more will come."""
        self._relay.sent_fin()

    def failed(self, failure: Failure) -> None:
        """See :class:`~isoproxy.proxy.relay.poller.Watcher`."""
        self._relay.failed(failure)

    def dropped(self) -> None:
        """See :class:`~isoproxy.proxy.relay.poller.Watcher`."""
        self._relay.dropped()
