"""Faults every few seconds, drawn from a seed, each undone in its time."""

import sched
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from test.soak import faults
from test.soak.faults.fault import AWAY, Begun, Fault, Unfit
from test.soak.world import World

_AGAIN_SECONDS = 2.0
_CHECK_SECONDS = 20.0


class Storm:
    """What it does is in the world's history; ``counts`` has how often each kind of fault has happened."""

    def __init__(self, world: World, *, seed: int, pace: float, check: Callable[[], object]) -> None:
        """A fault every ``pace`` seconds; ``check`` is called from time to time, and ends it all by raising."""
        self.counts: Counter[str] = Counter()
        self._world = world
        self._random = Random(f"storm {seed}")
        self._pace = pace
        self._check = check
        self._schedule = sched.scheduler(time.monotonic, time.sleep)

    def rage(self, seconds: float) -> None:
        """Go on for so long, and then until every fault is undone."""
        at, until = 0.0, time.monotonic() + seconds
        while (at := at + self._random.expovariate(1 / self._pace)) < seconds:
            [fault] = self._random.choices(faults.ALL, [fault.weight for fault in faults.ALL])
            self._schedule.enter(at, 1, self._begin, (fault, Random(f"fault {self._random.random()}")))
        for check in range(1, int(seconds / _CHECK_SECONDS) + 1):
            self._schedule.enter(check * _CHECK_SECONDS, 2, self._check)
        self._schedule.enterabs(until, 2, lambda: self._world.doings.note("no more faults"))
        self._schedule.run()

    def _begin(self, fault: Fault, random: Random) -> None:
        try:
            begun = fault.begin(self._world, random)
        except Unfit:
            return
        except AWAY as error:
            self._world.doings.note(f"{fault.kind} does not work: {error}")
            return
        self.counts[fault.kind] += 1
        self._world.doings.note(f"{fault.kind}: {begun.victim} {begun.about} for {begun.seconds:.1f} s")
        if begun.undo is not None:
            self._world.busy.add(begun.victim)
            self._schedule.enter(begun.seconds, 0, self._undo, (fault, begun))

    def _undo(self, fault: Fault, begun: Begun) -> None:
        assert begun.undo is not None
        try:
            begun.undo()
        except AWAY as error:
            self._world.doings.note(f"{fault.kind}: {begun.victim} cannot be undone yet: {error}")
            self._schedule.enter(_AGAIN_SECONDS, 0, self._undo, (fault, begun))
            return
        self._world.busy.discard(begun.victim)
        self._world.doings.note(f"{fault.kind}: {begun.victim} is over")
