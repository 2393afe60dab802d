"""The whole of isoproxy on a real API server, beside bare loops of its own client that write the same.

etcd, API server, controllers and scheduler are real (``test/cluster``); the one node runs each pod as a process. A bare
loop decides nothing and serves nobody, so it is what any such operator can at most be. All figures are of one machine,
whose processors everything shares, clients too.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import load, machinery, measure, rounds
from bench.absent import leave_out
from bench.machinery import PARALLEL, SERVICE
from bench.rounds import OURS, RUN, Ground, Rounds
from bench.sustained import asked_for
from bench.writes import Writes, of_objects
from test.cluster.gotool import BuildError
from test.cluster.health import Unhealthy
from test.cluster.level import Level
from test.cluster.levels import up
from test.e2e.apart import Apart
from test.e2e.oncluster import Node, prepare
from test.needs import cluster_lacks, hint
from test.running.api import Api
from test.running.harness import write_manifests

_NAME = "bench"
_LONG_SECONDS = 1.5
"""Of a connection that lasts long enough to be written down while it does."""
_FEW = 0.02
"""Writes for each connection that are not worth a line."""


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    machinery: machinery.Effort
    rounds: int
    seconds: float
    replacements: int


FULL = Effort(machinery.FULL, rounds=3, seconds=5.0, replacements=20)
QUICK = Effort(machinery.QUICK, rounds=1, seconds=3.0, replacements=5)


def measure_all(quick: bool) -> None:
    """Print every figure, or why there is none."""
    if lacks := cluster_lacks(Level.CONTROL):
        leave_out(f"no Kubernetes here without {', '.join(f'{name} ({hint(name)})' for name in sorted(lacks))}")
        return
    effort = QUICK if quick else FULL
    try:
        with whole() as ground:
            _measure_all(ground, effort)
    except (BuildError, Unhealthy) as error:
        leave_out(f"there is no Kubernetes: {error}")


@contextlib.contextmanager
def whole() -> Iterator[Ground]:
    """A cluster with a node, operator and one proxy, and no pod yet; this process is in its network."""
    began = time.monotonic()
    cluster = up(_NAME, Level.CONTROL, owned=True)
    try:
        print(f"the cluster was up after {time.monotonic() - began:.0f} s\n", flush=True)
        kubeconfig = cluster.files.kubeconfig()
        with cluster.joined(), tempfile.TemporaryDirectory() as folder:
            prepare(Api.of(kubeconfig))
            machine = Node(kubeconfig, write_manifests(Path(folder), machinery.manifest()))
            with Apart(machine, service=SERVICE, proxies=1) as parts:
                yield Ground(cluster, parts)
    finally:
        cluster.down()


def _measure_all(ground: Ground, effort: Effort) -> None:
    machinery.cold(ground.parts, effort.machinery)
    machinery.fill(ground.parts)
    alone(ground, effort)
    ground.settle()
    starts(ground, effort)
    ground.settle()
    found = rounds.take_turns(ground, rounds=effort.rounds, seconds=effort.seconds)
    rounds.report(found)
    crowd(found)
    kinds(found)
    long(ground)


def alone(ground: Ground, effort: Effort) -> None:
    """Print the first answer of warm pods beside what one write takes: there is none in a client's way."""
    machinery.warm(ground.parts, effort.machinery)
    came_to = ground.run("bare", f"--seconds={effort.seconds}")
    print("one write of the bare loop, one after the other")
    print_percentiles("create, patch, delete: ms each", came_to["writes"])
    print(flush=True)


def starts(ground: Ground, effort: Effort) -> None:
    """Print how long a used pod is missed, beside what a pod takes from its first write to Ready."""
    came_to = ground.run("bare", "--run", f"--seconds={effort.seconds}")
    ground.settle()
    _, port = ground.parts.addresses[0]
    missed = ground.run("replacement", str(port), f"--count={effort.replacements}")
    runs = {
        OURS: [seconds * 1e3 for seconds in missed],
        RUN: [seconds * 1e3 for seconds in came_to["starts"]],
    }
    title = "from the end of a connection to another pod's being Ready, or from a pod's first write to Ready"
    print(measure.ratio_table(title, "ms", runs, baseline=RUN), end="\n\n", flush=True)


def crowd(found: Rounds) -> None:
    """Print what clients saw, and who had to do with it, while used pods were replaced as fast as can be."""
    print(f"{OURS}, {found.count} connections, {PARALLEL} at a time")
    print_percentiles("first answer: ms", found.latencies)
    for name in found.ours[0].cpu:
        used = sum(one.cpu[name] for one in found.ours)
        print(f"  {used * 1e3 / found.count:.1f} ms of CPU for each in: {name}")
    print()


def kinds(found: Rounds) -> None:
    """Print what was written for each connection, by our own count and by the API server's."""
    written: Writes = sum((one.written for one in found.ours), Writes())
    print("writes for each connection")
    print(f"  {of_objects(written).total() / found.count:.2f} of IsolationPods and Pods by operator and proxy:")
    _print_kinds(of_objects(written), found.count)
    settled = sum(one.settled for one in found.ours)
    print(f"  {(written - of_objects(written)).total() / settled:.1f} others a second (Leases, status)")
    print("  as the API server counts them, by anybody:")
    _print_kinds(found.taken, found.count)
    print(flush=True)


def _print_kinds(written: Writes, connections: int) -> None:
    for what, count in written.most_common():
        if (each := count / connections) >= _FEW:
            print(f"    {each:5.2f} {what}")


def long(ground: Ground) -> None:
    """Print how many writes a connection takes that is written down while it lasts."""
    before = of_objects(asked_for(ground.parts))
    with load.held_open(ground.parts.addresses[0][1], count=PARALLEL):
        time.sleep(_LONG_SECONDS)
    ground.settle()
    each = (of_objects(asked_for(ground.parts)) - before).total() / PARALLEL
    print(f"{each:.2f} writes of IsolationPods and Pods for a connection of {_LONG_SECONDS} s (of {PARALLEL})\n")


def print_percentiles(name: str, taken: Sequence[float]) -> None:
    """Print the middle and the slow end of some seconds, in ms."""
    middle, slow = (measure.percentile(taken, at) * 1e3 for at in (50, 99))
    print(f"  {name}  p50 {middle:.2f}  p99 {slow:.2f}  ({len(taken)})")
