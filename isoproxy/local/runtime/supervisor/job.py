"""One program, from its start to the end of all that it left behind."""

import os
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from isoproxy.local.runtime.supervisor.loop import Loop, Timer
from isoproxy.local.runtime.supervisor.spawn import CannotSpawn, spawn

_CHUNK = 16 * 1024  # bytes read at a time: what the pipe holds
_LAST_CHUNKS = 8  # read at most at the end: more than the pipe holds
_BREATH = 0.002  # seconds until a program that fills its pipe is read again: 8 MB/s at most


class Outcome(NamedTuple):
    """How it ended; see wire.Ended."""

    started: bool
    code: int
    signal: int
    message: str


class Command(NamedTuple):
    """What to run, and where."""

    argv: list[str]
    env: dict[str, str]
    folder: str
    working_directory: str
    files: int  # how many it may have open, unless it asks for more


class Job:
    """Runs one command.

    `on_started` is called after a successful exec, `on_output` with what it prints (None: that goes to /dev/null),
    `on_ended` once; none from within the constructor. The reaper calls `reaped`, and `settle` when nothing is left
    behind.
    """

    def __init__(
        self,
        loop: Loop,
        command: Command,
        *,
        on_ended: Callable[[Outcome], None],
        on_started: Callable[[int], None] = lambda _pid: None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> None:
        """Raises CannotSpawn."""
        self._loop = loop
        self._on_started = on_started
        self._on_output = on_output
        self._on_ended = on_ended
        self._kill_timer: Timer | None = None
        self._kill_at = float("inf")
        self._status: int | None = None  # as waitpid gives it; None while it runs
        self._failure: str | None = None  # why there was no exec; "" after one, None before
        try:
            spawned = spawn(
                command.argv,
                command.env,
                folder=command.folder,
                working_directory=command.working_directory,
                files=command.files,
                keep_output=on_output is not None,
            )
        except OSError as error:
            raise CannotSpawn(f"no process can be made: {error.strerror}") from error
        self.pid, self._output, self._verdict = spawned
        loop.when_readable(self._verdict, self._take_verdict)
        if self._output is not None:
            loop.when_readable(self._output, self._take_output)

    def stop(self, grace: float) -> None:
        """SIGTERM now, the first time (unless `grace` is 0), SIGKILL in `grace` seconds if not earlier."""
        if self._status is not None:
            return
        if grace > 0.0 and self._kill_timer is None:
            self._signal(signal.SIGTERM)
        kill_at = time.monotonic() + grace
        if kill_at >= self._kill_at:
            return
        self._kill_at = kill_at
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        self._kill_timer = self._loop.call_later(grace, lambda: self._signal(signal.SIGKILL))

    def reaped(self, status: int) -> None:
        """Its first process is gone, and its pid with it."""
        self._status = status
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        self._take_verdict()

    def settle(self) -> None:
        """Nothing that it started is running any more: take in the last of the output, and say so."""
        assert self._status is not None
        if self._output is not None:
            for _ in range(_LAST_CHUNKS):
                if not self._read():
                    break
            self._loop.forget(self._output)
            os.close(self._output)
        if self._failure:
            self._on_ended(Outcome(False, 128, 0, self._failure))
            return
        code = os.waitstatus_to_exitcode(self._status)
        self._on_ended(Outcome(True, code, 0, "") if code >= 0 else Outcome(True, 128 - code, -code, ""))

    def _signal(self, number: int) -> None:
        if self._status is None:  # until it is reaped, its pid can be no other's
            os.kill(self.pid, number)

    def _take_verdict(self) -> None:
        if self._failure is not None:
            return
        try:
            self._failure = os.read(self._verdict, 512).decode(errors="replace")
        except BlockingIOError:
            return
        self._loop.forget(self._verdict)
        os.close(self._verdict)
        if not self._failure:
            self._on_started(self.pid)

    def _take_output(self) -> None:
        assert self._output is not None
        octets = self._read()
        if octets is None or octets >= _CHUNK:
            # At its end, or so fast that it would cost us more than the program: take a breath.
            self._loop.forget(self._output)
        if octets is not None and octets >= _CHUNK:
            self._loop.call_later(_BREATH, self._read_on)

    def _read_on(self) -> None:
        if self._output is not None and self._status is None:
            self._loop.when_readable(self._output, self._take_output)

    def _read(self) -> int | None:
        """Hand on what there is; the number of bytes, None at the end."""
        assert self._output is not None
        assert self._on_output is not None
        try:
            data = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return 0
        if not data:
            return None
        self._on_output(data)
        return len(data)
