"""``python -m test.cluster.processnode --kubeconfig FILE``: this machine's processes as a node of a real cluster.

It prints ``node NAME is ready`` when the node is registered and has taken up the Pods that are bound to it. At SIGTERM
or SIGINT it ends every pod and then itself; the objects stay as they are, as those of any node that goes away. Its pods
are reached from this machine alone.
"""

import argparse
import os
import random
import signal
import socket
import sys
import tempfile
from ipaddress import IPv4Network
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.failure import Failure

from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import ConfigError, Connection, load_connection
from isoproxy.local.runtime.addresses import AddressPool
from isoproxy.local.runtime.node import NodeAgent
from isoproxy.local.runtime.process import ProcessRuntime

reactor: Any = installed_reactor

# Beside those of a local mode on this machine; one for each node.
NETWORKS = tuple(IPv4Network("127.128.0.0/9").subnets(new_prefix=16))


def own_network() -> tuple[IPv4Network, socket.socket]:
    """A network that no other node of this machine takes its pods' addresses from, as long as the socket is open."""
    for network in NETWORKS:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            # An abstract name belongs to a network namespace as its loopback addresses do, and goes with the process.
            claim.bind(f"\0isoproxy-processnode-{network.network_address}")
        except OSError:
            claim.close()
        else:
            return network, claim
    raise SystemExit(f"processnode: there are {len(NETWORKS)} nodes on this machine already")


class ProcessNode:
    """An agent in a cluster, with its client."""

    def __init__(self, connection: Connection, name: str) -> None:
        network, self._claim = own_network()
        runtime = ProcessRuntime(
            reactor,
            base=os.path.join(tempfile.gettempdir(), f"isoproxy-{os.getuid()}"),
            environment={"PATH": os.environ["PATH"]},
            addresses=AddressPool(network, start=random.getrandbits(16)),  # the node before us was there too
        )
        self._client = KubeClient(reactor, connection)
        self._agent = NodeAgent(
            self._client,
            runtime,
            reactor,
            name=name,
            in_cluster=True,
            on_ready=lambda: print(f"node {name} is ready", flush=True),
        )

    async def begin(self) -> None:
        """Run pods."""
        await self._agent.start()

    async def end(self) -> None:
        """End them."""
        await self._agent.stop()
        await self._client.close()


def _fail(failure: Failure) -> None:
    print(f"processnode: {failure.getErrorMessage()}", file=sys.stderr, flush=True)
    reactor.stop()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="processnode", description="a node whose pods are processes")
    parser.add_argument("--kubeconfig", required=True, metavar="FILE")
    parser.add_argument("--name", default="process-node")
    arguments = parser.parse_args()
    try:
        connection = load_connection(arguments.kubeconfig)
    except ConfigError as error:
        parser.error(str(error))
    warnings = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    globalLogBeginner.beginLoggingTo(
        [FilteringLogObserver(textFileLogObserver(sys.stderr), [warnings])], redirectStandardIO=False
    )
    node = ProcessNode(connection, arguments.name)
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(node.end()))
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(node.begin()).addErrback(_fail))
    reactor.run()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)  # as twistd ends


if __name__ == "__main__":
    main()
