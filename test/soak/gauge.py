"""Memory and file descriptors of our processes, over time."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from test.cluster import layout
from test.running.waiting import eventually
from test.soak.seat import Seat

_EVERY_SECONDS = 1.0
_WARM_UP = 0.2
_GROWTH = 0.1
_GROWTH_BYTES = 8 << 20
"""What a heap may be larger by without a leak: pages are kept that crowds once needed."""
_SPARE_DESCRIPTORS = 2
_QUIET_SECONDS = 60.0
_PORT_IN_HEX = f":{layout.API_PORT:04X}"
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Reading:
    """``memory`` is what is resident, in bytes.

    ``connections`` are those to the API server, of which some are kept for a while; ``descriptors`` are all others.
    """

    memory: int
    descriptors: int
    connections: int

    def __str__(self) -> str:
        return f"{self.memory / MIB:.1f} MiB, {self.descriptors} descriptors, {self.connections} API connections"


class Gauge:
    """Reads those of the veterans, by the names of their seats, until it is told to stop."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        self._pids = {seat.name: seat.run.process.pid for seat in seats if seat.veteran}
        self.readings: dict[str, list[Reading]] = {name: [] for name in self._pids}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            for name, pid in self._pids.items():
                with suppress(OSError):  # it has ended, of which others complain
                    self.readings[name].append(read(pid))


def read(pid: int) -> Reading:
    """Return what a process has now; raises OSError."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    table = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    kept = {f"socket:[{line[9]}]" for line in table if line[2].endswith(_PORT_IN_HEX)}
    opened = list(_opened(pid))
    connections = sum(name in kept for name in opened)
    return Reading(pages * os.sysconf("SC_PAGE_SIZE"), len(opened) - connections, connections)


def _opened(pid: int) -> Iterator[str]:
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed while one looks
            yield os.readlink(entry)


def settled(pid: int, first: Reading) -> Reading:
    """Wait until a process that has nothing to do has as many descriptors as at first; return what it has."""

    def look() -> Reading | None:
        last = read(pid)
        assert last.descriptors <= first.descriptors + _SPARE_DESCRIPTORS, f"process {pid}: {first}; now {last}"
        return last

    return eventually(look, "descriptors as before", within=_QUIET_SECONDS)


def grown(readings: Sequence[Reading]) -> str:
    """Say what has grown from the first third, once it is warm, to the last; "" where nothing has."""
    warm = readings[int(len(readings) * _WARM_UP) :]
    third = len(warm) // 3
    if not third:
        return ""
    first, last = (median(reading.memory for reading in part) for part in (warm[:third], warm[-third:]))
    if last > first * (1 + _GROWTH) + _GROWTH_BYTES:
        return f"memory has grown from {first / MIB:.1f} to {last / MIB:.1f} MiB"
    return ""
