"""What is known of each client that was accepted: by whom, when it was served by what, and how that ended."""

from collections.abc import Iterator
from dataclasses import dataclass

from isoproxy.proxy.relay.result import Ending
from test.simulation.nodes import Program
from test.simulation.visitors import Visitor


@dataclass(slots=True, eq=False)
class Visit:
    """Times are the timeline's; ``line`` is what the access log says of it in the end."""

    visitor: Visitor
    desk: object
    """The proxy that accepted it: one process has another one for a service that is made anew."""
    accepted_at: float
    program: Program | None = None
    served_at: float = 0.0
    ending: Ending | None = None
    why: str = ""
    line: dict[str, str] | None = None

    def __str__(self) -> str:
        return str(self.visitor)

    @property
    def process(self) -> str:
        """Whose clock it goes by."""
        return self.visitor.machine.name

    @property
    def is_lost(self) -> bool:
        """Whether its proxy is no more."""
        return not self.visitor.machine.alive

    @property
    def waits(self) -> bool:
        """Whether it is there, and has not been served."""
        return self.program is None and self.line is None and not self.is_lost

    @property
    def is_served(self) -> bool:
        """Whether it has its pod, and has not left it."""
        return self.program is not None and self.ending is None and not self.is_lost

    def unstopped_since(self, at: float) -> float:
        """From when on its proxy can be held to its clock: it may have been stopped after ``at``."""
        return max(at, self.visitor.machine.resumed_at)


class Visits:
    """All of them, by the visitor's number."""

    def __init__(self) -> None:
        self._all: dict[int, Visit] = {}
        self._by_pod: dict[str, Visit] = {}

    def begin(self, visitor: Visitor, desk: object, now: float) -> Visit:
        """A visitor is accepted."""
        visit = self._all[visitor.number] = Visit(visitor, desk, now)
        return visit

    def find(self, number: int) -> Visit | None:
        """The visit of that number, None if there was none."""
        return self._all.get(number)

    def of(self, visitor: Visitor) -> Visit:
        """The visit of one who was accepted."""
        return self._all[visitor.number]

    def met(self, visit: Visit, program: Program, now: float) -> None:
        """It is served."""
        visit.program, visit.served_at = program, now
        self._by_pod[program.uid] = visit

    def at(self, pod_uid: str) -> Visit | None:
        """Who is or was served by a pod."""
        return self._by_pod.get(pod_uid)

    def waiting(self, desk: object) -> Iterator[Visit]:
        """Who has not been served by a proxy yet."""
        return (visit for visit in self._all.values() if visit.desk is desk and visit.waits)

    def waiting_at(self, process: str) -> Iterator[Visit]:
        """Who has not been served by any proxy of a process yet."""
        return (visit for visit in self._all.values() if visit.process == process and visit.waits)
