"""Pods as local processes, each with a loopback address and a folder of its own."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IReactorProcess, IReactorTCP, IReactorTime, IStreamClientEndpoint

from isoproxy.local.runtime.addresses import AddressesExhausted, AddressPool
from isoproxy.local.runtime.facts import CannotRun, Exit, PodId, Program, Sandbox
from isoproxy.local.runtime.interface import ProgramObserver
from isoproxy.local.runtime.lifeline import Lifeline
from isoproxy.local.runtime.listeners import ListenTable, open_table
from isoproxy.local.runtime.output import Logs, OutputLog
from isoproxy.local.runtime.readiness import ListenWatch
from isoproxy.local.runtime.supervisor import wire

DEFAULT_OUTPUT = 256 * 1024  # bytes kept of each pod
_LOST = Exit(137, 9, "ContainerStatusUnknown", "the supervisor of the pods ended, and every pod with it")


class IReactor(IReactorProcess, IReactorTCP, IReactorTime):
    """What a process runtime needs of a reactor."""


@dataclass(slots=True, eq=False)
class _Pod:
    id: PodId
    ip: str
    output: OutputLog  # of the newest start
    number: int = 0  # to the supervisor; never used again
    folder: str = ""  # "" when it is gone
    observer: ProgramObserver | None = None  # while its program runs
    pid: int | None = None
    finished: bool = False


def _nothing() -> None:
    pass


class ProcessRuntime:
    """The PodRuntime of a machine without a cluster, with its PodLogs in `logs`.

    A pod's program listens on its own address out of 127.64.0.0/10; nothing keeps it from connecting elsewhere, and
    memory and CPU are not limited. Its output is kept, the newest of it, until the pod is forgotten.
    """

    name = "process"

    def __init__(
        self,
        reactor: IReactor,
        *,
        base: str,
        environment: Mapping[str, str],
        addresses: AddressPool,
        table: ListenTable | None = None,
        output_size: int = DEFAULT_OUTPUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`base`: an absolute path, the folder in which the runtimes of this user keep theirs (mode 0700, made if need
        be); `environment`: what all programs find set, beside what is their own; `output_size`: bytes for each pod."""
        self._reactor = reactor
        self._environment = dict(environment)
        self._addresses = addresses
        self._now = now
        self.logs = Logs(output_size)
        self._listening = ListenWatch(reactor, table if table is not None else open_table())
        self._lifeline = Lifeline(
            reactor, reactor, base=base, output_size=output_size, on_report=self._report, on_lost=self._lost
        )
        self._numbers = count(1)
        self._pods: dict[str, _Pod] = {}  # by uid
        self._by_number: dict[int, _Pod] = {}
        self._runs: dict[int, Deferred[wire.Ran]] = {}  # commands beside programs, by number

    async def start(self) -> None:
        await self._lifeline.up()

    async def stop(self, grace: float) -> None:
        self._listening.stop()
        await self._lifeline.stop(grace)

    async def create(self, pod: PodId) -> Sandbox:
        await self._lifeline.up()
        known = self._pods.get(pod.uid)
        if known is None:
            known = self._add(pod)
        elif not known.folder:  # it was lost with its supervisor
            self._place(known)
        variables = {
            "HOME": known.folder,
            "TMPDIR": known.folder,
            "POD_IP": known.ip,
            "POD_NAME": pod.name,
        }
        return Sandbox(known.ip, self._environment | variables)

    def run(self, pod: PodId, program: Program, observer: ProgramObserver) -> None:
        known = self._pods[pod.uid]
        known.observer = observer
        if known.output.ended:
            known.output = self.logs.open(pod)
        if not known.folder:
            self._reactor.callLater(0, self._end, known, _LOST)
            return
        try:
            self._lifeline.send(
                wire.Start(known.number, list(program.argv), dict(program.environment), program.working_directory)
            )
        except wire.WireError as error:
            self._reactor.callLater(0, self._end, known, Exit(128, 0, "StartError", f"it cannot be run: {error}"))

    def terminate(self, pod: PodId, grace: float) -> None:
        if (known := self._pods.get(pod.uid)) is not None:
            self._lifeline.send(wire.Stop(known.number, grace))

    async def execute(self, pod: PodId, argv: tuple[str, ...], within: float) -> int:
        known = self._pods.get(pod.uid)
        if known is None or not known.folder:
            raise CannotRun("NotRunning", "the pod's program is not running")
        number = next(self._numbers)

        def give_up(_: object) -> None:
            del self._runs[number]
            self._lifeline.send(wire.Kill(number))

        asked = self._runs[number] = Deferred(give_up)
        try:
            self._lifeline.send(wire.Run(number, known.number, list(argv)))
            answer = await asked.addTimeout(within, self._reactor)
        except wire.WireError as error:
            del self._runs[number]
            raise CannotRun("StartError", str(error)) from error
        except TimeoutError as error:
            raise CannotRun("Timeout", f"no result within {within:g} s") from error
        if answer.message:
            raise CannotRun("StartError", answer.message)
        return answer.code

    def when_listening(
        self, pod: PodId, port: int, listening: Callable[[], None], refused: Callable[[CannotRun], None]
    ) -> Callable[[], None]:
        known = self._pods.get(pod.uid)
        if known is None or known.pid is None:
            return _nothing
        return self._listening.add((known.ip, port), known.pid, listening, refused)

    def obstacle(self, pod: PodId, port: int) -> str:
        known = self._pods.get(pod.uid)
        return self._listening.obstacle((known.ip, port)) if known is not None else ""

    def endpoint(self, pod: PodId, port: int) -> IStreamClientEndpoint:
        return TCP4ClientEndpoint(self._reactor, self._pods[pod.uid].ip, port)

    def finish(self, pod: PodId) -> None:
        if (known := self._pods.get(pod.uid)) is not None and not known.finished:
            known.finished = True
            self._addresses.release(known.ip)
            self._by_number.pop(known.number, None)
            self._lifeline.send(wire.Finish(known.number))

    def forget(self, pod: PodId) -> None:
        self.finish(pod)
        known = self._pods.pop(pod.uid, None)
        if known is not None:
            self.logs.drop(pod, known.output)

    def _add(self, pod: PodId) -> _Pod:
        try:
            ip = self._addresses.take()
        except AddressesExhausted as error:
            raise CannotRun("NoAddress", str(error)) from error
        known = _Pod(pod, ip, self.logs.open(pod))
        self._pods[pod.uid] = known
        self._place(known)
        return known

    def _place(self, known: _Pod) -> None:
        known.number = next(self._numbers)
        known.folder = f"{self._lifeline.folder}/{known.number}"
        self._by_number[known.number] = known

    def _report(self, report: wire.Message) -> None:
        match report:
            case wire.Started(number, pid):
                if (known := self._by_number.get(number)) is not None and known.observer is not None:
                    known.pid = pid
                    known.observer.started(pid)
            case wire.Ended(number):
                if (known := self._by_number.get(number)) is not None:
                    self._end(known, _exit(report))
            case wire.Output(number):
                if (known := self._by_number.get(number)) is not None:
                    known.output.feed(self._now(), report.octets, report.left_out)
            case wire.Ran(number):
                if (asked := self._runs.pop(number, None)) is not None:
                    asked.callback(report)

    def _lost(self) -> None:
        runs, self._runs = self._runs, {}
        self._by_number.clear()
        for known in self._pods.values():
            known.folder = ""
        for run in runs.values():
            run.errback(CannotRun(_LOST.reason, _LOST.message))
        for known in list(self._pods.values()):
            self._end(known, _LOST)

    def _end(self, known: _Pod, exit_: Exit) -> None:
        if known.observer is None:
            return
        known.output.end(self._now())
        observer, known.observer, known.pid = known.observer, None, None
        observer.ended(exit_)


def _exit(report: wire.Ended) -> Exit:
    if not report.started:
        return Exit(report.code, 0, "StartError", report.message)
    return Exit(report.code, report.signal, "Completed" if report.code == 0 else "Error")
