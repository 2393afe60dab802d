"""The measurements. Each takes the contestants in turns, so that what else the machine does falls on all of them, and
prints medians and ratios. Nothing here passes or fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench import load, measure
from bench.contestants import BASELINE, Contestant

MIB = 1 << 20
GIB = 1 << 30
CONVERSATIONS = 100
"""Connections that talk at the same time."""
PARALLEL = 20
"""Connections under way at a time where their number per second is measured."""
SPACING_SECONDS = 0.01
"""Between two connections whose latency is measured."""


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    rounds: int
    transfer_bytes: int
    conversation_seconds: float
    spaced_connects: int
    connects: int
    sessions: int


FULL = Effort(
    rounds=5,
    transfer_bytes=GIB // 4,
    conversation_seconds=0.3,
    spaced_connects=300,
    connects=300,
    sessions=2000,
)
QUICK = Effort(
    rounds=3,
    transfer_bytes=GIB // 8,
    conversation_seconds=0.2,
    spaced_connects=40,
    connects=100,
    sessions=500,
)


def latency(field: Sequence[Contestant], target: int, effort: Effort) -> None:
    """Connect and one round trip, one at a time: what each contestant adds to a direct connection to ``target``."""
    count = effort.spaced_connects
    for one in field:
        one.supply(count)
    ports = [target, *(one.port for one in field)]
    direct, *through = load.run(load.connect_in_turns, ports, count=count, spacing=SPACING_SECONDS)
    for one in field:
        one.settle()
    middle = measure.percentile(direct, 50) * 1e3
    print(f"connect and one round trip: ms beyond a direct one's {middle:.2f} (median; {count} connections each)")
    print_added(direct, {one.name: taken for one, taken in zip(field, through, strict=True)})


def print_added(direct: Sequence[float], through: dict[str, list[float]]) -> None:
    """Print by how much the percentiles of ``through`` exceed those of ``direct``; all in seconds."""
    width = max(map(len, through))
    for name, taken in through.items():
        added = [(measure.percentile(taken, at) - measure.percentile(direct, at)) * 1e3 for at in (50, 99)]
        print(f"  {name:<{width}}  p50 +{added[0]:.2f}  p99 +{added[1]:.2f}")
    print()


def connects(field: Sequence[Contestant], effort: Effort) -> None:
    """Connections a second that do one round trip, some at a time, and the CPU that each takes."""
    rates: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for _ in range(effort.rounds):
        for one in field:
            before = measure.cpu_ns(one.pid)
            one.supply(effort.connects)
            seconds = load.run(load.connect_many, one.port, count=effort.connects, parallel=PARALLEL)
            one.settle()
            rates.setdefault(one.name, []).append(effort.connects / seconds)
            cpu.setdefault(one.name, []).append((measure.cpu_ns(one.pid) - before) / 1e3 / effort.connects)
    report(f"connections with one round trip, {PARALLEL} at a time", "1/s", rates)
    report("CPU for such a connection", "us", cpu)


def transfers(field: Sequence[Contestant], effort: Effort) -> None:
    """CPU seconds for each GiB one way."""
    cpu: dict[str, list[float]] = {}
    for _ in range(effort.rounds):
        for one in field:
            one.supply(1)
            before = measure.cpu_ns(one.pid)
            load.run(load.send_all, one.port, total=effort.transfer_bytes)
            used = (measure.cpu_ns(one.pid) - before) / 1e9
            one.settle()
            cpu.setdefault(one.name, []).append(used * GIB / effort.transfer_bytes)
    report("CPU for a GiB one way", "s", cpu)


def conversations(field: Sequence[Contestant], effort: Effort) -> None:
    """Round trips of one byte over many connections, and the CPU that each message takes."""
    rates: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for _ in range(effort.rounds):
        for one in field:
            one.supply(CONVERSATIONS)
            talk = load.run(
                load.ping_pong, one.port, connections=CONVERSATIONS, seconds=effort.conversation_seconds, pid=one.pid
            )
            one.settle()
            rates.setdefault(one.name, []).append(talk.messages_per_second)
            cpu.setdefault(one.name, []).append(talk.cpu_seconds_per_message * 1e6)
    report(f"one-byte messages over {CONVERSATIONS} connections", "1/s", rates)
    report("CPU for a one-byte message", "us", cpu)


def memory(field: Sequence[Contestant], effort: Effort) -> None:
    """Memory of an idle session: the growth of a process that nobody else shares, by the number of its sessions."""
    sizes: dict[str, list[float]] = {}
    for one in field:
        before = measure.resident_bytes(one.pid)
        one.supply(effort.sessions)
        with load.held_open(one.port, count=effort.sessions):
            one.settle()
            grown = measure.resident_bytes(one.pid) - before
        one.settle()
        sizes[one.name] = [grown / effort.sessions / 1024]
    report(f"memory of an idle session, of {effort.sessions}", "KiB", sizes)


def report(title: str, unit: str, runs: dict[str, list[float]]) -> None:
    """Print a table against HAProxy, or against ourselves where it is not installed."""
    baseline = BASELINE if BASELINE in runs else next(iter(runs))
    print(measure.ratio_table(title, unit, runs, baseline=baseline), end="\n\n", flush=True)
