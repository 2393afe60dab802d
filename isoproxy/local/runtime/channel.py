"""twistd's end of the two pipes to the supervisor."""

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import txaio
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.protocol import ProcessProtocol

from isoproxy import openfiles
from isoproxy.local.runtime import supervisor
from isoproxy.local.runtime.supervisor import wire

log = txaio.make_logger()

_PROGRAM = str(Path(supervisor.__file__).parent)
_INHERITED = ("LD_LIBRARY_PATH",)  # where the interpreter itself may need it
_REQUESTS, _REPORTS, _COMPLAINTS = 0, 1, 2


class Channel(ProcessProtocol):
    """Starts a supervisor, and carries messages both ways.

    `on_report` is called for each report. `ended` fires once, when the supervisor and everything that it had
    started are gone (see supervisor/guard.py); nothing is reported after that.
    """

    def __init__(
        self, reactor: IReactorProcess, *, base: str, output_size: int, on_report: Callable[[wire.Message], None]
    ) -> None:
        self._on_report = on_report
        self._lines = wire.LineReader()
        self._open = True
        self.ended: Deferred[None] = Deferred()
        settings = json.dumps({"base": base, "output_size": output_size, "files": openfiles.AT_START})
        self._process = reactor.spawnProcess(
            self,
            sys.executable,
            [sys.executable, "-X", "utf8", "-I", "-S", _PROGRAM, settings],
            env={name: os.environ[name] for name in _INHERITED if name in os.environ},
            childFDs={_REQUESTS: "w", _REPORTS: "r", _COMPLAINTS: _COMPLAINTS},
        )

    def send(self, request: wire.Request) -> None:
        """Send it, after those before it; it is lost when there is no supervisor any more.

        Raises WireError for what is too long, which is not sent."""
        if self._open:
            self._process.writeToChild(_REQUESTS, wire.encode(request))

    def kill(self) -> None:
        """Have the supervisor killed; its guard then ends everything."""
        with suppress(ProcessExitedAlready):
            self._process.signalProcess(signal.SIGUSR2)

    def childDataReceived(self, _fd: int, data: bytes) -> None:
        try:
            for report in self._lines.feed(data):
                self._hand_on(report)
        except wire.WireError as error:
            log.error("the supervisor of the pods is not understood, and is killed: {error}", error=error)
            self.kill()

    def _hand_on(self, report: wire.Message) -> None:
        try:
            self._on_report(report)
        except Exception:  # a mistake of ours about one pod must not cost all of them
            log.failure("a report of the supervisor was not taken in")

    def childConnectionLost(self, fd: int) -> None:
        if fd == _REQUESTS:
            self._open = False
        elif fd == _REPORTS and not self.ended.called:
            self._open = False
            self.ended.callback(None)
