"""One soak: a world, a crowd and a storm, and what is found in the end."""

import time
from collections import Counter
from dataclasses import dataclass, field

from test.cluster.cluster import Cluster
from test.running.accesslog import entries
from test.running.process import complaints
from test.soak import gauge, judge
from test.soak.leftovers import check_base
from test.soak.storm import Storm
from test.soak.visitors import Crowd
from test.soak.world import World, running

_CROWD = 10
_LAST_LINES = 30


@dataclass(slots=True)
class Report:
    """``wrong`` are broken promises, of which there should be none."""

    wrong: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    visits: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    figures: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return it for people, with the history where something is wrong."""
        lines = [_counted("visits", self.visits), _counted("outcomes", self.outcomes), _counted("faults", self.faults)]
        lines += self.figures
        if self.wrong:
            lines += ["", *self.history, "", f"{len(self.wrong)} promises broken:", *self.wrong[:50]]
        return "\n".join(lines)


class Broken(Exception):
    """A promise was broken; there is no use in going on."""


def soak(cluster: Cluster, *, seconds: float, seed: int, pace: float) -> Report:
    """Let it rain for so long; this thread is in the cluster's network."""
    report = Report()
    with running(cluster) as world:
        before = {seat.name: gauge.read(seat.run.process.pid) for seat in world.seats if seat.veteran}
        crowd, meter = Crowd(world, size=_CROWD, seed=seed), gauge.Gauge(world.seats)

        def check() -> None:
            if judge.broken(list(crowd.visits), world.doings.deeds, {}):
                raise Broken

        storm = Storm(world, seed=seed, pace=pace, check=check)
        try:
            storm.rage(seconds)
            crowd.leave()
            meter.stop()
            began = time.monotonic()
            check_base(world)
            report.figures.append(f"back to base after {time.monotonic() - began:.0f} s")
            _measure(report, world, meter, before)
        except Broken:
            pass  # it is found again below
        except AssertionError as error:
            report.wrong.append(f"{error}\n{_last_words(world)}")
        _judge(report, world, crowd)
        report.faults, report.history = storm.counts, world.doings.history
    return report


def _judge(report: Report, world: World, crowd: Crowd) -> None:
    visits = list(crowd.visits)
    logs = {seat.name: [(run, entries(run.process.log)) for run in seat.runs] for seat in world.proxies}
    report.wrong += judge.broken(visits, world.doings.deeds, logs)
    for seat in world.seats:
        for run in seat.runs:
            if complaints(run.process.log):
                report.wrong.append(f"{seat.name} complains:\n{_around_complaints(run.process.log)}")
            if run.ended is None and not run.process.running:
                report.wrong.append(f"{seat.name} has ended by itself")
    report.visits = judge.outcomes(visits)
    report.outcomes = Counter(entry["outcome"] for runs in logs.values() for _, told in runs for entry in told)


def _last_words(world: World) -> str:
    """Return what the operators have logged last."""
    return "\n".join(
        f"    {seat.name}: {line}"
        for seat in world.operators
        for line in seat.run.process.log.splitlines()[-_LAST_LINES:]
    )


def _around_complaints(log: str) -> str:
    """Return the lines of a log about what it complains of, with those that led to it."""
    lines, bad = log.splitlines(), complaints(log)
    wanted = {near for at, line in enumerate(lines) if line in bad for near in range(at - 5, at + 40)}
    return "\n".join(f"    {line}" for at, line in enumerate(lines) if at in wanted)


def _measure(report: Report, world: World, meter: gauge.Gauge, before: dict[str, gauge.Reading]) -> None:
    for seat in world.seats:
        if not seat.veteran:
            continue
        first, last = before[seat.name], gauge.settled(seat.run.process.pid, before[seat.name])
        report.figures.append(f"{seat.name}: {first} -> {last}")
        if what := gauge.grown(meter.readings[seat.name]):
            report.wrong.append(f"{seat.name}: {what}")


def _counted(what: str, counts: Counter[str]) -> str:
    return f"{what}: " + ", ".join(f"{name} {count}" for name, count in counts.most_common())
