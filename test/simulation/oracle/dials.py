"""Which pods each proxy has dialled: whoever dials has claimed."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """What the first dial to a pod tells; ``record`` is the uid of its IsolationPod."""

    process: str
    record: str
    at: float


class Dials:
    """Every dial there was."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}
        """By the record's uid."""
        self.of: dict[str, set[str]] = defaultdict(set)
        """The records' uids whose pods each process has claimed."""
        self.begun: Counter[str] = Counter()
        """How often each process has dialled."""
        self._open: dict[str, list[tuple[int, Callable[[], bool]]]] = defaultdict(list)
        self._begun = 0
        self._before: dict[object, int] = {}

    def begin(self, claim: Claim, is_open: Callable[[], bool]) -> None:
        """A proxy dials; ``is_open`` is whether it still waits for the answer."""
        self.claims.setdefault(claim.record, claim)
        self.of[claim.process].add(claim.record)
        self.begun[claim.process] += 1
        self._begun += 1
        self._open[claim.process].append((self._begun, is_open))

    def comes(self, desk: object) -> None:
        """A client comes to a proxy: what was dialled before its first was dialled by the one before it."""
        self._before.setdefault(desk, self._begun)

    def open(self, process: str, desk: object) -> int:
        """How many dials of a proxy are under way, which is the one of its process that has a desk."""
        self._open[process] = [(number, is_open) for number, is_open in self._open[process] if is_open()]
        return sum(number > self._before[desk] for number, _ in self._open[process])
