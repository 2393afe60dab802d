"""The measurements. Each takes the contestants in turns, so that what else the machine does falls on all of them, and
prints medians and ratios. Nothing here passes or fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench import load, measure
from bench.contestants import BASELINE, Contestant

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
    packed_connects: int
    connects: int
    sessions: int


FULL = Effort(
    rounds=5,
    transfer_bytes=GIB // 4,
    conversation_seconds=0.3,
    spaced_connects=300,
    packed_connects=60,
    connects=300,
    sessions=2000,
)
QUICK = Effort(
    rounds=3,
    transfer_bytes=GIB // 8,
    conversation_seconds=0.2,
    spaced_connects=40,
    packed_connects=30,
    connects=100,
    sessions=500,
)


def spaced_latency(field: Sequence[Contestant], target: int, effort: Effort) -> None:
    """Connect and one round trip, now and then: what each contestant adds to a direct connection to ``target``."""
    count = effort.spaced_connects
    for one in field:
        one.supply(count)
    ports = [target, *(one.port for one in field)]
    direct, *through = load.run(load.connect_in_turns, ports, count=count, spacing=SPACING_SECONDS)
    for one in field:
        one.settle()
    apart = SPACING_SECONDS * len(ports) * 1e3
    print_added(f"first answer, {apart:.0f} ms apart", direct, dict(zip(names(field), through, strict=True)))


def packed_latency(field: Sequence[Contestant], target: int, effort: Effort) -> None:
    """The same, one connection right after the other: what the one before left to do is in the way of the next."""
    direct: list[float] = []
    through: dict[str, list[float]] = {name: [] for name in names(field)}
    for _ in range(effort.rounds):
        direct += load.run(load.connect_latencies, target, count=effort.packed_connects)
        for one in field:
            one.supply(effort.packed_connects)
            through[one.name] += load.run(load.connect_latencies, one.port, count=effort.packed_connects)
            one.settle()
    print_added("first answer, one right after the other", direct, through)


def names(field: Sequence[Contestant]) -> list[str]:
    """The contestants' names, in order."""
    return [one.name for one in field]


def print_added(title: str, direct: Sequence[float], through: dict[str, list[float]]) -> None:
    """Print by how much the percentiles of ``through`` exceed those of ``direct``; all in seconds."""
    at = (50, 99)
    usual = [measure.percentile(direct, percent) * 1e3 for percent in at]
    print(f"{title}: ms beyond a direct connection's {usual[0]:.2f} (p50), {usual[1]:.2f} (p99); {len(direct)} each")
    width = max(map(len, through))
    for name, taken in through.items():
        more = [measure.percentile(taken, percent) * 1e3 - less for percent, less in zip(at, usual, strict=True)]
        print(f"  {name:<{width}}  p50 {more[0]:+.2f}  p99 {more[1]:+.2f}")
    print(flush=True)


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
    """Memory of an idle session: the growth of a process, by the number of its sessions. The last thing to measure."""
    sizes: dict[str, list[float]] = {}
    for one in field:
        before = measure.resident_bytes(one.pid)
        one.supply(effort.sessions)
        with load.held_open(one.port, count=effort.sessions):
            one.settle()
            grown = measure.resident_bytes(one.pid) - before
        sizes[one.name] = [grown / effort.sessions / 1024]
    report(f"memory of an idle session, of {effort.sessions}", "KiB", sizes)


def report(title: str, unit: str, runs: dict[str, list[float]]) -> None:
    """Print a table against HAProxy, or against ourselves where it is not installed."""
    baseline = BASELINE if BASELINE in runs else next(iter(runs))
    print(measure.ratio_table(title, unit, runs, baseline=baseline), end="\n\n", flush=True)
