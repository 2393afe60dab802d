"""Collects the dead, and kills what they left behind."""

import os
import signal
import time

from isoproxy.local.runtime.supervisor.job import Job
from isoproxy.local.runtime.supervisor.procfs import children

_STUCK = 2.0  # seconds after SIGKILL; what is still there hangs in the kernel, and holds up nothing


def kill_children(spared: dict[int, Job]) -> list[int]:
    """SIGKILL every direct child but those spared; their pids.

    What they have started becomes our child in turn, and goes with the next call. None of these pids can be
    another's, because only we can reap our children.
    """
    strays = [pid for pid in children(os.getpid()) if pid not in spared]
    for pid in strays:
        os.kill(pid, signal.SIGKILL)
    return strays


class Reaper:
    """Knows the jobs that run; every other child of this process is a stray, left by one that has ended.

    That is so because a job's first process adopts the orphans of its own (see spawn): they come to us only
    at its end.
    """

    def __init__(self) -> None:
        self._running: dict[int, Job] = {}
        self._ending: list[Job] = []  # their first process is gone, their strays may not be
        self._killed: dict[int, float] = {}  # strays, and when they were killed first

    @property
    def idle(self) -> bool:
        """Nothing runs, nothing is left."""
        return not (self._running or self._ending)

    @property
    def ending(self) -> bool:
        """Whether `collect` should be called again soon."""
        return bool(self._ending)

    def add(self, job: Job) -> None:
        """Before the next `collect`."""
        self._running[job.pid] = job

    def collect(self) -> None:
        """Reap all that are dead; kill strays; settle the jobs that have none any more."""
        if self._reap() or self._ending:
            self._sweep()

    def _reap(self) -> bool:
        reaped = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return reaped
            if pid == 0:
                return reaped
            reaped = True
            self._killed.pop(pid, None)
            job = self._running.pop(pid, None)
            if job is not None:
                job.reaped(status)
                self._ending.append(job)

    def _sweep(self) -> None:
        now = time.monotonic()
        strays = kill_children(self._running)
        if any(now - self._killed.setdefault(pid, now) < _STUCK for pid in strays):
            return
        ended, self._ending = self._ending, []
        for job in ended:
            job.settle()
