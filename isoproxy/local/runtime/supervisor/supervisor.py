"""Carries out twistd's requests, and reports."""

import base64
import os
import time
from collections.abc import Iterator

from isoproxy.local.runtime.supervisor import wire
from isoproxy.local.runtime.supervisor.complaints import complain
from isoproxy.local.runtime.supervisor.control import Control
from isoproxy.local.runtime.supervisor.job import Command, Job, Outcome
from isoproxy.local.runtime.supervisor.loop import Loop
from isoproxy.local.runtime.supervisor.output import Output
from isoproxy.local.runtime.supervisor.reaper import Reaper
from isoproxy.local.runtime.supervisor.removal import remove, removing
from isoproxy.local.runtime.supervisor.spawn import CannotSpawn

_RECHECK = 0.05  # seconds between looks at strays that do not go
_SLICE = 0.005  # seconds of removing folders between two turns of the loop
_HANGING = 5.0  # seconds past the grace of a shutdown: what lives then cannot be killed
_WORDS = 512  # characters of what is told to a user


class Pod:
    """What the supervisor keeps for one pod."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.env: dict[str, str] = {}
        self.working_directory = ""
        self.job: Job | None = None  # None: nothing runs
        self.runs: dict[int, Job] = {}  # commands beside it
        self.finished = False


class Supervisor:
    """One life: `run` returns when all is ended and removed."""

    def __init__(self, loop: Loop, folder: str, control: Control, *, output_size: int, files: int) -> None:
        self._loop = loop
        self._folder = folder
        self._output_size = output_size
        self._files = files
        self._control = control
        self._report = control.report
        self._reaper = Reaper()
        self._pods: dict[int, Pod] = {}
        self._removals: list[Iterator[None]] = []
        self._give_up_at: float | None = None  # set by shutdown

    def run(self) -> None:
        """Serve until a shutdown has been carried out."""
        self._report(wire.Hello(os.getpid(), self._folder))
        while not self._done():
            self._loop.turn(self._patience())
            self._reaper.collect()
            self._remove_some()
        remove(self._folder)

    def shutdown(self, grace: float) -> None:
        """Stop everything; nothing is started from now on."""
        give_up_at = time.monotonic() + grace + _HANGING
        self._give_up_at = min(give_up_at, self._give_up_at or give_up_at)
        for pod in self._pods.values():
            for job in (pod.job, *pod.runs.values()):
                if job is not None:
                    job.stop(grace)

    def handle(self, request: wire.Message) -> None:
        """Carry out one request. What concerns a pod that is not known, or no longer, is answered by its end.

        Raises WireError for what is none."""
        try:
            self._carry_out(request)
        except wire.WireError:
            raise
        except Exception as error:  # a mistake of ours about one pod must not cost all of them
            complain(f"a {type(request).__name__} was not carried out: {error!r}")
            self._refuse(request, error)

    def _refuse(self, request: wire.Message, error: Exception) -> None:
        match request:
            case wire.Start(number):
                self._report(wire.Ended(number, False, 128, 0, _words(error)))
            case wire.Run(run):
                self._report(wire.Ran(run, 128, _words(error)))

    def _carry_out(self, request: wire.Message) -> None:
        match request:
            case wire.Start():
                self._start(request)
            case wire.Stop(number, grace):
                if (pod := self._pods.get(number)) is not None and pod.job is not None:
                    pod.job.stop(grace)
            case wire.Run():
                self._run_beside(request)
            case wire.Kill(run):
                for pod in self._pods.values():
                    if run in pod.runs:
                        pod.runs[run].stop(0.0)
            case wire.Finish(number):
                if (pod := self._pods.get(number)) is not None:
                    pod.finished = True
                    self._clean_up(number, pod)
            case wire.Shutdown(grace):
                self.shutdown(grace)
            case _:
                raise wire.WireError(f"{type(request).__name__} is no request")

    def _patience(self) -> float | None:
        if self._removals:
            return 0.0
        return _RECHECK if self._reaper.ending or self._give_up_at is not None else None

    def _done(self) -> bool:
        if self._give_up_at is None:
            return False
        return self._reaper.idle or time.monotonic() > self._give_up_at

    def _start(self, request: wire.Start) -> None:
        number = request.pod
        pod = self._pods.setdefault(number, Pod(os.path.join(self._folder, str(number))))
        if pod.job is not None or pod.finished or self._give_up_at is not None:
            self._report(wire.Ended(number, False, 128, 0, "it runs already, or the runtime is stopping"))
            return
        output = Output(self._loop, self._output_size, lambda data, left_out: self._send_output(number, data, left_out))
        pod.env, pod.working_directory = request.env, request.working_directory

        def ended(outcome: Outcome) -> None:
            pod.job = None
            for job in pod.runs.values():
                job.stop(0.0)
            output.end()
            self._report(wire.Ended(number, *outcome))
            self._clean_up(number, pod)

        try:
            os.makedirs(pod.folder, mode=0o700, exist_ok=True)
            pod.job = Job(
                self._loop,
                self._command(request.argv, pod),
                on_started=lambda pid: self._report(wire.Started(number, pid)),
                on_output=output.append,
                on_ended=ended,
            )
        except (CannotSpawn, OSError) as error:
            self._refuse(request, error)
        else:
            self._reaper.add(pod.job)

    def _run_beside(self, request: wire.Run) -> None:
        pod = self._pods.get(request.pod)
        if pod is None or pod.job is None or self._give_up_at is not None:
            self._report(wire.Ran(request.run, 128, "the pod's program is not running"))
            return

        def ended(outcome: Outcome) -> None:
            del pod.runs[request.run]
            self._report(wire.Ran(request.run, outcome.code, outcome.message))
            self._clean_up(request.pod, pod)

        try:
            job = Job(self._loop, self._command(request.argv, pod), on_ended=ended)
        except CannotSpawn as error:
            self._refuse(request, error)
        else:
            pod.runs[request.run] = job
            self._reaper.add(job)

    def _command(self, argv: list[str], pod: Pod) -> Command:
        return Command(argv, pod.env, pod.folder, pod.working_directory, self._files)

    def _clean_up(self, number: int, pod: Pod) -> None:
        """Forget it when it is finished and nothing runs in it."""
        if pod.finished and pod.job is None and not pod.runs and self._pods.pop(number, None) is not None:
            self._removals.append(removing(pod.folder))

    def _send_output(self, number: int, data: bytes, left_out: int) -> bool:
        if self._control.clogged:
            return False
        self._report(wire.Output(number, base64.b64encode(data).decode("ascii"), left_out))
        return True

    def _remove_some(self) -> None:
        until = time.monotonic() + _SLICE
        while self._removals and time.monotonic() < until:
            if next(self._removals[0], self) is self:
                del self._removals[0]


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:_WORDS]
