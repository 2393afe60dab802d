"""isoproxy and bare loops of its own client in turns, so that what else the machine does falls on all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import measure
from bench.machinery import PARALLEL, POOL, SERVICE
from bench.sustained import PATIENCE, Sustained, cpu_seconds, sustain
from bench.writes import Writes, taken_by
from isoproxy.operator.apply import PLACES
from test.cluster.cluster import Cluster
from test.cluster.kubectl import Kubectl
from test.cluster.programs import program
from test.e2e.apart import Apart
from test.running.process import TREE

OURS, RUN, WRITTEN = "isoproxy", "bare loop", "bare loop, pods not run"
_BARE = {RUN: ("--run",), WRITTEN: ()}
_SERVERS = ("kube-apiserver", "etcd")
_OTHERS = ("kube-scheduler", "kube-controller-manager")
_TIMEOUT = 120.0


@dataclass(frozen=True)
class Ground:
    """A service that runs on a cluster; this process is in the cluster's network."""

    cluster: Cluster
    parts: Apart

    def processes(self, *names: str) -> dict[str, int]:
        """Return the process ids of parts of the cluster."""
        found = {name: self.cluster.processes.pid(name) for name in names}
        return {name: pid for name, pid in found.items() if pid is not None}

    def everybody(self) -> dict[str, int]:
        """Return the process ids of all that have a part in it but for the pods."""
        ours = {"proxy": self.parts.proxies[0].pid, "operator": self.parts.operator.pid}
        return ours | self.processes(*_SERVERS, *_OTHERS) | {"node": self.parts.machine.pid}

    def run(self, module: str, *arguments: str) -> Any:
        """Run a program of ours that takes kubeconfig and service; return what it printed as JSON."""
        command = [sys.executable, "-m", f"bench.{module}", str(self.cluster.files.kubeconfig()), SERVICE, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, cwd=TREE, check=True, timeout=_TIMEOUT)
        return json.loads(done.stdout)

    def taken(self) -> Writes:
        """Return the writes that the API server says it has been asked for."""
        return taken_by(Kubectl(self.cluster, Path(program("kubectl")))("get", "--raw", "/metrics"))

    def settle(self) -> None:
        """Wait until the pool is full, and nothing else is left of the service."""
        self.parts.api.wait_for_base(SERVICE, POOL, within=PATIENCE)


@dataclass
class Rounds:
    """What came of all rounds; CPU is in ms for each connection, or for each pod of a bare loop."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    clients_cpu: dict[str, list[float]] = field(default_factory=dict)
    servers_cpu: dict[str, list[float]] = field(default_factory=dict)
    ours: list[Sustained] = field(default_factory=list)
    taken: Writes = field(default_factory=Counter)  # by the API server, while isoproxy was at work

    def add(self, name: str, *, rate: float, clients_cpu: float, servers_cpu: float) -> None:
        """Take in a round of a contestant."""
        self.rates.setdefault(name, []).append(rate)
        self.clients_cpu.setdefault(name, []).append(clients_cpu)
        self.servers_cpu.setdefault(name, []).append(servers_cpu)

    @property
    def count(self) -> int:
        """How many connections there were."""
        return sum(one.count for one in self.ours)

    @property
    def latencies(self) -> Sequence[float]:
        """Seconds from connect to the first answer, of all."""
        return [taken for one in self.ours for taken in one.latencies]


def take_turns(ground: Ground, *, rounds: int, seconds: float) -> Rounds:
    """Have each contestant at work for ``seconds`` in each round."""
    found = Rounds()
    for _ in range(rounds):
        for name, options in _BARE.items():
            _bare(ground, found, name, f"--seconds={seconds}", f"--parallel={PLACES}", *options)
        _isoproxy(ground, found, seconds)
    return found


def _bare(ground: Ground, found: Rounds, name: str, *options: str) -> None:
    servers = ground.processes(*_SERVERS)
    before = cpu_seconds(servers)
    came_to = ground.run("bare", *options)
    ground.settle()
    used = sum(cpu_seconds(servers).values()) - sum(before.values())
    lives = came_to["lives"]
    found.add(
        name,
        rate=lives / came_to["seconds"],
        clients_cpu=came_to["cpu"] * 1e3 / lives,
        servers_cpu=used * 1e3 / lives,
    )


def _isoproxy(ground: Ground, found: Rounds, seconds: float) -> None:
    before = ground.taken()
    one = sustain(ground.parts, POOL, ground.everybody(), seconds=seconds, parallel=PARALLEL)
    found.taken += ground.taken() - before
    found.ours.append(one)
    # The pool's pods were there before: only the others were started meanwhile, as all of a bare loop's are.
    rate = max(0, one.count - POOL) / seconds
    found.add(OURS, rate=rate, clients_cpu=one.cpu_ms("operator", "proxy"), servers_cpu=one.cpu_ms(*_SERVERS))


def report(found: Rounds) -> None:
    """Print the tables, each against the bare loop whose pods run."""
    for title, unit, runs in (
        (f"pods used up and replaced, by {PARALLEL} clients, or written in {PLACES} rows", "1/s", found.rates),
        ("CPU of operator and proxy for each, or of the loop", "ms", found.clients_cpu),
        ("CPU of API server and etcd for each", "ms", found.servers_cpu),
    ):
        print(measure.ratio_table(title, unit, runs, baseline=RUN), end="\n\n", flush=True)
