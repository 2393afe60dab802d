"""Children that others change or delete again and again are put right ever more rarely: two who never yield would
storm the API.

Pure. The usual other hand is an operator of an older version that is about to end, and, where the deletion of a service
is known to the cluster's garbage collector earlier than to us, that.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from isoproxy.operator.actions import Child
from isoproxy.operator.childkinds import WALLS

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
LONGEST_PAUSE_BEFORE_PODS_SECONDS = 5.0
"""Of what stands before pods: while it is away those that are there have no wall, and none can be made."""
FORGET_SECONDS = 60.0
"""A child that is left alone for so long after its pause is put right at once the next time."""


@dataclass(frozen=True, slots=True)
class _Contest:
    repairs: int
    until: float


@dataclass(frozen=True, slots=True)
class Contests:
    """How often one service's children were put right lately. Times are monotonic seconds."""

    _entries: Mapping[Child, _Contest] = field(default_factory=dict)

    def paused(self, now: float) -> frozenset[Child]:
        """Return the children that are not to be put right again yet."""
        return frozenset(child for child, contest in self._entries.items() if contest.until > now)

    def left(self, now: float) -> float:
        """Return in how many seconds the next of their pauses ends; inf: none is paused."""
        return min((contest.until - now for contest in self._entries.values() if contest.until > now), default=math.inf)

    def lasting(self, now: float) -> frozenset[Child]:
        """Return the children that others undid the repair of: whether or not they are as they should be just now."""
        return frozenset(
            child for child, one in self._entries.items() if one.repairs > 1 and one.until + FORGET_SECONDS > now
        )

    def after(self, repaired: Collection[Child], now: float) -> "Contests":
        """Return what is known when children were ``repaired`` at ``now``."""
        entries = {child: one for child, one in self._entries.items() if one.until + FORGET_SECONDS > now}
        for child in repaired:
            repairs = entries[child].repairs + 1 if child in entries else 1
            longest = LONGEST_PAUSE_BEFORE_PODS_SECONDS if child in WALLS else LONGEST_PAUSE_SECONDS
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (repairs - 1), longest)
            entries[child] = _Contest(repairs, now + pause)
        return Contests(entries)
