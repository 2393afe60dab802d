"""What a visitor of a service wants, and what it saw: plain data. Pure."""

from dataclasses import dataclass
from enum import Enum

from test.soak.seat import Run


class Manner(Enum):
    """How a visitor behaves once it is connected."""

    BRIEF = "brief"  # says something, and closes
    STAYS = "stays"  # talks for a while, and closes
    RESETS = "resets"  # the same, and breaks off
    SENDS = "sends"  # sends much, closes its side, and reads the rest
    HANGS_UP = "hangs up"  # does not even wait for its pod


class End(Enum):
    """How a visit ended."""

    AS_MEANT = "as it meant to"
    REFUSED = "refused"  # nobody listens
    TURNED_AWAY = "turned away"  # before it had a pod
    CUT = "cut"  # by the other side, when it had one
    GARBLED = "garbled"  # what came back is not what was sent
    TOO_LONG = "too long"  # neither a pod nor an end came in time


@dataclass(slots=True)
class Visit:
    """One connection. ``run`` is the process that was there before and after connecting, None if that changed.

    ``port`` is the visitor's own; times are as those of the history; ``pod`` is "" without one, ``serial`` says which
    connection of the pod this is, by the pod.
    """

    service: str
    seat: str
    manner: Manner
    began: float
    run: Run | None = None
    port: int = 0
    pod: str = ""
    serial: int = 0
    ended: float = 0.0
    end: End = End.REFUSED

    def __str__(self) -> str:
        pod = f"{self.pod}/{self.serial}" if self.pod else "no pod"
        about = f"{self.seat} from port {self.port}, {self.manner.value}, {pod}"
        return f"visit of {about}, from {self.began:.2f} to {self.ended:.2f}: {self.end.value}"
