"""The addresses of pods.

They are used again at once, and the last one first, where a pod ended because the operator ended it: whoever still
dials it meets somebody else. Those of pods that ended otherwise are rested: that an address goes to another pod before
anybody could hear of it is the one case that no proxy can tell. So are those that two pods swap: who means another than
the one who has it now meets nobody.
"""

from typing import Generic, TypeVar

from test.simulation.timeline import Timeline

REST_SECONDS = 600.0
T = TypeVar("T")


class Addresses(Generic[T]):
    """Who has which."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._holders: dict[str, T] = {}
        self._free = [f"10.0.0.{number}" for number in range(250, 0, -1)]
        self._swapped: dict[str, float] = {}
        """Until when each rests, by the timeline."""

    def holder(self, ip: str) -> T | None:
        """Who has an address now."""
        return self._holders.get(ip)

    def give(self, holder: T) -> str:
        """An address for somebody, "" if there is none left."""
        if not self._free:
            return ""
        ip = self._free.pop()
        self._holders[ip] = holder
        return ip

    def swap(self, one: str, other: str, *, rest: float) -> None:
        """Their holders change places; both rest for so many seconds."""
        self._holders[one], self._holders[other] = self._holders[other], self._holders[one]
        self._swapped[one] = self._swapped[other] = self._timeline.now + rest

    def rests(self, ip: str) -> bool:
        """Whether an address was swapped so lately that not everybody need have heard of it."""
        return self._swapped.get(ip, 0.0) > self._timeline.now

    def take_back(self, ip: str, *, rests: bool) -> None:
        """Nobody has it any more."""
        del self._holders[ip]
        if rests:
            self._timeline.after(REST_SECONDS, self._free.append, ip)
        else:
            self._free.append(ip)
