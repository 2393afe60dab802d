"""One machine as a cluster: the API server, the pods as local processes, and the manifests it begins with."""

import os
import random
import tempfile
import time
from typing import Any

import txaio
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort

from isoproxy.kube.api import KubeApi
from isoproxy.listening import listen_now, url_of
from isoproxy.local.apiserver.server import ApiServer
from isoproxy.local.documents import Document, UnreadableManifest, read, split
from isoproxy.local.guide import Guide
from isoproxy.local.loading import install_definitions, load
from isoproxy.local.runtime.addresses import AddressPool
from isoproxy.local.runtime.node import NodeAgent
from isoproxy.local.runtime.process import ProcessRuntime
from isoproxy.settings import Local

log = txaio.make_logger()

INHERITED = ("PATH", "LANG", "TZ")
"""What programs find set of our own environment; the rest of it, and so its secrets, stays ours."""


class Machine:
    """The cluster of one machine. NetworkPolicies are kept but not enforced: its pods are ordinary processes."""

    def __init__(self, reactor: Any, settings: Local) -> None:
        """Read the manifests; raises SystemExit, with a line for each, where none of them can be used."""
        self._reactor = reactor
        self._settings = settings
        self._documents, self._problems = _read(settings.sources)
        self._runtime = ProcessRuntime(
            reactor,
            base=os.path.join(tempfile.gettempdir(), f"isoproxy-{os.getuid()}"),
            environment={name: os.environ[name] for name in INHERITED if name in os.environ},
            # Another process of ours on this machine, or the last one, had other addresses, very likely.
            addresses=AddressPool(start=random.SystemRandom().getrandbits(32)),
        )
        self._server = ApiServer(reactor, logs=self._runtime.logs, now=time.time)
        self._port: IListeningPort | None = None
        self._agent: NodeAgent | None = None
        self._guide: Guide | None = None
        self._url = ""

    def listen(self) -> str:
        """Begin to serve the API; returns its URL, and raises SystemExit where that is not to be had."""
        self._port = listen_now(self._reactor, self._settings.listen, self._server.site(), "--api-listen")
        self._url = url_of(self._port, self._settings.listen)
        return self._url

    async def start(self, api: KubeApi) -> None:
        """Make the node and the objects; what is refused is told, and the rest goes on."""
        await install_definitions(api)
        self._agent = NodeAgent(api, self._runtime, self._reactor)
        await self._agent.start()
        for problem in [*self._problems, *await load(api, self._documents)]:
            log.error("{problem}", problem=problem)
        log.info("NetworkPolicies are written but not enforced here: pods are local processes, free to connect")
        self._guide = Guide(api=api, clock=self._reactor)
        self._guide.start(self._url)

    async def stop(self) -> None:
        """End every pod, and then the API server."""
        if self._guide is not None:
            await self._guide.stop()
        if self._agent is not None:
            await self._agent.stop()
        self._server.stop()
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)


def _read(sources: tuple[str, ...]) -> tuple[list[Document], list[str]]:
    """Return the documents of all sources, and one line for each that is of no use; the others are not held up."""
    documents: list[Document] = []
    problems: list[str] = []
    for item in read(sources):
        found = [item] if isinstance(item, UnreadableManifest) else split(item.source, item.text)
        for one in found:
            if isinstance(one, Document):
                documents.append(one)
            else:
                problems.append(str(one))
    if sources and not documents:
        raise SystemExit("\n".join(f"isoproxy: {problem}" for problem in problems or ["there is no manifest to run"]))
    return documents, problems
