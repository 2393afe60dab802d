"""Connections one after the other while every used pod is replaced: how many, how fast, and what each costs whom."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench import load, measure, writes
from test.e2e.apart import Apart

PATIENCE = 60.0
"""Seconds in which a pool is full again, at most."""


@dataclass(frozen=True)
class Sustained:
    """What came of it."""

    latencies: Sequence[float]  # seconds from connect to the first answer
    seconds: float  # while clients came
    settled: float  # until the pool was full again
    cpu: Mapping[str, float]  # seconds of each process
    written: writes.Writes  # what operator and proxy asked the API server for

    @property
    def count(self) -> int:
        """How many connections there were."""
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Connections a second."""
        return self.count / self.seconds

    @property
    def object_writes(self) -> float:
        """Writes of IsolationPods and Pods for each connection."""
        return writes.of_objects(self.written).total() / self.count

    @property
    def other_writes(self) -> float:
        """Other writes a second."""
        return (self.written - writes.of_objects(self.written)).total() / self.settled

    def cpu_ms(self, *names: str) -> float:
        """CPU of some processes for each connection, in ms."""
        return sum(self.cpu[name] for name in names) * 1e3 / self.count


def sustain(parts: Apart, pool: int, processes: Mapping[str, int], *, seconds: float, parallel: int) -> Sustained:
    """Have clients connect again at once for ``seconds``, and wait for the pool; ``processes`` are ids by name."""
    before, asked = cpu_seconds(processes), asked_for(parts)
    began = time.monotonic()
    latencies = load.run(load.connect_for, parts.addresses[0][1], seconds=seconds, parallel=parallel)
    parts.api.wait_for_base(parts.service, pool, within=PATIENCE)
    settled = time.monotonic() - began
    after = cpu_seconds(processes)
    used = {name: after[name] - before[name] for name in processes}
    return Sustained(latencies, seconds, settled, used, asked_for(parts) - asked)


def cpu_seconds(processes: Mapping[str, int]) -> dict[str, float]:
    """The CPU time that processes have used so far, without their children."""
    return {name: measure.cpu_ns(pid, descendants=False) / 1e9 for name, pid in processes.items()}


def asked_for(parts: Apart) -> writes.Writes:
    """Return the writes that proxy and operator have asked for so far."""
    found: writes.Writes = Counter()
    for process in (parts.proxies[0], parts.operator):
        found += writes.asked_for(process.metrics())
    return found
