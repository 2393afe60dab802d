"""What the tests of the process runtime share."""

import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import deferLater

from isoproxy.local.runtime.addresses import AddressPool
from isoproxy.local.runtime.facts import Exit, PodId, Program
from isoproxy.local.runtime.interface import PodRuntime
from isoproxy.local.runtime.process import ProcessRuntime
from test.running.waiting import BOUND

WITHIN = BOUND
# What a program does to become a daemon: fork, a session of its own, fork again.
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
os.wait()
"""
_PATH = os.environ.get("PATH", os.defpath)


def the_reactor() -> Any:
    from twisted.internet import reactor

    return reactor


async def eventually(condition: Callable[[], Any], within: float = WITHIN) -> Any:
    """Wait until the condition gives something true, and return that."""
    reactor = the_reactor()
    deadline = reactor.seconds() + within
    while not (result := condition()):
        assert reactor.seconds() < deadline, "it did not happen in time"
        await deferLater(reactor, 0.01)
    return result


@contextmanager
def in_one_moment() -> Iterator[None]:
    """Let no time pass by the monotonic clock, however long this takes."""
    now = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: now)
        yield


async def eventually_async(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the condition holds; it has to be asked for."""
    reactor = the_reactor()
    deadline = reactor.seconds() + WITHIN
    while not await condition():
        assert reactor.seconds() < deadline, "it did not happen in time"
        await deferLater(reactor, 0.02)


def make_runtime(base: Path, **options: Any) -> ProcessRuntime:
    """A runtime of the real kind; tests that run at the same time hardly ever share an address."""
    start = int.from_bytes(os.urandom(3), "big")
    return ProcessRuntime(
        the_reactor(),
        base=str(base),
        environment={"PATH": _PATH, "LANG": "C.UTF-8"},
        addresses=AddressPool(start=start),
        **options,
    )


@dataclass
class Observer:
    """Takes down what a runtime says of a program."""

    pids: list[int] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)

    def started(self, pid: int) -> None:
        self.pids.append(pid)

    def ended(self, exit_: Exit) -> None:
        self.exits.append(exit_)


def pod_id(name: str = "pod") -> PodId:
    return PodId("default", name, f"uid-of-{name}")


async def run(runtime: PodRuntime, pod: PodId, *argv: str, **environment: str) -> Observer:
    """Create the pod and run a command in it."""
    sandbox = await runtime.create(pod)
    observer = Observer()
    runtime.run(pod, Program(argv, {**sandbox.environment, **environment}), observer)
    return observer


def python(code: str) -> tuple[str, ...]:
    """A command that runs this code; without site packages, to be quick."""
    return (sys.executable, "-I", "-S", "-c", code)


def marked(mark: str) -> list[int]:
    """The living processes that have MARK=`mark` in their environment."""
    return [pid for pid in _pids() if f"\0MARK={mark}\0".encode() in b"\0" + _environ(pid) and not _is_zombie(pid)]


def daemonized(mark: str, programs: int = 1) -> bool:
    """Whether so many programs with this mark have done what DAEMON says: they live, and so many whose session's leader
    has ended."""
    pids = marked(mark)
    try:
        daemons = [pid for pid in pids if os.getsid(pid) not in pids]
    except ProcessLookupError:  # it has ended since
        return False
    return len(pids) == 2 * programs and len(daemons) == programs


def leftovers(base: Path) -> list[str]:
    """The folders of runtimes."""
    return os.listdir(base)


def free_port() -> int:
    """A port that nothing listens on, on any address."""
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


def is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}") and not _is_zombie(pid)


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
