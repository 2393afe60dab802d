"""Namespaces of the kernel's in which a cluster lives: its processes, mounts and network are nobody else's.

They are held by one process (``init.py``). When it ends, however it ends, the kernel ends every other process in them,
and with these go mounts, addresses, routes and rules. Nothing has to be cleaned up one by one.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_INIT = Path(__file__).with_name("init.py")
_CLONE_NEWNET = 0x40000000
_RUN_SECONDS = 60.0
_END_SECONDS = 20.0
_libc = ctypes.CDLL(None, use_errno=True)


class Sandbox:
    """One set of namespaces, told by the id of the process that made them.

    A host is the name of one of its networks, "" the node.
    """

    def __init__(self, holder: int, folder: Path) -> None:
        self.holder = holder
        self._folder = folder

    @classmethod
    def start(cls, folder: Path, *, owned: bool) -> "Sandbox":
        """Make namespaces; those that are ``owned`` end with this process. ``folder`` marks them, and takes a log."""
        log = folder / "init.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    "unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child",
                    "--mount-proc", "--propagation=private",
                    sys.executable, "-I", "-u", _INIT, folder, *(["--owned"] if owned else []),
                ],
                stdin=subprocess.PIPE if owned else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )  # fmt: skip
        assert process.stdout is not None
        if process.stdout.readline() != b"up\n":
            raise OSError(f"namespaces cannot be made here: {log.read_text().strip()}")
        process.stdout.close()
        _started.append(process)  # so that our end of its standard input stays open
        return cls(process.pid, folder)

    @classmethod
    def find(cls, folder: Path) -> "Sandbox | None":
        """Return the namespaces that ``folder`` marks, if they are there."""
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            if _holds(pid, folder):
                return cls(pid, folder)
        return None

    @property
    def running(self) -> bool:
        """Whether the namespaces are there."""
        return _holds(self.holder, self._folder)

    def holds(self, pid: int) -> bool:
        """Whether a process is one of those in here."""
        try:
            return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{self.holder}/ns/pid_for_children")
        except OSError:
            return False

    def inside(self, *command: str) -> list[str]:
        """Return a command line that runs ``command`` in here, as one of the processes that end with the others."""
        return [*self._enter(), "--", *command]

    def behind_a_door(self, *command: str) -> list[str]:
        """Return the same for what runs on. Its parent is a shell outside, which waits for its end and nothing else:

        what ``nsenter`` leaves there by itself stops when its child is stopped, and has that go on when it goes on.
        """
        return [*self._enter(), "--no-fork", "--", "sh", "-c", '"$@" & wait $!', "door", *command]

    def _enter(self) -> list[str]:
        namespaces = ["--mount", "--net", "--uts", "--ipc", f"--pid=/proc/{self.holder}/ns/pid_for_children"]
        return ["nsenter", f"--target={self.holder}", *namespaces, "--wd=/"]

    def at(self, host: str, *command: str) -> list[str]:
        """Return a command line that runs ``command`` on this machine, but for the network, which is a host's."""
        return ["nsenter", f"--net={self._network(host)}", "--", *command]

    def visiting(self, host: str, *command: str) -> list[str]:
        """Return the same for a person's command, which ends with the namespaces at the latest."""
        end = f"--pid=/proc/{self.holder}/ns/pid_for_children"
        return ["nsenter", f"--net={self._network(host)}", end, "--", *command]

    def guests(self) -> set[int]:
        """Return the processes that are in one of the networks, and not of those in here."""
        places = [self._network(host) for host in ("", *_names(self._network("x").parent))]
        networks = {place.stat().st_ino for place in places}
        found = set()
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            with suppress(OSError):
                if os.stat(f"/proc/{pid}/ns/net").st_ino in networks and not self.holds(pid):
                    found.add(pid)
        return found - {self.holder, os.getpid()}

    def run(self, *command: str) -> str:
        """Run a command in here to its end, which must be a good one; return what it printed."""
        done = subprocess.run(self.inside(*command), check=False, capture_output=True, text=True, timeout=_RUN_SECONDS)
        if done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    @contextmanager
    def joined(self, host: str = "") -> Iterator[None]:
        """Have this thread, and what it starts, in the network of a host; the sockets that it has do not move."""
        with open("/proc/thread-self/ns/net") as before, self._network(host).open() as inside:
            _set_network(inside.fileno())
            try:
                yield
            finally:
                _set_network(before.fileno())

    def _network(self, host: str) -> Path:
        base = Path(f"/proc/{self.holder}")
        return base / "root" / "run" / "netns" / host if host else base / "ns" / "net"

    def end(self) -> None:
        """End every process in here, and wait until they are gone; guests of the networks end too."""
        if not self.running:
            return
        for pid in self.guests():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        holder = os.pidfd_open(self.holder)
        try:
            # The holder ends when its child has, and that one, the first in here, when all the others have.
            for child in Path(f"/proc/{self.holder}/task/{self.holder}/children").read_text().split():
                with suppress(ProcessLookupError):  # it was about to end
                    os.kill(int(child), signal.SIGKILL)
            waiting = select.poll()
            waiting.register(holder, select.POLLIN)
            if not waiting.poll(_END_SECONDS * 1000):
                raise OSError(f"the processes in the namespaces of {self.holder} do not end")
        finally:
            os.close(holder)
        for process in [process for process in _started if process.pid == self.holder]:
            process.wait()
            _started.remove(process)


def _holds(pid: int, folder: Path) -> bool:
    """Whether a process holds the namespaces that ``folder`` marks."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return command[0] == b"unshare" and {str(_INIT).encode(), str(folder).encode()} <= set(command)


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


_started: list["subprocess.Popen[bytes]"] = []


def _set_network(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
