"""What one service's next pass is given back from the last."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.names import ServiceKey
from isoproxy.operator.actions import ApplyChild, Child, DeleteChild
from isoproxy.operator.childkinds import title
from isoproxy.operator.children import contested, made_again, put_right
from isoproxy.operator.contests import Contests
from isoproxy.operator.doom import Doom
from isoproxy.operator.durations import Fact
from isoproxy.operator.observed import Applied, Family, Obstacle
from isoproxy.operator.obstacles import Obstacles
from isoproxy.operator.pacing import Pacing
from isoproxy.operator.planner import Plan
from isoproxy.operator.result import Result
from isoproxy.operator.setbacks import Setbacks


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
    name: ServiceKey = ("", "")
    untaken: Mapping[str, str] = field(default_factory=dict)
    """Why a Pod was not taken, by the uid of its record."""
    refused: str = ""
    """Why a pod was refused since the last plan."""
    taken: bool = False
    """Whether one was taken since."""
    setbacks: Setbacks = field(default_factory=Setbacks)
    doom: Doom = field(default_factory=Doom)
    """Whether its namespace is being deleted."""

    def learn(self, result: Result, *, trying: Collection[Child], now: float) -> list[ApplyChild]:
        """Take in what came of actions; returns what undid changes of others.

        ``trying`` are the children that were tried, whether they are answered for or not.
        """
        self.untaken = {**self.untaken, **result.untaken}
        self.refused, self.taken = result.refused or self.refused, result.taken or self.taken
        done = [(*result.tried[child], applied.result) for child, applied in result.applied.items()]
        repaired = [action for action, over, made in done if put_right(action, over, made)]
        remade = [action for action, over, _ in done if made_again(action, over)]
        self.applied |= result.applied
        self.obstacles = self.obstacles.after(trying, applied=result.applied, met=result.obstacles, now=now)
        self.contests = self.contests.after([action.child for action in repaired], now)
        self.losses = self.losses.after([action.child for action in remade], now)
        return repaired

    def hand_on(self, plan: Plan) -> None:
        """Take in what a plan hands on to the next one."""
        self.pacing, self.since, self.family, self.owed = plan.pacing, plan.since, plan.family, plan.owed
        self.refused, self.taken = "", False  # the plan has reckoned with it
        # Of records that are no more, it is forgotten why their Pods were not taken.
        there = {entry.record.metadata.uid for entry in plan.entries}
        self.untaken = {uid: why for uid, why in self.untaken.items() if uid in there}

    def forget_applied(self, deleted: Iterable[DeleteChild]) -> None:
        """Take in what we delete ourselves: made again, it is new, and nobody else has undone it."""
        uids = {action.metadata.uid for action in deleted}
        self.applied = {child: one for child, one in self.applied.items() if one.result.metadata.uid not in uids}

    def pause_left(self, now: float) -> float:
        """Return in how many seconds the next child may be put right, or that or a pod made again; inf: none waits."""
        return min(self.contests.left(now), self.losses.left(now), self.setbacks.left(now) or math.inf)

    def known_obstacles(self, service: DedicatedService, now: float) -> dict[Child, Obstacle]:
        """Return what is in the way as users see it: what is just being tried again, or undone by others, still is."""
        lasting = self.contests.lasting(now) | self.losses.lasting(now)
        return {child: contested(title(child, service)) for child in lasting} | dict(self.obstacles.known())
