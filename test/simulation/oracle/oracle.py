"""Tells every promise what happens, in one order: first what is known of everybody takes it in, then it is judged."""

from collections.abc import Callable, Iterable

from isoproxy.proxy.relay.result import Ending
from test.simulation.history import History
from test.simulation.nodes import Program
from test.simulation.oracle.assignments import Assignments
from test.simulation.oracle.ceiling import Ceiling
from test.simulation.oracle.cluster import Cluster
from test.simulation.oracle.dials import Claim
from test.simulation.oracle.gone import Gone
from test.simulation.oracle.limits import Limits
from test.simulation.oracle.lines import Lines
from test.simulation.oracle.outcomes import Outcomes
from test.simulation.oracle.queues import Queues
from test.simulation.oracle.records import Records
from test.simulation.oracle.relays import Relays
from test.simulation.oracle.scene import Scene
from test.simulation.oracle.sessions import Sessions
from test.simulation.oracle.walls import Walls
from test.simulation.server import Server
from test.simulation.timeline import Timeline
from test.simulation.visitors import Visitor, fields_of, is_from


class Oracle:
    """``grace`` is every proxy's; ``working`` and ``elects``: see ``Ceiling``."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        history: History,
        server: Server,
        grace: float,
        working: Callable[[float], int],
        elects: bool,
    ) -> None:
        cluster = Cluster(timeline, server, grace)
        self._scene = scene = Scene(timeline, history, cluster)
        self.doings = cluster.doings
        self.excused = cluster.excuses
        self.counts = scene.counts
        self._assignments = Assignments(scene)
        self._sessions = Sessions(scene)
        self._limits = Limits(scene)
        self._gone = Gone(scene)
        self._outcomes = Outcomes(scene)
        self._lines = Lines(scene)
        self._queues = Queues(scene)
        self._relays = Relays(scene)
        self._others = (Records(scene), Ceiling(scene, working=working, elects=elects), Walls(scene))
        self.deadline_came = self._sessions.deadline_came

    # A client's connection, in the order of its life

    def arrives(self, visitor: Visitor, desk: object) -> None:
        """A proxy accepts a visitor; ``desk`` is which of those that its process is, or was, for services of a name."""
        self._scene.visits.begin(visitor, desk, self._scene.now)
        self._scene.dials.comes(desk)

    def has_arrived(self, visitor: Visitor) -> None:
        """What comes of that at once has come of it."""
        self._queues.has_arrived(self._scene.visits.of(visitor))

    def dials(self, process: str, record_uid: str, is_open: Callable[[], bool]) -> None:
        """A proxy begins to connect to the pod of an IsolationPod; ``is_open`` is whether it waits for the answer."""
        self._scene.dials.begin(Claim(process, record_uid, self._scene.now), is_open)

    def accepts(self, program: Program, record_uid: str, process: str) -> None:
        """A proxy's connection, meant for the pod of an IsolationPod, is accepted by a program."""
        self._assignments.accepts(program, record_uid, process)

    def handed_over(self, visitor: Visitor, early: bytes, eof: bool) -> None:
        """A relay is made for a visitor, and given what it has sent, and whether that was all."""
        self._relays.handed_over(self._scene.visits.of(visitor), early, eof)

    def served(self, visitor: Visitor, program: Program) -> None:
        """A visitor has its pod."""
        scene = self._scene
        scene.counts["served"] += 1
        scene.history.note(f"{visitor} is served by {program}")
        if visitor.over:
            scene.wrong(f"I3: {visitor} is served, and was over")
        visit = scene.visits.of(visitor)
        scene.visits.met(visit, program, scene.now)
        self._sessions.served(visit)
        self._queues.served(visit)
        self._limits.served(visit)

    def told_gone(self, visitor: Visitor) -> None:
        """A proxy says that a visitor's pod is no more."""
        self._gone.told(self._scene.visits.of(visitor))

    def program_closed(self, visitor: Visitor) -> None:
        """Its program has closed its side, and waits for the visitor to do so."""
        self._gone.program_closed(self._scene.visits.of(visitor))

    def left(self, visitor: Visitor, program: Program, ending: Ending, why: str) -> None:
        """A session is over."""
        self._scene.history.note(f"{visitor} leaves {program}: {ending.value} {why}")
        visit = self._scene.visits.of(visitor)
        visit.ending, visit.why = ending, why
        self._sessions.left(visit)
        self._limits.left(visit)

    def line(self, text: str) -> None:
        """A proxy wrote a line of its access log."""
        self._scene.history.note(text)
        told = fields_of(text)
        self._scene.counts[told["outcome"]] += 1
        visit = self._scene.visits.find(is_from(text))
        assert visit is not None
        self._queues.line(visit, told)
        self._outcomes.line(visit, told)
        self._lines.line(visit, told)
        visit.line = told

    # A proxy's end

    def told_to_end(self, process: str) -> None:
        """A proxy is to drain."""
        self._scene.ending.add(process)

    def died(self, process: str) -> None:
        """A proxy is no more."""
        self._scene.dead.add(process)

    # What is known

    def told_of(self, visitor: Visitor) -> tuple[int, float]:
        """How many dials a visitor took, and how long it waited, as its proxy tells; no dials where it does not."""
        visit = self._scene.visits.find(visitor.number)
        if visit is None or visit.line is None:
            return 0, 0.0
        return int(visit.line["attempts"]), float(visit.line["queued"])

    def check_told(self, visitors: Iterable[Visitor]) -> None:
        """Every connection to a process that still lives has ended in one line, and the lines tell of every dial."""
        visits = [self._scene.visits.of(visitor) for visitor in visitors if visitor.accepted]
        for visit in visits:
            self._outcomes.check_told(visit)
        for process in sorted({visit.process for visit in visits if not visit.is_lost}):
            self._lines.check_all(process)

    def is_gone(self, program: Program) -> bool:
        """Whether the record of a program's pod is deleted."""
        return not self._scene.cluster.has_record(program.uid)
