"""What one service's next pass is given back from the last."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.operator.actions import Child
from isoproxy.operator.childkinds import title
from isoproxy.operator.children import contested
from isoproxy.operator.contests import Contests
from isoproxy.operator.doom import Doom
from isoproxy.operator.durations import Fact
from isoproxy.operator.observed import Applied, Family, Obstacle
from isoproxy.operator.obstacles import Obstacles
from isoproxy.operator.pacing import Pacing


@dataclass(slots=True)
class Memory:
    """What was found out about one service; ``name`` is its namespace and name, for the log and the metrics."""

    pacing: Pacing = field(default_factory=Pacing)
    since: Mapping[Fact, float] = field(default_factory=dict)
    family: Family | None = None
    owed: Mapping[str, float] = field(default_factory=dict)
    applied: dict[Child, Applied] = field(default_factory=dict)
    obstacles: Obstacles = field(default_factory=Obstacles)
    contests: Contests = field(default_factory=Contests)
    """About children that others change."""
    losses: Contests = field(default_factory=Contests)
    """About those that others delete: of one that was changed, a deletion is the first all the same."""
    name: tuple[str, str] = ("", "")
    untaken: Mapping[str, str] = field(default_factory=dict)
    """Why a Pod was not taken, by the uid of its record."""
    doom: Doom = field(default_factory=Doom)
    """Whether its namespace is being deleted."""

    def learn_untaken(self, found: Mapping[str, str], records: Iterable[IsolationPod]) -> None:
        """Take in which Pods were not taken just now; of records that are no more, forget it."""
        there = {record.metadata.uid for record in records}
        self.untaken = {uid: why for uid, why in self.untaken.items() if uid in there} | dict(found)

    def known_obstacles(self, service: DedicatedService, now: float) -> dict[Child, Obstacle]:
        """Return what is in the way as users see it: what is just being tried again, or undone by others, still is."""
        lasting = self.contests.lasting(now) | self.losses.lasting(now)
        return {child: contested(title(child, service)) for child in lasting} | dict(self.obstacles.known())
