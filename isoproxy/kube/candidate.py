"""What one candidate knows of the leader's Lease, and what it may do. Pure.

Times are seconds of the candidate's own clock, which does not jump. Another's time is never believed: its Lease has
run out when it was *seen* not to change for as long as it is to last. The candidate's own leadership ends earlier,
reckoned from when the last renewal that it knows was received was *sent*. So it stops before another may begin, as
long as their clocks run at about the same speed.
"""

from dataclasses import dataclass
from datetime import datetime

from isoproxy.model import leaderlease
from isoproxy.model.leaderlease import LEASE_NAME, LeaderLease
from isoproxy.model.parsing import Json

RENEW_SECONDS = 10.0
"""Leadership that could not be renewed for so long has ended; less than the Lease lasts for others."""
RETRY_SECONDS = 2.0
"""From the beginning of one try to that of the next."""


@dataclass(frozen=True, slots=True)
class Write:
    """What to send: a new Lease, or a guarded patch of the one there is."""

    body: Json
    creates: bool


class Candidate:
    """One process that would lead."""

    def __init__(self, identity: str, lease: str = LEASE_NAME) -> None:
        """``identity`` is this process's alone, for ever; ``lease`` is what the Lease is called."""
        self._identity = identity
        self._lease = lease
        self._seen: LeaderLease | None = None
        self._seen_at = 0.0  # when the Lease was first seen to be as it is
        self._is_absent = False
        self._renewed_at: float | None = None
        self.in_doubt = False
        """Whether a write was sent to which no reply came."""

    @property
    def holder(self) -> str:
        """Who holds the Lease as far as is known, ``""`` for nobody."""
        return self._seen.holder if self._seen is not None and not self._is_absent else ""

    @property
    def until(self) -> float:
        """When leadership ends unless it is renewed; minus infinity for one that does not lead."""
        return self._renewed_at + RENEW_SECONDS if self._renewed_at is not None else float("-inf")

    def leads(self, now: float) -> bool:
        """Whether it leads; asked before each thing that only the leader may do."""
        return now < self.until

    def must_look(self, now: float) -> bool:
        """Whether to read the Lease before anything else: a leader without doubt renews what it wrote last."""
        return self.in_doubt or not self.leads(now)

    def saw(self, lease: LeaderLease | None, now: float) -> None:
        """Take in a read (None: there is no Lease) that was answered ``now``."""
        self.in_doubt = False
        self._is_absent = lease is None
        if lease is None:
            return
        if lease.holder != self._identity:
            self._renewed_at = None
        if self._seen is None or lease.metadata.resource_version != self._seen.metadata.resource_version:
            self._seen, self._seen_at = lease, now

    def may_hold(self, now: float) -> bool:
        """Whether the Lease is free, run out, or its own.

        One that was deleted has not run out: whoever held it may not know yet.
        """
        seen = self._seen
        if seen is None or seen.holder in ("", self._identity):
            return True
        return now - self._seen_at >= seen.spec.lease_duration_seconds

    def claim(self, wall: datetime) -> Write:
        """Return the write that takes or renews the Lease, where ``may_hold`` allows it; in doubt until its reply."""
        self.in_doubt = True
        if self._seen is None or self._is_absent:
            return Write(leaderlease.manifest(self._identity, wall, self._lease), creates=True)
        return Write(leaderlease.hold(self._seen, self._identity, wall), creates=False)

    def claimed(self, lease: LeaderLease, *, sent: float, replied: float) -> None:
        """Take in the reply to a claim."""
        self.saw(lease, replied)
        if lease.holder == self._identity:
            self._renewed_at = sent

    @property
    def must_release(self) -> bool:
        """Whether it holds the Lease, or might."""
        return self.in_doubt or self.holder == self._identity

    def resign(self) -> None:
        """Lead no more."""
        self._renewed_at = None

    def release(self, wall: datetime) -> Json | None:
        """Return the patch that gives the Lease up at once; None where it is not its own."""
        if self._seen is None or self.holder != self._identity:
            return None
        return leaderlease.release(self._seen, wall)
