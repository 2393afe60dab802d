"""``python -m bench.bare KUBECONFIG SERVICE``: what a short connection writes, in a bare loop of isoproxy's own client.

Nothing is decided or observed, and nobody connects: what is left is what the API server takes, and with ``--run`` what
it takes to start a pod. The objects are those of a DedicatedService that exists, without the label by which its
operator would know them. At the end one line of JSON is printed, a ``Bare``.
"""

from __future__ import annotations

import argparse
import json
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import react

from bench.readiness import NAMESPACE, Readiness
from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import load_connection
from isoproxy.kube.errors import NotFound
from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, PODS, Json
from isoproxy.model import manifests, names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import parse

NOBODY = "nobody"
"""The scheduler of pods that are not to run."""
_PATIENCE = 30.0


@dataclass
class Bare:
    """What came of it; times are in seconds."""

    lives: int = 0  # of pods, each with its six writes
    seconds: float = 0.0
    cpu: float = 0.0  # of this process
    writes: list[float] = field(default_factory=list)  # what each took
    starts: list[float] = field(default_factory=list)  # from before the first write of each to its pod's being Ready


class Loop:
    """Writes the lives of pods."""

    def __init__(self, clock: IReactorTime, service: DedicatedService, *, run: bool) -> None:
        """``run`` the pods, where the service says; else nobody does."""
        self._clock = clock
        self._service = service
        self._run = run
        self._readiness = Readiness()
        self.came_to = Bare()

    def observe(self, verb: str, resource: str, outcome: str, seconds: float) -> None:
        """Take in a request; an observer of the client."""
        if verb in ("create", "patch", "delete"):
            # The cluster's garbage collector deletes the Pod of a deleted IsolationPod too, and may be faster.
            late = (verb, resource, outcome) == ("delete", "pods", "404")
            assert late or outcome in ("200", "201"), f"{verb} {resource}: {outcome}"
            self.came_to.writes.append(seconds)

    async def go_on(self, client: KubeClient, *, seconds: float, parallel: int) -> None:
        """Write for ``seconds``, so many lives side by side."""
        if self._run:
            await self._readiness.follow(client, f"{names.LABEL_SERVICE}={self._service.metadata.name}")
        began, cpu = time.perf_counter(), time.process_time()
        rows = [self._row(client, began + seconds) for _ in range(parallel)]
        await gatherResults([Deferred.fromCoroutine(row) for row in rows], consumeErrors=True)
        self.came_to.seconds = time.perf_counter() - began
        self.came_to.cpu = time.process_time() - cpu

    async def _row(self, client: KubeClient, end: float) -> None:
        while time.perf_counter() < end:
            await self._life(client, f"bare-{secrets.token_hex(4)}")
            self.came_to.lives += 1

    async def _life(self, client: KubeClient, name: str) -> None:
        """Two creates, the assignment, the record of its use, two deletes: each guarded by what was seen before."""
        began = time.perf_counter()
        record = await client.create(ISOLATION_PODS, self._record(name), namespace=NAMESPACE)
        pod = await client.create(PODS, self._pod(record), namespace=NAMESPACE)
        if self._run:
            await self._readiness.ready(name).addTimeout(_PATIENCE, self._clock)
            self.came_to.starts.append(time.perf_counter() - began)
        spec = {"proxy": "bare", "podIP": "127.0.0.1", "podUID": pod["metadata"]["uid"]}
        record = await _patch(client, record, {"metadata": {"labels": {names.LABEL_PROXY: "bare"}}, "spec": spec})
        status = {"phase": "Released", "lastUsedTime": "2026-01-01T00:00:00.000000Z", "outcome": "completed"}
        record = await _patch(client, record, {"metadata": {}, "status": status}, subresource="status")
        meta = record["metadata"]
        await client.delete(
            ISOLATION_PODS, name, namespace=NAMESPACE, uid=meta["uid"], resource_version=meta["resourceVersion"]
        )
        with suppress(NotFound):
            await client.delete(PODS, name, namespace=NAMESPACE, uid=pod["metadata"]["uid"])

    def _record(self, name: str) -> Json:
        return self._unknown(manifests.isolation_pod(self._service, name))

    def _pod(self, record: Json) -> Json:
        made = self._unknown(manifests.pod(self._service, parse(IsolationPod, record)))
        return made if self._run else made | {"spec": made["spec"] | {"schedulerName": NOBODY}}

    @staticmethod
    def _unknown(manifest: Json) -> Json:
        """Take from an object what the operator would know it by."""
        del manifest["metadata"]["labels"][names.LABEL_SERVICE_UID]
        return manifest


async def _patch(client: KubeClient, record: Json, change: Json, *, subresource: str = "") -> Json:
    meta = record["metadata"]
    guarded = change | {"metadata": change["metadata"] | {"resourceVersion": meta["resourceVersion"]}}
    return await client.patch(ISOLATION_PODS, meta["name"], guarded, namespace=NAMESPACE, subresource=subresource)


async def measure(reactor: Any, options: argparse.Namespace) -> None:
    """Do what the command line says."""
    connection = load_connection(str(options.kubeconfig))
    plain = KubeClient(reactor, connection)
    service = parse(DedicatedService, await plain.get(DEDICATED_SERVICES, options.service, namespace=NAMESPACE))
    await plain.close()
    loop = Loop(reactor, service, run=options.run)
    client = KubeClient(reactor, connection, observer=loop.observe)
    try:
        await loop.go_on(client, seconds=options.seconds, parallel=options.parallel)
    finally:
        await client.close()
    print(json.dumps(asdict(loop.came_to)))


def main() -> None:
    """Run, and exit."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare", description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("service")
    parser.add_argument("--run", action="store_true", help="run the pods")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--parallel", type=int, default=1)
    options = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(measure(reactor, options)))


if __name__ == "__main__":
    main()
