"""Hosts beyond the cluster: they answer, and try to get in, each by an address of its own."""

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from test.cluster import layout
from test.cluster.cluster import Cluster
from test.cluster.images.tool import tool
from test.cluster.network import INTERNET
from test.running.clients import Address
from test.running.process import Process
from test.walls.terms import Protocol

OPENED_HOST, HOST = layout.INTERNET
METADATA = "169.254.169.254"
PATIENCE_SECONDS = 1.0
_KINDS = {Protocol.TCP: socket.SOCK_STREAM, Protocol.UDP: socket.SOCK_DGRAM}


class Outside:
    """The internet of a cluster, with hosts that answer."""

    def __init__(self, cluster: Cluster, *, ports: Sequence[int]) -> None:
        """``ports`` are those on which both hosts answer."""
        self._cluster = cluster
        self._answering = [(host, port) for host in layout.INTERNET for port in ports]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._ip("add")
            stack.callback(self._ip, "del")
            for host, port in self._answering:
                command = self._cluster.sandbox.at(INTERNET, str(tool()), "answer", f"{host}:{port}")
                stack.enter_context(Process([*command])).wait_for_log("^listening")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    def _ip(self, verb: str) -> None:
        """Have, or no longer have, a host with the address of a cloud's metadata."""
        self._cluster.sandbox.run("ip", "-n", INTERNET, "addr", verb, f"{METADATA}/32", "dev", "lo")

    def reach(self, source: str, places: Sequence[tuple[Protocol, Address]]) -> list[str]:
        """Try to get from one of its hosts to all of these at once; the answers are those of ``tool obey``."""
        with ThreadPoolExecutor(max(1, len(places))) as threads:
            return list(threads.map(lambda place: self._try(source, *place), places))

    def _try(self, source: str, protocol: Protocol, address: Address) -> str:
        with self._cluster.joined(INTERNET), socket.socket(socket.AF_INET, _KINDS[protocol]) as peer:
            peer.settimeout(PATIENCE_SECONDS)
            peer.bind((source, 0))
            try:
                peer.connect(address)
                if protocol is Protocol.UDP:
                    peer.send(b"?")
                    peer.recv(1)
            except ConnectionRefusedError:
                return "refused"
            except TimeoutError:
                return "silent"
            return "reached"
