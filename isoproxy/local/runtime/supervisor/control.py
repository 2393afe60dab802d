"""The two pipes to twistd."""

import os
from collections.abc import Callable

from isoproxy.local.runtime.supervisor import wire
from isoproxy.local.runtime.supervisor.loop import Loop

_CHUNK = 64 * 1024
_CLOGGED = 1024 * 1024  # bytes; what can wait should


class Control:
    """Hands on requests as they come, and reports as fast as they are taken."""

    def __init__(self, loop: Loop, requests: int, reports: int) -> None:
        self._loop = loop
        self._requests = requests
        self._reports = reports
        self._lines = wire.LineReader()
        self._unsent = bytearray()  # bounded: a few reports for each pod, and output until it is clogged
        self._writing = self._lost = False
        os.set_blocking(requests, False)
        os.set_blocking(reports, False)

    def serve(self, handle: Callable[[wire.Message], None], on_lost: Callable[[], None]) -> None:
        """Begin; `on_lost` is called when twistd has gone, or speaks another language."""
        self._loop.when_readable(self._requests, lambda: self._read(handle, on_lost))

    @property
    def clogged(self) -> bool:
        """Whether twistd does not keep up."""
        return len(self._unsent) > _CLOGGED

    def report(self, report: wire.Report) -> None:
        """Send it, after those before it."""
        self._unsent += wire.encode(report)
        if not self._writing:
            self._write()

    def flush(self) -> None:
        """Send the last ones before the process ends, if twistd takes them now."""
        if not self._lost:
            self._write()

    def _read(self, handle: Callable[[wire.Message], None], on_lost: Callable[[], None]) -> None:
        try:
            data = os.read(self._requests, _CHUNK)
            for request in self._lines.feed(data):
                handle(request)
        except BlockingIOError:
            return
        except (OSError, wire.WireError):
            data = b""
        if not data:
            self._loop.forget(self._requests)
            on_lost()

    def _write(self) -> None:
        try:
            while self._unsent and not self._lost:
                del self._unsent[: os.write(self._reports, self._unsent[:_CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            self._lost = True  # requests end too, and that ends everything
        if self._lost:
            self._unsent.clear()
        if bool(self._unsent) != self._writing:
            self._writing = not self._writing
            if self._writing:
                self._loop.when_writable(self._reports, self._write)
            else:
                self._loop.forget(self._reports)
