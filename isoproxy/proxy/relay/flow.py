"""One direction of a relay: bytes from a source to a sink, in order, and then the FIN. This is the hot path."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from isoproxy.proxy.relay.decide import LARGE, splice_credit, splice_is_refused
from isoproxy.proxy.relay.pipes import Pipe, PipePool
from isoproxy.proxy.relay.poller import Poller

if TYPE_CHECKING:
    from isoproxy.proxy.relay.end import End

_NOTHING = memoryview(b"")
_NONBLOCK = getattr(os, "SPLICE_F_NONBLOCK", 0)


class Flow:
    """Moves bytes from ``source`` to ``sink``, one chunk for each event, so that no connection starves the others.

    What the sink does not take at once is owed to it: as bytes (one read of the shared buffer at most), or in a pipe.
    While anything is owed nothing is read, which is the back-pressure: the source's kernel buffer fills and its sender
    has to wait.
    """

    __slots__ = (
        "_buffer",
        "_credit",
        "_pipe",
        "_pipes",
        "_poller",
        "_reading",
        "_recv_into",
        "_rest",
        "_send",
        "_sink",
        "_source",
        "fin_passed",
        "moved",
        "moved_at",
        "owed",
    )

    def __init__(self, source: End, sink: End, *, poller: Poller, pipes: PipePool) -> None:
        self._source = source
        self._sink = sink
        self._poller = poller
        self._pipes = pipes
        self._buffer = poller.buffer
        self._recv_into = source.socket.recv_into
        self._send = sink.socket.send
        self._credit = 0
        self._reading = True
        self._rest = _NOTHING
        self._pipe: Pipe | None = None
        self.owed = 0
        """Bytes read and not yet taken by the sink: in the pipe if there is one, else ``_rest``."""
        self.fin_passed = False
        self.moved = 0
        """Bytes the sink has taken."""
        self.moved_at = poller.now

    @property
    def reads(self) -> bool:
        """Whether bytes of the source are wanted now."""
        return self._reading and not self.owed

    def begin(self, owed: bytes, *, uncounted: int, eof: bool) -> None:
        """Start with ``owed`` bytes, the first ``uncounted`` of which are no payload; ``eof``: the FIN follows them."""
        self.moved = -uncounted
        self._reading = not eof
        self._rest = memoryview(owed)
        self.owed = len(owed)
        if owed:
            self.flush()
        elif eof:
            self._pass_fin()

    def stop(self) -> None:
        """Read no more, and drop what is owed: the sink is gone."""
        self._reading = False
        self.owed = 0
        self._rest = _NOTHING
        if self._pipe is not None:
            self._pipes.discard(self._pipe)
            self._pipe = None

    def pump(self) -> None:
        """Move what the source has, if :attr:`reads`."""
        if self.owed or not self._reading:
            return
        if self._credit:
            self._splice()
        else:
            self._copy()

    def flush(self) -> None:
        """Move what is owed; then, if the source has ended, its FIN."""
        try:
            if self._pipe is None:
                sent = self._send(self._rest)
                self._rest = self._rest[sent:]
            else:
                sent = os.splice(self._pipe.read_fd, self._sink.fileno(), self.owed, None, None, _NONBLOCK)
        except BlockingIOError:
            return
        except OSError as error:
            self._sink.lost(error)
            return
        self._took(sent)
        self.owed -= sent
        if self.owed:
            return
        self._rest = _NOTHING
        if self._pipe is not None:
            self._pipes.release(self._pipe)
            self._pipe = None
        if not self._reading:
            self._pass_fin()

    def _copy(self) -> None:
        """Move one read of the shared buffer."""
        buffer = self._buffer
        try:
            got = self._recv_into(buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self._reading = False
            self._source.lost(error)
            return
        if not got:
            self._saw_eof()
            return
        try:
            sent = self._send(buffer[:got])
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._sink.lost(error)
            return
        self.moved += sent
        self.moved_at = self._poller.now
        if sent < got:
            self._owe(got - sent, rest=memoryview(bytes(buffer[sent:got])))
        elif got >= LARGE:
            self._credit = splice_credit(self._credit, got)

    def _splice(self) -> None:
        """Move one chunk through a pipe."""
        pipe = self._pipes.acquire()
        if pipe is None:
            self._copy()
            return
        try:
            got = os.splice(self._source.fileno(), pipe.write_fd, self._poller.share, None, None, _NONBLOCK)
        except OSError as error:
            self._pipes.release(pipe)
            self._not_spliced(error)
            return
        if not got:
            self._pipes.release(pipe)
            self._copy()  # not the end yet: before an urgent mark with a FIN behind it, splice gives 0 too
            return
        try:
            sent = os.splice(pipe.read_fd, self._sink.fileno(), got, None, None, _NONBLOCK)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._pipes.discard(pipe)
            self._sink.lost(error)
            return
        self._took(sent)
        self._credit = splice_credit(self._credit, got)
        if sent < got:
            self._owe(got - sent, pipe=pipe)
        else:
            self._pipes.release(pipe)

    def _not_spliced(self, error: OSError) -> None:
        """Nothing went into the (empty) pipe."""
        if isinstance(error, BlockingIOError):
            self._copy()  # drained, most likely; but splice cannot pass an urgent mark, and a read can
        elif splice_is_refused(error.errno):
            self._pipes.refuse(error)
            self._copy()
        else:
            self._reading = False
            self._source.lost(error)

    def _took(self, sent: int) -> None:
        self.moved += sent
        self.moved_at = self._poller.now

    def _owe(self, count: int, *, rest: memoryview = _NOTHING, pipe: Pipe | None = None) -> None:
        self.owed = count
        self._rest = rest
        self._pipe = pipe
        self._source.settle()
        self._sink.settle()

    def _saw_eof(self) -> None:
        self._reading = False
        if not self._source.broken:  # after a reset that a write was told of, reads just end
            self._pass_fin()
        self._source.settle()

    def _pass_fin(self) -> None:
        try:
            self._sink.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._sink.lost(error)
            return
        self.fin_passed = True
        self._sink.sent_fin()
