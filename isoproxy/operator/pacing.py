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
    """What is known of one template's pods. ``retry_at`` is monotonic seconds.

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

    def allowance(self, starting: int, now: float) -> int:
        """Return how many more pods may be begun now, with ``starting`` of them under way."""
        if self.failures:
            return max(0, 1 - starting) if now >= self.retry_at else 0
        return max(0, (PROVEN_WINDOW if self.proven else FIRST_WINDOW) - starting)


def update(
    pacing: Pacing,
    *,
    template: str,
    seen: frozenset[str],
    failed: Mapping[str, str],
    working: frozenset[str],
    now: float,
    jitter: float,
    refused: str = "",
) -> Pacing:
    """Return what the pods seen now teach, by their uids.

    ``seen`` are all of this template; ``failed`` those that ended before they were used, with what they say of it;
    ``working`` those that work, or did until now; ``refused`` is why one could not even begin to be made; ``jitter`` is
    in [0, 1). Failures of one batch count once.
    """
    if pacing.template != template:
        pacing = Pacing(template=template)
    proof = working - pacing.proved
    pacing = replace(pacing, counted=pacing.counted & seen, proved=(pacing.proved | working) & seen)
    if proof:
        pacing = replace(pacing, proven=True, failures=0, retry_at=0.0, trouble="")
    troubles = [failed[uid] for uid in failed.keys() - pacing.counted - pacing.proved]
    if refused and (not pacing.failures or now >= pacing.retry_at):  # else it is of the batch that failed last
        troubles.append(refused)
    if not troubles:
        return pacing
    delay = min(MOST_DELAY, FIRST_DELAY * 2 ** min(pacing.failures, 16))
    return replace(
        pacing,
        proven=False,
        failures=pacing.failures + 1,
        retry_at=now + delay * (0.5 + jitter / 2),
        counted=seen,
        trouble=max(troubles),
    )
