"""The processes of a cluster's parts: started, found again by another process, and ended."""

import os
import select
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from test.cluster.layout import Layout
from test.cluster.sandbox import Sandbox

_END_SECONDS = 20.0


class Processes:
    """By the name of their part. A file for each has the id of the process that stands at the namespaces' door."""

    def __init__(self, files: Layout, sandbox: Sandbox) -> None:
        self._files = files
        self._sandbox = sandbox
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Start a part; what it prints is added to its log."""
        settings = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "HOME": str(self._files.data)}
        with self._files.log(name).open("ab") as output:
            process = subprocess.Popen(
                self._sandbox.behind_a_door(*command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=settings | dict(environment),
                start_new_session=True,
            )
        self._started[name] = process
        (self._files.pids / name).write_text(str(process.pid))

    def names(self) -> list[str]:
        """Return the names of all parts that were started, ended ones too."""
        return sorted(path.name for path in self._files.pids.iterdir()) if self._files.pids.is_dir() else []

    def has_ended(self, name: str) -> bool:
        """Whether a part that was started here has ended; its process may not be there yet."""
        return self._started[name].poll() is not None

    def pid(self, name: str) -> int | None:
        """Return the process id of a part, None if it does not run."""
        try:
            door = int((self._files.pids / name).read_text())
            children = Path(f"/proc/{door}/task/{door}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return next((int(child) for child in children if self._sandbox.holds(int(child))), None)

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a part that runs."""
        pid = self.pid(name)
        if pid is None:
            raise ProcessLookupError(f"{name} does not run")
        os.kill(pid, number)

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End a part by a signal, and wait until it has ended; nothing happens to one that does not run."""
        pid = self.pid(name)
        if pid is None:
            return
        process = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(process, number)
            waiting = select.poll()
            waiting.register(process, select.POLLIN)
            if not waiting.poll(_END_SECONDS * 1000):
                raise OSError(f"{name} does not end by {number.name}")
        finally:
            os.close(process)

    def collect(self) -> None:
        """Wait for every process that was started here; the sandbox has ended them."""
        for process in self._started.values():
            process.wait(_END_SECONDS)
        self._started.clear()
