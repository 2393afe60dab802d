"""The output of one start of a pod's program, and those who wait to read more of it."""

import base64
from collections.abc import Callable

from isoproxy.local.runtime.supervisor import wire
from isoproxy.local.runtime.supervisor.ring import Ring


class Output:
    """Answers reads: at once if there is something to answer, later if they are willing to wait."""

    def __init__(self, size: int, report: Callable[[wire.Report], None]) -> None:
        self.ring = Ring(size)
        self._report = report
        self._waiting: dict[int, wire.Read] = {}
        self._ended = False

    def read(self, request: wire.Read) -> None:
        """Answer it, now or later."""
        if request.tail is not None:
            request = request._replace(position=self.ring.tail(request.tail), tail=None)
        if request.wait and request.position >= self.ring.end and not self._ended:
            self._waiting[request.request] = request
        else:
            self._answer(request)

    def cancel(self, request: int) -> None:
        """Drop a read that waits."""
        self._waiting.pop(request, None)

    def grown(self) -> None:
        """The ring has more: answer all that wait."""
        waiting, self._waiting = self._waiting, {}
        for request in waiting.values():
            self._answer(request)

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self.grown()

    def _answer(self, request: wire.Read) -> None:
        data, position = self.ring.read(request.position, min(request.limit, wire.MAX_READ))
        end = self._ended and position >= self.ring.end
        self._report(wire.Output(request.request, base64.b64encode(data).decode("ascii"), position, end))
