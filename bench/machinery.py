"""The whole of isoproxy with real pods, each a process of its own that serves one connection and is replaced.

API server and pods, operator, and proxy are three processes. HAProxy and nginx have no counterpart of what is measured
here, so there are no ratios: the figures are of this machine, whose processors everything shares, clients too.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import figures, load, measure
from bench.sustained import PATIENCE, sustain
from test.e2e.apart import Apart
from test.running.api import DEDIS, Json
from test.running.harness import Local, dedicated_service, write_manifests
from test.running.waiting import eventually

PROGRAM = [sys.executable, "-I", "-S", str(Path(__file__).with_name("pod.py"))]
SERVICE = "bench"
POOL = 20
"""Pods kept warm."""
PARALLEL = 8
"""Clients that connect again and again where pods are replaced meanwhile; fewer than the pool, as a pool is meant."""
_SPACING_SECONDS = 0.2
"""Between two connections of which each is to find the machine idle: a replacement takes about half of that."""


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    warm: int
    cold: int
    seconds: float


FULL = Effort(warm=50, cold=5, seconds=10.0)
QUICK = Effort(warm=10, cold=2, seconds=3.0)


def manifest() -> Json:
    """The service that is measured, without a pod yet."""
    made = dedicated_service(SERVICE, [], replicas=0, maxPods=3 * POOL)
    made["spec"]["command"] = PROGRAM
    return made


@contextlib.contextmanager
def everything() -> Iterator[Apart]:
    """API server, operator and one proxy, and no pod yet."""
    with tempfile.TemporaryDirectory() as folder:
        machine = Local("--role=none", write_manifests(Path(folder), manifest()))
        with Apart(machine, service=SERVICE, proxies=1) as parts:
            yield parts


def fill(parts: Apart) -> None:
    """Have a pool from now on."""
    parts.api.patch(f"{DEDIS}/{SERVICE}", {"spec": {"replicas": POOL}})
    parts.api.wait_for_base(SERVICE, POOL, within=PATIENCE)


def warm(parts: Apart, effort: Effort) -> None:
    """Connect and one round trip, to a warm pod and to a waiting process of the same program."""
    _, port = parts.addresses[0]
    direct: list[float] = []
    through: list[float] = []
    with waiting_programs(effort.warm) as ports:
        time.sleep(_SPACING_SECONDS)
        for one in ports:
            direct += load.run(load.connect_latencies, one, count=1)
            time.sleep(_SPACING_SECONDS)
            through += load.run(load.connect_latencies, port, count=1)
            time.sleep(_SPACING_SECONDS)
    figures.print_added("a warm pod's first answer", direct, {"isoproxy": through})


@contextlib.contextmanager
def waiting_programs(count: int) -> Iterator[list[int]]:
    """So many processes of the pods' program, without a pod around them; gives their ports."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            process = stack.enter_context(
                subprocess.Popen(PROGRAM, stdout=subprocess.PIPE, env={"POD_IP": "127.0.0.1", "PORT": "0"})
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            ports.append(int(process.stdout.readline()))
        yield ports


def cold(parts: Apart, effort: Effort) -> None:
    """The time from connect to the first answer when there is no pod yet, and what the program's start is of it."""
    started = []
    for _ in range(effort.cold):
        began = time.perf_counter()
        with waiting_programs(1):
            started.append(time.perf_counter() - began)
    _, port = parts.addresses[0]
    taken = []
    for _ in range(effort.cold):
        taken += load.run(load.connect_latencies, port, count=1)
        eventually(lambda: not parts.api.records(SERVICE), "no pod left", within=PATIENCE)
    print(f"no pod yet: ms from connect to the first answer ({effort.cold} times, one after the other)")
    print_spread("isoproxy", taken)
    print_spread("of that, the program's own start", started)
    print()


def print_spread(name: str, taken: Sequence[float]) -> None:
    """Print median, least and most of some seconds, in ms."""
    low, middle, high = (measure.percentile(taken, at) * 1e3 for at in (0, 50, 100))
    print(f"  {name:<33} median {middle:.0f}  range {low:.0f}..{high:.0f}")


def replaced(parts: Apart, effort: Effort) -> None:
    """Print connections a second while every used pod is replaced, and what each costs each part."""
    processes = {
        "proxy": parts.proxies[0].pid,
        "operator": parts.operator.pid,
        "API server and pod runtime": parts.machine.pid,
    }
    found = sustain(parts, POOL, processes, seconds=effort.seconds, parallel=PARALLEL)
    print(f"pods replaced: {PARALLEL} clients for {effort.seconds:.0f} s, a pool of {POOL}, {found.count} connections")
    print(f"  {found.rate:.0f} connections/s")
    print_spread("ms to the first answer", found.latencies)
    print(f"  {found.object_writes:.2f} writes of IsolationPods and Pods for each")
    print(f"  {found.other_writes:.1f} other writes a second (Leases, status)")
    for name in processes:
        print(f"  {found.cpu_ms(name):.1f} ms of CPU for each in: {name}")
    print()


def measure_all(quick: bool) -> None:
    """Print every figure of the whole."""
    effort = QUICK if quick else FULL
    with everything() as parts:
        cold(parts, effort)
        fill(parts)
        warm(parts, effort)
        parts.api.wait_for_base(SERVICE, POOL, within=PATIENCE)
        replaced(parts, effort)
