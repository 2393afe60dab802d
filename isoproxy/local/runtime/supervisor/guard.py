"""The way in: two processes, so that none of the pods' programs outlives either of them, or twistd.

    twistd ── requests, reports ── supervisor ── programs
                            guard ──┘ (its parent)

The supervisor ends everything when its pipe from twistd, or that from the guard, is closed: by the kernel, if
not by its owner. When the supervisor is killed, its children become the guard's, which kills them. The guard
holds the pipe for reports open to its end, so twistd reads the end of file when nothing is left to be feared.
Both are in a session of their own and ignore signals that ask them to end: a Ctrl-C in the terminal is
twistd's to handle. twistd can have a supervisor killed that does not answer any more: by a SIGUSR2 to the guard.
If all three are killed at once, the programs die with the supervisor by PR_SET_PDEATHSIG;
of what they had started in turn, the rest is killed by the next runtime (folder.clear_leftovers).
"""

import gc
import json
import os
import signal
import sys
import time
from contextlib import suppress
from typing import NamedTuple

from isoproxy.local.runtime.supervisor import folder, linux
from isoproxy.local.runtime.supervisor.control import Control
from isoproxy.local.runtime.supervisor.loop import Loop
from isoproxy.local.runtime.supervisor.reaper import kill_children
from isoproxy.local.runtime.supervisor.removal import remove
from isoproxy.local.runtime.supervisor.spawn import allow_many_files
from isoproxy.local.runtime.supervisor.supervisor import Supervisor

_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_HANGING = 10.0  # seconds; what has not gone after SIGKILL by then hangs in the kernel
_GLANCE = 0.01


class Settings(NamedTuple):
    """The one command-line argument, as JSON."""

    base: str  # where the folders of runtimes are
    output_size: int  # bytes of output that are worth keeping, of each pod
    files: int  # how many each program may have open, unless it asks for more


def main() -> None:
    """Descriptors 0 and 1 are the pipes from and to twistd, 2 is where complaints go."""
    settings = Settings(**json.loads(sys.argv[1]))
    os.chdir("/")
    allow_many_files()
    with suppress(PermissionError):  # it may lead its session already
        os.setsid()
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    requests, reports = _take_over_pipes()
    try:
        folder.prepare(settings.base)
        folder.clear_leftovers(settings.base)
        own = folder.claim(settings.base)
    except (OSError, folder.NotOurs) as error:
        sys.exit(f"isoproxy: no folder for the pods: {error}")
    linux.adopt_orphans()
    guarded, guarding = os.pipe()
    supervisor = os.fork()
    if supervisor == 0:
        os.close(guarding)
        _supervise(settings, own, requests, reports, guarded)
        return
    os.close(guarded)
    os.close(requests)
    _guard(supervisor)
    remove(own.path)


def _take_over_pipes() -> tuple[int, int]:
    """Move them out of the way of the programs, which get other ones."""
    requests, reports = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return requests, reports


def _supervise(settings: Settings, own: folder.Folder, requests: int, reports: int, guarded: int) -> None:
    linux.adopt_orphans()
    gc.freeze()  # the programs are forks of us: what is never touched is never copied
    loop = Loop()
    wakeup = _wake_up_for_children(loop)
    control = Control(loop, requests, reports)
    supervisor = Supervisor(loop, own.path, control, output_size=settings.output_size, files=settings.files)
    control.serve(supervisor.handle, on_lost=lambda: supervisor.shutdown(0.0))

    def guard_is_gone() -> None:
        loop.forget(guarded)
        supervisor.shutdown(0.0)

    loop.when_readable(guarded, guard_is_gone)
    supervisor.run()
    control.flush()
    os.close(wakeup)


def _wake_up_for_children(loop: Loop) -> int:
    """Make SIGCHLD turn the loop."""
    woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    loop.when_readable(woken, lambda: os.read(woken, 4096))
    return woken


def _guard(supervisor: int) -> None:
    """Return when the supervisor has ended and none of its descendants is left, or none that can be killed."""
    signal.signal(signal.SIGUSR2, lambda _number, _frame: os.kill(supervisor, signal.SIGKILL))
    while os.waitpid(-1, 0)[0] != supervisor:
        pass
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    give_up_at = time.monotonic() + _HANGING
    while kill_children({}) and time.monotonic() < give_up_at:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        time.sleep(_GLANCE)
