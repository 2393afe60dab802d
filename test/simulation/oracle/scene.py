"""What every promise is judged by."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from test.simulation.history import History
from test.simulation.oracle.cluster import Cluster
from test.simulation.oracle.dials import Dials
from test.simulation.oracle.visits import Visit, Visits
from test.simulation.timeline import Timeline

_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Scene:
    """Shared by all promises, and told of each event before them."""

    timeline: Timeline
    history: History
    cluster: Cluster
    visits: Visits = field(default_factory=Visits)
    dials: Dials = field(default_factory=Dials)
    counts: Counter[str] = field(default_factory=Counter)
    ending: set[str] = field(default_factory=set)
    """The processes that were told to end."""
    dead: set[str] = field(default_factory=set)
    """The processes of proxies that are no more."""

    @property
    def now(self) -> float:
        """The timeline's time."""
        return self.timeline.now

    def wrong(self, what: str) -> None:
        """A promise is broken."""
        self.history.wrong(what)

    def is_ending(self, visit: Visit) -> bool:
        """Whether a visit's proxy was told to end, or lost its service."""
        return visit.process in self.ending or visit.visitor.service in self.cluster.deleted

    def look_after(self, seconds: float, visit: Visit, since: Callable[[], float], judge: Callable[[], None]) -> None:
        """Judge a visit once its proxy has run for so many seconds after ``since()``, the timeline's time; whoever is
        stopped meanwhile is given as long again."""

        def look() -> None:
            left = visit.unstopped_since(since()) + seconds - self.now
            if visit.visitor.machine.stopped:
                left = seconds
            if left > _SLACK:
                self.timeline.after(left, look)
            else:
                judge()

        self.timeline.after(seconds, look)
