"""The one interface between the node agent and whatever runs pods: processes, namespaces, what may follow."""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IStreamClientEndpoint

from isoproxy.local.runtime.facts import CannotRun, Exit, PodId, Program, Sandbox


class ProgramObserver(Protocol):
    """Hears of one start of a pod's program."""

    def started(self, pid: int) -> None:
        """It runs. Not called when it never did."""
        ...

    def ended(self, exit_: Exit) -> None:
        """It has ended, with everything it had started. Called once, last, and never from within `run`."""
        ...


class PodRuntime(Protocol):
    """Runs one program in each pod, and cleans up behind it whatever happens, its own death included.

    Pods are told apart by uid. Nothing is called back after `stop`.
    """

    @property
    def name(self) -> str:
        """The scheme of container ids, as in `containerd://`."""
        ...

    async def start(self) -> None:
        """Get ready. Raises CannotRun."""
        ...

    async def stop(self, grace: float) -> None:
        """End all pods, SIGKILL after `grace` seconds; returns when nothing of them is left. Idempotent."""
        ...

    async def create(self, pod: PodId) -> Sandbox:
        """Give the pod an address and a folder, or what it was given before. Raises CannotRun."""
        ...

    def run(self, pod: PodId, program: Program, observer: ProgramObserver) -> None:
        """Start the program of a pod that was created and in which none runs."""
        ...

    def terminate(self, pod: PodId, grace: float) -> None:
        """SIGTERM now, SIGKILL in `grace` seconds; the earliest SIGKILL asked for holds."""
        ...

    async def execute(self, pod: PodId, argv: tuple[str, ...], within: float) -> int:
        """Run a command beside the pod's program, in its environment, for so many seconds at most; its exit code.

        Raises CannotRun."""
        ...

    def when_listening(
        self, pod: PodId, port: int, listening: Callable[[], None], refused: Callable[[CannotRun], None]
    ) -> Callable[[], None]:
        """Call `listening` once, when the pod's program listens where a connection to its address and `port` would
        arrive, found out without connecting; or `refused` if others listen there too. Returns how to cancel."""
        ...

    def obstacle(self, pod: PodId, port: int) -> str:
        """What keeps the pod from listening on that port, for the user to read; "" for all that we know."""
        ...

    def endpoint(self, pod: PodId, port: int) -> IStreamClientEndpoint:
        """How to connect to that port of the pod."""
        ...

    def finish(self, pod: PodId) -> None:
        """The pod's program ended for good: take back folder and address. Its output stays. Idempotent."""
        ...

    def forget(self, pod: PodId) -> None:
        """The Pod object is gone: `finish`, and drop the output. Idempotent."""
        ...
