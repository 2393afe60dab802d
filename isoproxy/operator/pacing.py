"""How fast pods may be made: slowly at first, fast once they work, and ever more rarely while they fail."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

FIRST_WINDOW = 8
PROVEN_WINDOW = 64
"""How many pods may be starting at once: before any has proved to work, and after."""
PROOF_SECONDS = 10.0
"""A pod that stays Ready for so long proves its template, as does one that served a connection."""
FIRST_DELAY = 1.0
MOST_DELAY = 300.0


@dataclass(frozen=True, slots=True)
class Pacing:
    """What is known of one template's pods. ``retry_at`` is monotonic seconds."""

    template: str = ""
    proven: bool = False
    failures: int = 0
    retry_at: float = 0.0
    counted: frozenset[str] = frozenset()
    trouble: str = ""

    def allowance(self, starting: int, now: float) -> int:
        """Return how many more pods may be begun now, with ``starting`` of them under way."""
        if self.failures:
            return max(0, 1 - starting) if now >= self.retry_at else 0
        return max(0, (PROVEN_WINDOW if self.proven else FIRST_WINDOW) - starting)


def update(
    pacing: Pacing, *, template: str, failed: Mapping[str, str], proof: bool, now: float, jitter: float
) -> Pacing:
    """Return what the pods seen now teach.

    ``failed`` are the pods of this template that ended before they were used, by uid, with what they say of it;
    ``proof`` is whether one of them works; ``jitter`` is in [0, 1). Each failure counts once; failures that
    are seen together count as one.
    """
    if pacing.template != template:
        pacing = Pacing(template=template)
    if new := failed.keys() - pacing.counted:
        failures = pacing.failures + 1
        delay = min(MOST_DELAY, FIRST_DELAY * 2 ** min(failures - 1, 16))
        return Pacing(
            template=template,
            failures=failures,
            retry_at=now + delay * (0.5 + jitter / 2),
            counted=frozenset((pacing.counted & failed.keys()) | new),
            trouble=max(failed[uid] for uid in new),
        )
    pacing = replace(pacing, counted=frozenset(pacing.counted & failed.keys()))
    return replace(pacing, proven=True, failures=0, retry_at=0.0, trouble="") if proof else pacing
