"""Which pods each proxy has dialled: whoever dials has claimed."""

from collections import defaultdict
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
        self._open: dict[str, list[Callable[[], bool]]] = defaultdict(list)

    def begin(self, claim: Claim, is_open: Callable[[], bool]) -> None:
        """A proxy dials; ``is_open`` is whether it still waits for the answer."""
        self.claims.setdefault(claim.record, claim)
        self.of[claim.process].add(claim.record)
        self._open[claim.process].append(is_open)

    def open(self, process: str) -> int:
        """How many dials of a process are under way."""
        self._open[process] = [one for one in self._open[process] if one()]
        return len(self._open[process])
