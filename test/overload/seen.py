"""What an overloaded process shows from outside: its writes, its connections' ends, its descriptors."""

import os
import time
from collections import Counter
from dataclasses import dataclass
from typing import Self

from test.overload.effort import PATIENCE
from test.running.harness import Isoproxy
from test.running.waiting import eventually

_WRITES = ("create", "patch", "delete")


def descriptors(process: Isoproxy) -> int:
    """Return how many files, sockets among them, a process has open."""
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def outcomes(process: Isoproxy, service: str) -> Counter[str]:
    """Return how many connections to a service have ended, and how."""
    return Counter(
        {
            sample.labels["outcome"]: int(sample.value)
            for sample in process.metrics()
            if sample.name == "isoproxy_connections_total" and sample.labels["service"] == service and sample.value
        }
    )


def all_ended(process: Isoproxy, service: str, count: int) -> Counter[str]:
    """Wait until ``count`` connections to a service have ended, and return how; there must not be more."""

    def enough() -> Counter[str] | None:
        ended = outcomes(process, service)
        assert ended.total() >= count, ended
        return ended

    ended = eventually(enough, f"the end of {count} connections to {service}", within=PATIENCE)
    assert ended.total() == count, ended
    return ended


def wait_for_queue(process: Isoproxy, service: str, length: int) -> None:
    """Wait until so many connections to a service wait for a pod."""

    def is_so() -> bool:
        return process.metric("isoproxy_queued", service=service) == length

    eventually(is_so, f"{length} in the queue of {service}", within=PATIENCE)


@dataclass(frozen=True, slots=True)
class Writes:
    """How often a process has asked for a change, by resource and whatever the answer, and when; or since when."""

    seconds: float
    counted: Counter[str]

    @classmethod
    def of(cls, process: Isoproxy) -> Self:
        """Return all so far."""
        counted: Counter[str] = Counter()
        for sample in process.metrics():
            if sample.name == "isoproxy_api_requests_total" and sample.labels["verb"] in _WRITES:
                counted[sample.labels["resource"]] += int(sample.value)
        return cls(time.monotonic(), counted)

    def __sub__(self, before: Self) -> "Writes":
        return Writes(self.seconds - before.seconds, self.counted - before.counted)

    @property
    def of_pods(self) -> int:
        """Those of what is made and ended for each connection."""
        return self.counted["isolationpods"] + self.counted["pods"]

    def check_pace(self, services: int) -> None:
        """Fail if there were more of those that are bounded by time than their bounds, taken over the whole time."""
        assert self.counted["leases"] <= services * (1 + LEASE_WRITES_A_SECOND * self.seconds), self
        assert self.counted["dedicatedservices"] <= services * (1 + STATUS_WRITES_A_SECOND * self.seconds), self


LEASE_WRITES_A_SECOND = 4 + 4
"""Of each proxy; the news that somebody waits for have a turn of their own."""
STATUS_WRITES_A_SECOND = 1
"""Of each service."""
