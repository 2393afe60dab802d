"""What a happening is made of: how likely it is, and what it does to a world."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from test.simulation.world import World

T = TypeVar("T")
Happen = Callable[[World, float, float], None]
"""Takes ``which`` and ``amount`` of a happening: shares, in [0, 1), that say to whom and how much."""
LONGEST_TROUBLE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of happenings; ``likelihood`` is its weight among all."""

    likelihood: float
    happen: Happen


def choose(among: Sequence[T], which: float) -> T | None:
    """One of them, None if there is none."""
    return among[int(which * len(among))] if among else None


def seconds(amount: float, longest: float = LONGEST_TROUBLE) -> float:
    """Often short, sometimes long."""
    return longest * amount**3
