"""A program's output on its way to twistd: in pieces, and of a flood only the newest."""

import time
from collections.abc import Callable

from isoproxy.local.runtime.supervisor.loop import Loop, Timer

_INTERVAL = 0.2  # seconds between two pieces
_LONGEST = 1024 * 1024  # bytes of one piece


class Output:
    """Sends the first bytes at once, and what follows them a few times a second.

    twistd has connections to serve: however much a program prints, it costs no more than `size` bytes an
    interval. twistd keeps so many too, hence what is left out are bytes that it would not have kept.
    """

    def __init__(self, loop: Loop, size: int, send: Callable[[bytes, int], bool]) -> None:
        """`send` gets bytes, and how many were left out before them; False means: not now."""
        self._loop = loop
        self._size = min(size, _LONGEST)
        self._send = send
        self._unsent = bytearray()
        self._left_out = 0
        self._next = 0.0  # when the next piece may go, by the monotonic clock
        self._timer: Timer | None = None

    def append(self, data: bytes) -> None:
        """The program has printed this."""
        self._unsent += data
        excess = len(self._unsent) - self._size
        if excess > 0:
            del self._unsent[:excess]
            self._left_out += excess
        if self._timer is None:
            wait = self._next - time.monotonic()
            if wait > 0.0:
                self._timer = self._loop.call_later(wait, self._flush)
            else:
                self._flush()

    def end(self) -> None:
        """It will print nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._unsent:
            self._send(bytes(self._unsent), self._left_out)

    def _flush(self) -> None:
        self._timer = None
        self._next = time.monotonic() + _INTERVAL
        if self._send(bytes(self._unsent), self._left_out):
            self._unsent.clear()
            self._left_out = 0
        else:
            self._timer = self._loop.call_later(_INTERVAL, self._flush)
