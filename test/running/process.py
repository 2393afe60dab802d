"""Runs programs as processes of their own, and holds them to leaving nothing behind."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from test.running import proc
from test.running.waiting import BOUND, eventually

TREE = Path(__file__).parents[2]
STOP_SECONDS = 20.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
# However the tests end, no process of theirs goes on; nor does it begin, where they ended before they could be heeded.
_ENDS_WITH_US = ["setpriv", "--pdeathsig=KILL", "--", "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"']


class Process:
    """One process in a session and a folder of its own, and everything that comes of it.

    The folder is its working directory, HOME and TMPDIR, and is on its PATH: whatever it starts, and what
    that starts in turn, can be told by it in its environment or its command line.
    """

    def __init__(self, arguments: list[str | Path], **environment: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="e2e-"))
        self._log = self.folder / "log"
        self._temporary = self.folder / "tmp"
        self._temporary.mkdir()
        (self.folder / "home").mkdir()
        (self.folder / "bin").mkdir()
        self._arguments = [str(argument) for argument in arguments]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [*_ENDS_WITH_US, str(os.getpid()), *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder / "home",
                start_new_session=True,
                env={
                    "PATH": f"{self.folder}/bin:{os.environ['PATH']}:/usr/sbin",
                    "HOME": f"{self.folder}/home",
                    "TMPDIR": str(self._temporary),
                    "PYTHONPATH": str(TREE),
                    "LANG": "C.UTF-8",
                    **environment,
                },
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End it if nobody has; where a test failed, its log is printed, for pytest to show."""
        try:
            if self.running:
                self.kill()
            if error is not None:
                print(f"--- {' '.join(self._arguments)}\n{shortened(self.log)}")
        finally:
            for pid in self._offspring():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def memory(self) -> int:
        """How many bytes of it are resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE

    def wait_for_log(self, pattern: str, *, within: float = BOUND) -> re.Match[str]:
        """Wait for output that a regular expression matches."""

        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.log, re.MULTILINE)
            assert found or self.running, f"it has ended: {self.log}"
            return found

        return eventually(look, f"{pattern!r} in the output", within=within)

    def wait(self, *, within: float = STOP_SECONDS) -> int:
        """Wait for its end, and return its exit status, negative for a signal."""
        return self._process.wait(within)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        self.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = STOP_SECONDS) -> None:
        """End it by a signal, and hold it to leaving nothing behind."""
        self.send(number)
        self.check_end(number, within=within)

    def check_end(self, number: signal.Signals, *, within: float = STOP_SECONDS) -> None:
        """Wait for an end that a signal asked for; it must have been a clean one."""
        # twistd, asked to end by a signal, says so in its status, as shells expect it.
        assert self.wait(within=within) == -number
        self.check_nothing_left()
        assert complaints(self.log) == []

    def check_nothing_left(self) -> None:
        """Fail if a process or a file is left of it."""
        assert self.offspring() == []
        assert self._folders() == []

    def wait_until_nothing_left(self) -> None:
        """Wait for what a killed process cannot have done by itself."""
        eventually(lambda: not self.offspring(), "no process left behind")
        eventually(lambda: not self._folders(), "no folder left behind")

    def _folders(self) -> list[Path]:
        return list(self._temporary.glob("isoproxy-*/*"))

    def offspring(self) -> list[str]:
        """Return the command lines of all processes that come of it, itself left out."""
        return [f"{pid} {command}" for pid in self._offspring() if (command := proc.command(pid))]

    def _offspring(self) -> list[int]:
        mark = f"{self.folder}/"
        others = (pid for pid in proc.processes() if pid != self.pid)
        return [pid for pid in others if mark in proc.read(pid, "environ") or mark in proc.read(pid, "cmdline")]


def shortened(log: str) -> str:
    """Return a log without the middle of a long one."""
    lines = log.splitlines()
    return "\n".join(lines if len(lines) <= 100 else [*lines[:40], "...", *lines[-60:]])


def complaints(log: str) -> list[str]:
    """Return the lines of a log that no run of ours should have."""
    return [line for line in log.splitlines() if re.search(r"Traceback|Unhandled|#critical", line)]
