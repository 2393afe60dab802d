"""A reflector on a real client, against a server that errs once and is as it should be from then on."""

import json
from typing import Any

from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import Connection
from isoproxy.kube.reflector import Reflector
from isoproxy.kube.resources import ISOLATION_PODS, Json
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import parser
from test.fuzz.failures import told_in_lines
from test.fuzz.network import Network

VERSION = "48151623"
"""Of the true state; none that an input comes upon by chance."""
LONGEST = 600.0
"""Seconds of the clock until the truth must be known again."""


def record(name: str, version: str) -> Json:
    metadata = {"name": name, "namespace": "n", "uid": f"uid-{name}", "resourceVersion": version}
    return {"metadata": metadata, "spec": {"serviceName": "s", "podName": name, "port": 80}}


def listing(version: str, *records: Json) -> bytes:
    return json.dumps({"metadata": {"resourceVersion": version}, "items": records}).encode()


def reply(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def stream(body: bytes = b"") -> bytes:
    """The beginning of a watch, which goes on as long as the connection does."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + body


class Server:
    """Answers with ``first``, one after the other, before it comes to its senses."""

    def __init__(self, *first: bytes) -> None:
        self._first = list(first)

    def answer(self, head: bytes) -> tuple[bytes, bool]:
        if self._first:
            return self._first.pop(0), True
        if b"watch=true" not in head:
            return reply(listing(VERSION, record("a", "40"), record("c", VERSION))), False
        if f"resourceVersion={VERSION}&".encode() in head:
            return stream(), False
        return stream(json.dumps({"type": "ERROR", "object": {"code": 410}}).encode() + b"\n"), True


def check_recovery(*first: bytes) -> None:
    """Follow a server that begins with these replies; fail unless the truth is known in the end, and quietly."""
    network: Any = Network(Server(*first).answer)
    client = KubeClient(network, Connection.plain("http://127.0.0.1:1"), jitter=lambda: 0.5)
    reflector = Reflector(
        api=client,
        resource=ISOLATION_PODS,
        parse=parser(IsolationPod),
        clock=network,
        on_change=lambda change: None,
        namespace="n",
        jitter=lambda: 0.5,
    )
    with told_in_lines():
        reflector.start()
        network.pass_time(LONGEST, lambda: reflector.cursor == VERSION)
        assert {key: item.metadata.resource_version for key, item in reflector.items.items()} == {
            ("n", "a"): "40",
            ("n", "c"): VERSION,
        }
        ended = [reflector.stop(), client.close()]
        network.pass_time(LONGEST)
        assert all(end.called for end in ended)
