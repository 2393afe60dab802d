"""How fast pods may be made: slowly at first, fast once they work, and ever more rarely while they fail. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

FIRST_WINDOW = 8
PROVEN_WINDOW = 64
"""How many pods may be starting at once: before any has proved to work, and after."""
PROOF_SECONDS = 10.0
"""A pod that stays Ready for so long proves its template, as does one that served a connection."""
FIRST_DELAY = 1.0
MOST_DELAY = 300.0
MOST_DELAY_REFUSED = 30.0
"""What a quota has left again is to be had soon."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often in a row the API server did not take a pod, ``why`` it did not, and until when none is tried then.

    Of refusals a pod that works proves nothing: only one that is taken does. After it, twice as many are tried at once
    as before, ``window``, until there is no bound any more: 0. ``until`` is monotonic seconds.
    """

    count: int = 0
    until: float = 0.0
    window: int = 0
    why: str = ""

    def allowance(self, unanswered: int, now: float) -> int | None:
        """Return how many more may be tried now, with ``unanswered`` of them under way; None: as many as you like."""
        if not self.window:
            return None
        return max(0, self.window - unanswered) if now >= self.until else 0

    def after(self, *, taken: bool, why: str, now: float, jitter: float) -> "Refusals":
        """Return what is known after some more were ``taken``, or were not, as ``why`` says, or both."""
        known = self
        if taken:
            known = replace(self, count=0, window=2 * self.window) if 2 * self.window <= FIRST_WINDOW else Refusals()
        if not why:
            return known
        if now < known.until:  # it is of the batch that was refused last
            return replace(known, window=1)
        until = now + _delay(known.count, MOST_DELAY_REFUSED, jitter)
        return Refusals(count=known.count + 1, until=until, window=1, why=why)

    def settled(self) -> "Refusals":
        """Return what is known once all that was wanted is there: if the last one was taken, nothing is left of it."""
        return self if self.count else Refusals()


@dataclass(frozen=True, slots=True)
class Pacing:
    """What is known of one template's pods, and of refusals, of any. ``retry_at`` is monotonic seconds.

    ``counted`` are the pods, by uid, that were there when a failure was last counted: they are one batch with it.
    ``proved`` have worked: they prove nothing about pods made later, and if they end, that is no failure to start.
    """

    template: str = ""
    proven: bool = False
    failures: int = 0
    retry_at: float = 0.0
    counted: frozenset[str] = frozenset()
    proved: frozenset[str] = frozenset()
    trouble: str = ""
    refusals: Refusals = field(default_factory=Refusals)

    @property
    def in_a_row(self) -> int:
        """How many failures in a row pods are made more rarely for."""
        return max(self.failures, self.refusals.count)

    @property
    def why(self) -> str:
        """What keeps pods from being made as fast as they might be, ``""`` if nothing does."""
        return self.trouble or self.refusals.why

    def allowance(self, starting: int, unanswered: int, now: float) -> int:
        """Return how many more pods may be begun now: ``starting`` have been, ``unanswered`` may have been."""
        window = PROVEN_WINDOW if self.proven else FIRST_WINDOW
        if self.failures:
            window = 1 if now >= self.retry_at else 0
        room = max(0, window - starting - unanswered)
        tries = self.refusals.allowance(unanswered, now)
        return room if tries is None else min(room, tries)

    def left(self, now: float) -> float:
        """Return in how many seconds more pods may be begun; inf: that is no question of time."""
        waits = [self.retry_at if self.failures else now, self.refusals.until]
        return min((until - now for until in waits if until > now), default=math.inf)


def update(
    pacing: Pacing,
    *,
    template: str,
    seen: frozenset[str],
    failed: Mapping[str, str],
    working: frozenset[str],
    now: float,
    jitter: float,
    taken: bool = False,
    refused: str = "",
) -> Pacing:
    """Return what the pods seen now teach, by their uids.

    ``seen`` are all of this template; ``failed`` those that ended before they were used, with what they say of it;
    ``working`` those that work, or did until now; ``taken`` is whether the API server took one since it was asked last,
    ``refused`` why it did not take one; ``jitter`` is in [0, 1). Failures of one batch count once.
    """
    refusals = pacing.refusals.after(taken=taken, why=refused, now=now, jitter=jitter)
    if pacing.template != template:
        pacing = Pacing(template=template)
    proof = working - pacing.proved
    known = (pacing.proved | working) & seen
    pacing = replace(pacing, counted=pacing.counted & seen, proved=known, refusals=refusals)
    if proof:
        pacing = replace(pacing, proven=True, failures=0, retry_at=0.0, trouble="")
    troubles = [failed[uid] for uid in failed.keys() - pacing.counted - pacing.proved]
    if not troubles:
        return pacing
    return replace(
        pacing,
        proven=False,
        failures=pacing.failures + 1,
        retry_at=now + _delay(pacing.failures, MOST_DELAY, jitter),
        counted=seen,
        trouble=max(troubles),
    )


def _delay(failures: int, most: float, jitter: float) -> float:
    delay: float = min(most, FIRST_DELAY * 2 ** min(failures, 16))
    return delay * (0.5 + jitter / 2)
