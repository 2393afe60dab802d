"""CPU time and memory of other processes, and the few statistics a report needs."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def process_tree(pid: int) -> list[int]:
    """``pid`` and its living descendants (nginx works in a child, HAProxy may)."""
    found = [pid]
    for parent in found:  # grows while it is walked
        for children in (_PROC / str(parent) / "task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:
                continue  # the thread has ended
    return found


def cpu_ns(pid: int, *, descendants: bool = True) -> int:
    """CPU time used so far by ``pid`` and its descendants, in ns: user, system and the softirq work done on their time.

    Read from ``schedstat``, which counts in ns; where a kernel has none, from ``stat``, which counts in ticks.
    """
    return sum(_one_process_ns(one) for one in (process_tree(pid) if descendants else [pid]))


def _one_process_ns(pid: int) -> int:
    threads = list((_PROC / str(pid) / "task").glob("*/schedstat"))
    try:
        return sum(int(thread.read_text().split()[0]) for thread in threads) or _ticks_ns(pid)
    except OSError:
        return _ticks_ns(pid)


def _ticks_ns(pid: int) -> int:
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) * _TICK_NS


def resident_bytes(pid: int) -> int:
    """Memory of ``pid`` and its descendants that no other process shares, in bytes (0 once they are gone)."""
    total = 0
    for one in process_tree(pid):
        try:
            lines = (_PROC / str(one) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024
    return total


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which ``percent`` of ``values`` (not empty) lie, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(percent / 100 * len(ordered)) - 1))]


def medians(runs: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each contestant's runs."""
    return {name: statistics.median(values) for name, values in runs.items()}


def ratio_table(title: str, unit: str, runs: Mapping[str, Sequence[float]], *, baseline: str) -> str:
    """A text table: each contestant's median, its spread, and its ratio to ``baseline`` of the same run."""
    middle = medians(runs)
    rows = [
        (
            name,
            f"{middle[name]:.3g}",
            f"{min(values):.3g}..{max(values):.3g}",
            f"{middle[name] / middle[baseline]:.2f}x",
        )
        for name, values in runs.items()
    ]
    return _table(f"{title} ({unit}, median of {max(map(len, runs.values()))})", f"vs {baseline}", rows)


def _table(title: str, last: str, rows: Iterable[tuple[str, str, str, str]]) -> str:
    body = [("", "median", "range", last), *rows]
    widths = [max(len(row[column]) for row in body) for column in range(4)]
    lines = [
        "  "
        + row[0].ljust(widths[0])
        + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in body
    ]
    return "\n".join([title, *lines])
