"""``python -m bench.replacement KUBECONFIG SERVICE``: how long a used pod is missed.

Connections are made one at a time, each to a full pool; from the end of each it takes so many seconds until a pod is
Ready that was not Ready before. These are printed as one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from bench import load
from bench.readiness import Readiness
from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import load_connection
from isoproxy.model import names

_PATIENCE = 30.0
_SPACING_SECONDS = 0.5
"""Between two connections: the first pod is gone, and its records, before the second is used."""


async def measure(reactor: Any, options: argparse.Namespace) -> None:
    """Do what the command line says."""
    client = KubeClient(reactor, load_connection(str(options.kubeconfig)))
    readiness = Readiness()
    taken = []
    try:
        await readiness.follow(client, f"{names.LABEL_SERVICE}={options.service}")
        for _ in range(options.count):
            another = readiness.another()
            load.connect_latencies(options.port, count=1)
            began = time.perf_counter()
            await another.addTimeout(_PATIENCE, reactor)
            taken.append(time.perf_counter() - began)
            await deferLater(reactor, _SPACING_SECONDS)
    finally:
        await client.close()
    print(json.dumps(taken))


def main() -> None:
    """Run, and exit."""
    parser = argparse.ArgumentParser(prog="python -m bench.replacement", description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("service")
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=10)
    options = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(measure(reactor, options)))


if __name__ == "__main__":
    main()
