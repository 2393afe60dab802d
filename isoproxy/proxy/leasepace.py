"""What a proxy says on its Lease, and when the next write of it is due. Pure.

Every write renews. Without news one is due every RENEW_SECONDS; news are told at once where someone waits for them,
else gathered for COALESCE_SECONDS. After a failure the next try comes after a drawn pause, never later than
RENEW_SECONDS after the one before began, however long the outage.
"""

from dataclasses import dataclass

from isoproxy.model import names
from isoproxy.model.proxylease import RENEW_SECONDS

COALESCE_SECONDS = 0.25
FIRST_PAUSE_SECONDS = 0.25
_MAX_DOUBLINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a proxy has and lacks: connections ``queued``; pods ``held`` that the API server shows as unused, and how
    many of those are ``claimed`` (or given back) all the same, which is not written yet."""

    queued: int = 0
    held: int = 0
    claimed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a Lease tells the operator."""

    demand: Demand = Demand()
    draining: bool = False
    ended: bool = False
    listen: str = ""
    listen_error: str = ""

    def annotations(self, grace_seconds: int) -> dict[str, str | None]:
        """Return it as annotations; None takes one away."""
        return {
            names.ANNOTATION_QUEUED: str(self.demand.queued),
            names.ANNOTATION_HELD: str(self.demand.held),
            names.ANNOTATION_CLAIMED: str(self.demand.claimed),
            names.ANNOTATION_GRACE: str(grace_seconds),
            names.ANNOTATION_DRAINING: "true" if self.draining else None,
            names.ANNOTATION_ENDED: "true" if self.ended else None,
            names.ANNOTATION_LISTEN: self.listen or None,
            names.ANNOTATION_LISTEN_ERROR: self.listen_error or None,
        }

    def is_urgent_after(self, before: "Said") -> bool:
        """Whether someone waits for it to be heard: the first client in the queue, or whoever manages the proxy."""
        return (self.demand.queued > 0 and before.demand.queued == 0) or self._state != before._state

    @property
    def _state(self) -> tuple[bool, bool, str, str]:
        return (self.draining, self.ended, self.listen, self.listen_error)


class LeasePace:
    """When to write next. Times are seconds of a clock that does not jump."""

    def __init__(self) -> None:
        self._said: Said | None = None  # as last acknowledged
        self._began: float | None = None  # the latest try
        self._began_urgent: float | None = None  # the latest try that was made because it was urgent
        self._retry_at: float | None = None
        self._failures = 0

    def due(self, wanted: Said) -> float | None:
        """Return when the next write is due, None for at once."""
        if self._began is None:
            return None
        if self._retry_at is not None:
            return self._retry_at
        if self._said is None or wanted == self._said:
            return self._began + RENEW_SECONDS
        if not self.is_urgent(wanted):
            return self._began + COALESCE_SECONDS
        # Urgent news do not wait for the others' turn, but for their own: a queue that fills and empties all the time
        # must not make more writes than anything else.
        return None if self._began_urgent is None else self._began_urgent + COALESCE_SECONDS

    def is_urgent(self, wanted: Said) -> bool:
        """Whether there are news that someone waits for."""
        return self._said is not None and wanted.is_urgent_after(self._said)

    def began(self, now: float, wanted: Said) -> None:
        """A try begins."""
        if self.is_urgent(wanted):
            self._began_urgent = now
        self._began = now
        self._retry_at = None

    def succeeded(self, said: Said) -> bool:
        """The try was acknowledged. Return whether that is the end of an outage."""
        self._said = said
        recovered = self._failures > 0
        self._failures = 0
        return recovered

    def failed(self, draw: float) -> bool:
        """The try failed; ``draw`` is a random number in [0, 1). Return whether it is the first of an outage."""
        assert self._began is not None
        longest = min(float(RENEW_SECONDS), FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, _MAX_DOUBLINGS))
        self._retry_at = self._began + longest * (1.0 + draw) / 2.0
        self._failures += 1
        return self._failures == 1
