"""One kind of fault, and what it is when it has begun."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from random import Random

from test.running.api import Refused
from test.soak.seat import Seat
from test.soak.world import World

API = "the API server"
"""What is busy while the API server or its store suffers: nobody else does anything by it then."""

AWAY = (OSError, HTTPException, Refused)
"""How an API server says that it cannot help just now."""


class Unfit(Exception):
    """There is nobody just now whom it could happen to."""


@dataclass(frozen=True, slots=True)
class Begun:
    """``victim`` suffers, until after ``seconds`` it is undone, if there is something to undo."""

    victim: str
    seconds: float = 0.0
    undo: Callable[[], object] | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """``weight`` is how likely it is. ``begin`` does it to whomever chance says, and raises Unfit."""

    kind: str
    weight: float
    begin: Callable[[World, Random], Begun]


def someone(world: World, random: Random, seats: Sequence[Seat]) -> Seat:
    """Return a seat that does not suffer yet; raises Unfit."""
    idle = [seat for seat in seats if seat.name not in world.busy]
    if not idle:
        raise Unfit
    return random.choice(idle)


def mortals(seats: Sequence[Seat]) -> list[Seat]:
    """Return those whose processes may be ended."""
    return [seat for seat in seats if not seat.veteran]


def leave_alone(world: World) -> None:
    """Raise Unfit while the API server suffers."""
    if API in world.busy:
        raise Unfit
