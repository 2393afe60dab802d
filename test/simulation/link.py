"""What a process's requests meet on their way to the API server and back."""

from dataclasses import dataclass, field
from random import Random

from isoproxy.kube.errors import Conflict, KubeError, NotSent, ServerError, TooManyRequests, UnknownOutcome

QUICK = (0.001, 0.02)  # seconds, one way
SLOW = (0.5, 14.0)
TIMEOUT_SECONDS = 10.0  # of a request whose answer does not come
CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Fate:
    """Of one request: how long it takes there and back, and what goes wrong. Seconds."""

    there: float
    back: float
    refused: KubeError | None = None
    """It has no effect."""
    lost: KubeError | None = None
    """It has its effect, and this is all the sender hears."""
    silent: bool = False
    """The sender hears nothing at all; with ``refused`` it has no effect either."""


@dataclass(slots=True)
class Link:
    """The way between one process and the API server. Likelihoods are per request, or per delivery of a watch."""

    random: Random
    cut: bool = False
    deaf: bool = False
    """Watches deliver nothing, and do not break; requests get through."""
    deaf_to: str = ""
    """The kind (its plural) whose watches alone are so."""
    loses_guarded: bool = False
    """Nobody hears what became of a guarded write."""
    slow: float = 0.0
    slow_seconds: tuple[float, float] = SLOW
    """How long a request takes that is slow, one way."""
    trouble: float = 0.0
    watch_trouble: float = 0.0
    met: dict[str, int] = field(default_factory=dict)
    """What was met how often."""

    def fate(self, *, guarded: bool) -> Fate:
        """Draw what becomes of the next request."""
        is_slow = self.random.random() < self.slow
        span = self.slow_seconds if is_slow else QUICK
        there, back = self.random.uniform(*span), self.random.uniform(*span)
        if self.cut:
            self._count("partition")
            return self._parted(there, back)
        if guarded and self.loses_guarded:
            self._count("answer lost")
            return Fate(there, back, lost=UnknownOutcome("connection reset"))
        if self.random.random() < self.trouble:
            return self._troubled(there, back, guarded=guarded)
        if is_slow:
            self._count("slow request")
        return Fate(there, back)

    def _parted(self, there: float, back: float) -> Fate:
        if self.random.random() < 0.5:
            return Fate(CONNECT_SECONDS, back, refused=NotSent("no route"))
        return Fate(there, back, refused=UnknownOutcome("timed out"), silent=True)

    def _troubled(self, there: float, back: float, *, guarded: bool) -> Fate:
        kinds = ["reset", "answer lost", "answer lost late", "500 after", "503 before", "429", "late effect"]
        kind = self.random.choice([*kinds, "409"] if guarded else kinds)
        fates = {
            "reset": Fate(there, back, refused=NotSent("connection refused")),
            "answer lost": Fate(there, back, lost=UnknownOutcome("connection reset")),
            "answer lost late": Fate(there, back, silent=True),
            "500 after": Fate(there, back, lost=ServerError(500, message="etcdserver: request timed out")),
            "503 before": Fate(there, back, refused=ServerError(503, message="no leader")),
            "429": Fate(there, back, refused=TooManyRequests(429, retry_after=1.0)),
            "409": Fate(there, back, refused=Conflict(409, message="the object has been modified")),
            "late effect": Fate(TIMEOUT_SECONDS * self.random.uniform(0.5, 2.0), back, silent=True),
        }
        self._count(kind)
        return fates[kind]

    def watch_fault(self) -> str:
        """Draw what befalls a delivery of a watch, "" for nothing."""
        if self.random.random() >= self.watch_trouble:
            return ""
        kind = self.random.choice(["broken", "ended", "expired", "repeated", "late"])
        self._count(f"watch {kind}")
        return kind

    def _count(self, kind: str) -> None:
        self.met[kind] = self.met.get(kind, 0) + 1
