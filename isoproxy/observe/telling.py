"""Which Events are written: a fact once, its repeats as a count, and no more than a cluster can stand. Pure.

Times are seconds of a clock that does not jump. What is not written is not told later: conditions and the log have it.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TypeVar

from isoproxy.model.event import News, Regarding

K = TypeVar("K")
V = TypeVar("V")

WINDOW_SECONDS = 600.0
"""The same fact about the same object is the same Event as long as it repeats within this."""
OBJECT_BURST = 10
OBJECT_SECONDS = 60.0
"""About one object so many Events are written at once, and one more every so many seconds."""
REPEAT_SECONDS = 120.0
"""A count is brought up to date at most so often: half of what may be told of an object is left for other facts."""
ALL_BURST = 100
ALL_SECONDS = 1.0
MOST_KEPT = 1000
"""Facts, and objects, that are remembered; the ones longest unheard of are forgotten first."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What to write: a new Event of that name, or how often one has happened by now."""

    name: str
    count: int = 1

    @property
    def is_new(self) -> bool:
        """Whether the Event has not been written before."""
        return self.count == 1


@dataclass(frozen=True, slots=True)
class _Fact:
    telling: Telling
    heard_at: float
    told_at: float


@dataclass(slots=True)
class Budget:
    """What may be spent: ``burst`` at once, and one more every ``seconds``."""

    burst: int
    seconds: float
    left: float
    at: float

    @classmethod
    def full(cls, burst: int, seconds: float, now: float) -> "Budget":
        """Return one of which nothing is spent."""
        return cls(burst, seconds, burst, now)

    def has(self, now: float) -> bool:
        """Whether there is one to spend."""
        self.left = min(self.burst, self.left + (now - self.at) / self.seconds)
        self.at = now
        return self.left >= 1

    def spend(self) -> None:
        """Take the one that ``has`` has found."""
        self.left -= 1


class Teller:
    """Remembers what was told."""

    def __init__(self) -> None:
        self._facts: OrderedDict[tuple[str, str, str], _Fact] = OrderedDict()
        self._budgets: OrderedDict[str, Budget] = OrderedDict()
        self._all: Budget | None = None

    def hear(self, regarding: Regarding, news: News, now: float, name: str) -> Telling | None:
        """Return how to tell ``news``, as ``name`` if in an Event of its own; None: not at all."""
        key = (regarding.uid, news.reason, news.note)
        fact = self._facts.get(key)
        if fact is None or now - fact.heard_at > WINDOW_SECONDS:
            if not self._may_write(regarding.uid, now):
                return None
            fact = _Fact(Telling(name), now, now)
            _keep(self._facts, key, fact)
            return fact.telling
        telling = replace(fact.telling, count=fact.telling.count + 1)
        is_due = now - fact.told_at >= REPEAT_SECONDS and self._may_write(regarding.uid, now)
        _keep(self._facts, key, _Fact(telling, now, now if is_due else fact.told_at))
        return telling if is_due else None

    def _may_write(self, uid: str, now: float) -> bool:
        """Whether there is room for one more; takes it if so."""
        if self._all is None:
            self._all = Budget.full(ALL_BURST, ALL_SECONDS, now)
        own = self._budgets.get(uid) or Budget.full(OBJECT_BURST, OBJECT_SECONDS, now)
        _keep(self._budgets, uid, own)
        if not (own.has(now) and self._all.has(now)):
            return False
        own.spend()
        self._all.spend()
        return True


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MOST_KEPT:
        kept.popitem(last=False)
