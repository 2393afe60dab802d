"""The obstacles that children met, remembered so that they are tried again now and then, not at every pass. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from isoproxy.operator.actions import Child
from isoproxy.operator.observed import Obstacle

OBSTACLE_SECONDS = 5.0
"""A child whose name somebody else holds, or that is refused, is tried again after so long."""


@dataclass(frozen=True, slots=True)
class _Entry:
    obstacle: Obstacle
    until: float


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What one service's children met. Times are monotonic seconds."""

    _entries: Mapping[Child, _Entry] = field(default_factory=dict)

    def known(self) -> Mapping[Child, Obstacle]:
        """Return every obstacle that is not known to be overcome."""
        return {child: entry.obstacle for child, entry in self._entries.items()}

    def standing(self, now: float) -> Mapping[Child, Obstacle]:
        """Return those whose children are not to be tried again yet."""
        return {child: entry.obstacle for child, entry in self._entries.items() if entry.until > now}

    def after(
        self, tried: Collection[Child], *, applied: Collection[Child], met: Mapping[Child, Obstacle], now: float
    ) -> "Obstacles":
        """Return what is known when the children ``tried`` were ``applied``, or ``met`` an obstacle, or neither."""
        kept = {
            child: entry
            for child, entry in self._entries.items()
            if child not in applied and (entry.until > now or child in tried)
        }
        return Obstacles(kept | {child: _Entry(obstacle, now + OBSTACLE_SECONDS) for child, obstacle in met.items()})
