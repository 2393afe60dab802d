"""A place for a process of ours: whichever is started there has the same name, way to the API server, and pod uid."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from test.running.harness import Isoproxy
from test.soak.doings import now

_DRAINED_SECONDS = 40.0


@dataclass(slots=True)
class Run:
    """One process in a seat, and when we ended it, if so; ``clean`` says that it was asked to end."""

    process: Isoproxy
    began: float
    ended: float | None = None
    clean: bool = False


@dataclass(slots=True)
class Seat:
    """``veteran``: its process is never ended before the end of all, so that its memory can be told."""

    name: str
    road: str
    make: Callable[[], Isoproxy]
    veteran: bool
    service: str = ""
    port: int = 0
    runs: list[Run] = field(default_factory=list)

    @property
    def run(self) -> Run:
        """The newest, running or not."""
        return self.runs[-1]

    def start(self) -> None:
        """Start a process."""
        self.runs.append(Run(self.make(), now()))

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.run.ended = now()
        self.run.process.kill()

    def ask_to_end(self) -> None:
        """End it by SIGTERM."""
        self.run.ended, self.run.clean = now(), True
        self.run.process.send(signal.SIGTERM)

    def check_end(self) -> None:
        """Wait for the end that it was asked for, which must be a clean one."""
        self.run.process.check_end(signal.SIGTERM, within=_DRAINED_SECONDS)

    def freeze(self) -> None:
        """Stop it by SIGSTOP."""
        self.run.process.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.run.process.send(signal.SIGCONT)
