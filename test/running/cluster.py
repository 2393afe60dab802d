"""``python cluster.py MANIFEST``: one machine as a cluster, whose API server goes away and comes back.

At SIGUSR1 the API server stops: nobody listens, and every connection breaks. At the next SIGUSR1 it starts again at the
same port with all its objects but none of its history, like a real one with its etcd. The pods run on meanwhile, like
those of a real node.
"""

import os
import random
import signal
import sys
import tempfile
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import Connection
from isoproxy.local.apiserver.server import ApiServer
from isoproxy.local.documents import Document, Text, read, split
from isoproxy.local.loading import install_definitions, load
from isoproxy.local.runtime.addresses import AddressPool
from isoproxy.local.runtime.node import NodeAgent
from isoproxy.local.runtime.process import ProcessRuntime

reactor: Any = installed_reactor


class Cluster:
    """An API server that can be away, and a node that is always there."""

    def __init__(self) -> None:
        runtime = ProcessRuntime(
            reactor,
            base=os.path.join(tempfile.gettempdir(), f"isoproxy-{os.getuid()}"),
            environment={"PATH": os.environ["PATH"]},
            addresses=AddressPool(start=random.getrandbits(32)),
        )
        self._server = ApiServer(reactor, logs=runtime.logs)
        self._factory: WrappingFactory[ProtocolWrapper] = WrappingFactory(self._server.site())
        self._port: IListeningPort | None = None
        self._number = 0
        self._start()
        self._client = KubeClient(reactor, Connection.plain(f"http://127.0.0.1:{self._number}"))
        self._agent = NodeAgent(self._client, runtime, reactor)

    async def begin(self, manifest: str) -> None:
        """Make the node and the objects, and say where they are."""
        await install_definitions(self._client)
        await self._agent.start()
        documents = [
            found for one in read([manifest]) if isinstance(one, Text) for found in split(one.source, one.text)
        ]
        problems = await load(self._client, [found for found in documents if isinstance(found, Document)])
        assert problems == [], problems
        print(f"the API server is at http://127.0.0.1:{self._number}", flush=True)

    def toggle(self) -> None:
        """Stop or start the API server."""
        if self._port is None:
            self._start()
            print("the API server is back", flush=True)
        else:
            self._stop()
            print("the API server is away", flush=True)

    async def end(self) -> None:
        """End the pods, and the API server."""
        await self._agent.stop()
        self._server.stop()
        await self._client.close()

    def _start(self) -> None:
        self._port = port = reactor.listenTCP(self._number, self._factory, interface="127.0.0.1")
        self._number = port.getHost().port

    def _stop(self) -> None:
        assert self._port is not None
        self._port.stopListening()
        self._port = None
        for connection in list(self._factory.protocols):
            connection.abortConnection()
        store = self._server.core.store
        for bucket in store:
            bucket.history.floor = store.version


def main() -> None:
    """Run until SIGTERM."""
    cluster = Cluster()
    signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(cluster.toggle))
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(cluster.end()))
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(cluster.begin(sys.argv[1])).addErrback(print))
    reactor.run()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)  # as twistd ends


if __name__ == "__main__":
    main()
