"""How a relay ended, as data."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Side(enum.Enum):
    """The two ends of a relay."""

    CLIENT = "client"
    BACKEND = "backend"


class Ending(enum.Enum):
    """Every way a relay can end: a closed set."""

    BOTH_CLOSED = "both_closed"
    """Each side sent its FIN, and each FIN was passed on after all bytes before it."""
    CLIENT_RESET = "client_reset"
    """The client's connection broke (a reset, or the network gave it up); the backend's was reset."""
    BACKEND_RESET = "backend_reset"
    """The backend's connection broke; the client's was reset."""
    BACKEND_GONE = "backend_gone"
    """What was behind the backend's connection is no more, and all that it had sent was passed on, its FIN included."""
    ABORTED = "aborted"
    """We ended it: both connections were reset."""
    FAILED = "failed"
    """The kernel refused an operation for a reason that is neither side's; both connections were reset."""


@dataclass(frozen=True, slots=True)
class RelayResult:
    """What a relay did.

    ``bytes_in`` were handed to the backend's socket, ``bytes_out`` to the client's. ``error`` says why in one word,
    the name of an errno if there is one; it is empty for BOTH_CLOSED.
    """

    ending: Ending
    bytes_in: int
    bytes_out: int
    error: str
