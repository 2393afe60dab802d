"""The pipes that splice needs: few, shared by all relays of a process, and never the reason a connection fails."""

from __future__ import annotations

import fcntl
import os
from typing import Final

import txaio

log = txaio.make_logger()

_SMALLEST = 256 * 1024
"""Bytes: a pipe that may not be this large moves so little at a time that copying is cheaper."""
_SKIP = 1000
"""Requests answered with None after the kernel refused a pipe, before it is asked again."""


class Pipe:
    """One kernel pipe; whoever holds it knows how many bytes are in it."""

    __slots__ = ("read_fd", "write_fd")

    def __init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def grow(self, size: int) -> None:
        """Give it room for ``size`` bytes in whole pages; raises OSError where the kernel does not allow it."""
        fcntl.fcntl(self.write_fd, fcntl.F_SETPIPE_SZ, size)

    def close(self) -> None:
        """Close both ends, and drop what is in it."""
        os.close(self.read_fd)
        os.close(self.write_fd)


class PipePool:
    """At most ``limit`` pipes at once, of ``size`` bytes (or less, where the kernel allows only less).

    A direction of a relay holds a pipe while it moves a chunk, and keeps it only while bytes are stuck in it, so a few
    pipes serve all connections; ``keep`` idle ones stay open. All unprivileged processes of one user share 64 MiB of
    pipe pages, which the default stays below. Where there is none to be had, relays copy instead. ``limit=0`` never
    splices.
    """

    def __init__(self, *, limit: int = 48, size: int = 1024 * 1024, keep: int = 8) -> None:
        self._limit: Final = limit
        self._size: Final = size
        self._keep: Final = keep
        self._idle: list[Pipe] = []
        self._lent = 0
        self._skip = 0
        self._usable = hasattr(os, "splice")
        self._complained = False

    @property
    def lent(self) -> int:
        """How many pipes are out: those with bytes stuck in them, unless a chunk is being moved just now."""
        return self._lent

    def acquire(self) -> Pipe | None:
        """An empty pipe, to be given to :meth:`release` or :meth:`discard`; None where there is none to be had."""
        if not self._usable or self._lent >= self._limit:
            return None
        pipe = self._idle.pop() if self._idle else self._open()
        if pipe is not None:
            self._lent += 1
        return pipe

    def release(self, pipe: Pipe) -> None:
        """Take an empty pipe back."""
        self._lent -= 1
        if self._usable and len(self._idle) < self._keep:
            self._idle.append(pipe)
        else:
            pipe.close()

    def discard(self, pipe: Pipe) -> None:
        """Take back a pipe with bytes in it: it is closed, so that no other connection can ever see them."""
        self._lent -= 1
        pipe.close()

    def refuse(self, why: OSError) -> None:
        """Splicing does not work on this machine: lend no pipe any more."""
        if self._usable:
            log.warn("splice does not work here ({why}): bytes are relayed by copying", why=why)
        self.close()

    def close(self) -> None:
        """Close the idle pipes and lend none any more; those that are out are closed when they come back."""
        self._usable = False
        while self._idle:
            self._idle.pop().close()

    def _open(self) -> Pipe | None:
        if self._skip:
            self._skip -= 1
            return None
        try:
            return _sized_pipe(self._size)
        except OSError as error:  # EMFILE, ENFILE; EPERM for the user's share of pages
            self._skip = _SKIP
            if not self._complained:
                self._complained = True
                log.warn("no pipe to be had ({why}): bytes are relayed by copying meanwhile", why=error)
            return None


def _sized_pipe(size: int) -> Pipe:
    """A pipe of ``size`` bytes, or half, or a quarter...; raises OSError where even the smallest useful is refused."""
    pipe = Pipe()
    while True:
        try:
            pipe.grow(size)
        except OSError:
            if size // 2 < _SMALLEST:
                pipe.close()
                raise
            size //= 2
        else:
            return pipe
