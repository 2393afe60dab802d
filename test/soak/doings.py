"""What the test has done that may end a connection: noted before it is done, judged afterwards."""

import threading
import time
from dataclasses import dataclass

_BEGAN = time.monotonic()


def now() -> float:
    """Return the seconds since all began, by which everything is noted."""
    return time.monotonic() - _BEGAN


@dataclass(frozen=True, slots=True)
class Deed:
    """From ``at`` on something of this kind, a pod or a service, may be ended."""

    kind: str
    name: str
    at: float


class Doings:
    """All deeds, and a history for people."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.deeds: list[Deed] = []
        self.history: list[str] = []

    def about_to_end(self, kind: str, name: str) -> None:
        """Note that a pod or a service of this name is going to be ended."""
        with self._lock:
            self.deeds.append(Deed(kind, name, now()))

    def note(self, what: str) -> None:
        """Add a line to the history."""
        with self._lock:
            self.history.append(f"{now():8.2f} {what}")
