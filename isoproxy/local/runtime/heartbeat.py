"""What a node writes of itself, and when: its Node now and then, and the Lease that proves that it lives. Pure.

The habits are a kubelet's, and the node-lifecycle controller of a cluster counts on them: when a Lease was not renewed
for about its length, the controller takes the node for dead, and says so on the Node and on all of its Pods.
"""

import enum
import math
from dataclasses import dataclass

from isoproxy.kube.retry import full_jitter

LEASE_SECONDS = 40
RENEW_SECONDS = 10.0
REPORT_SECONDS = 300.0
LONGEST_PAUSE = 7.0  # seconds between tries: several of them in the life of a Lease


class Write(enum.Enum):
    """One thing to write."""

    NODE = "the Node"
    LEASE = "its Lease"


@dataclass(slots=True)
class _Beat:
    every: float
    due: float
    failures: int = 0


class Heartbeat:
    """What to write next: the Node at once, the Lease when that is written, then each in its time.

    Neither waits for the other's failures. Times are seconds of one clock.
    """

    def __init__(self) -> None:
        self._beats = {
            Write.NODE: _Beat(REPORT_SECONDS, due=-math.inf),
            Write.LEASE: _Beat(RENEW_SECONDS, due=math.inf),
        }
        self._renewed_at: float | None = None

    def next(self, now: float) -> tuple[Write, float]:
        """The next write, and in how many seconds it is due."""
        write = min(self._beats, key=lambda write: self._beats[write].due)
        return write, max(0.0, self._beats[write].due - now)

    def succeeded(self, write: Write, sent_at: float) -> bool:
        """It was acknowledged. Return whether the node had been silent for so long that it will have been taken for
        dead; the Node is then due at once, to say otherwise."""
        beat = self._beats[write]
        beat.failures = 0
        beat.due = sent_at + beat.every
        if write is Write.NODE:
            self._beats[Write.LEASE].due = min(self._beats[Write.LEASE].due, sent_at)
            return False
        silent = self._renewed_at is not None and sent_at - self._renewed_at > LEASE_SECONDS
        self._renewed_at = sent_at
        if silent:
            self._beats[Write.NODE].due = sent_at
        return silent

    def failed(self, write: Write, now: float, draw: float) -> bool:
        """It failed; `draw` is a random number in [0, 1). Return whether it is the first failure in a row."""
        beat = self._beats[write]
        beat.failures += 1
        beat.due = now + full_jitter(beat.failures, lambda: draw, ceiling=LONGEST_PAUSE)
        return beat.failures == 1
