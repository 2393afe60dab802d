"""A PodRuntime in which nothing runs: the test says what happens."""

from collections.abc import Callable

from twisted.internet.interfaces import IStreamClientEndpoint

from isoproxy.local.runtime.facts import CannotRun, Exit, PodId, Program, Sandbox
from isoproxy.local.runtime.interface import ProgramObserver


class FakeRuntime:
    """`calls` takes down what was asked for, as (what, pod name, ...)."""

    name = "fake"

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.observers: dict[str, ProgramObserver] = {}  # of what runs, by pod name
        self.listening: dict[str, Callable[[], None]] = {}
        self.refused: dict[str, Callable[[CannotRun], None]] = {}
        self.refusal: Exception | None = None  # raised by `create`
        self.obstacles: dict[int, str] = {}  # by port
        self.codes: list[int | CannotRun] = []  # of commands beside

    async def start(self) -> None:
        self.calls.append(("start",))

    async def stop(self, grace: float) -> None:
        self.calls.append(("stop", grace))

    async def create(self, pod: PodId) -> Sandbox:
        if self.refusal is not None:
            raise self.refusal
        return Sandbox("127.64.0.1", {})

    def run(self, pod: PodId, program: Program, observer: ProgramObserver) -> None:
        self.calls.append(("run", pod.name))
        self.observers[pod.name] = observer
        observer.started(1)

    def terminate(self, pod: PodId, grace: float) -> None:
        self.calls.append(("terminate", pod.name, grace))

    async def execute(self, pod: PodId, argv: tuple[str, ...], within: float) -> int:
        self.calls.append(("execute", pod.name, argv))
        code = self.codes.pop(0)
        if isinstance(code, CannotRun):
            raise code
        return code

    def when_listening(
        self, pod: PodId, port: int, listening: Callable[[], None], refused: Callable[[CannotRun], None]
    ) -> Callable[[], None]:
        self.listening[pod.name] = listening
        self.refused[pod.name] = refused

        def cancel() -> None:
            self.listening.pop(pod.name, None)

        return cancel

    def obstacle(self, pod: PodId, port: int) -> str:
        return self.obstacles.get(port, "")

    def endpoint(self, pod: PodId, port: int) -> IStreamClientEndpoint:
        raise AssertionError("no test connects")

    def finish(self, pod: PodId) -> None:
        self.calls.append(("finish", pod.name))

    def forget(self, pod: PodId) -> None:
        self.calls.append(("forget", pod.name))

    # What happens.

    def end(self, name: str, code: int = 0, reason: str = "") -> None:
        """The pod's program ends."""
        self.observers.pop(name).ended(Exit(code, 0, reason or ("Error" if code else "Completed")))
