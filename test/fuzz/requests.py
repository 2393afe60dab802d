"""The listener of the embedded API server: it answers, never by a fault of its own, and goes on to answer others."""

import json
import random

from twisted.internet.task import Clock

from isoproxy.local.apiserver.server import ApiServer
from isoproxy.model import crds
from test.fuzz.failures import told_in_lines
from test.fuzz.listening import Connection

LONGEST = 90_000.0
"""Seconds after which each connection is over, also that of a watch for a day."""
PODS = b"GET /api/v1/namespaces/default/pods HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def run(data: bytes) -> None:
    """``data`` is what a client sends."""
    clock = Clock()
    server = ApiServer(clock, chance=random.Random(1), now=lambda: 1_800_000_000.0 + clock.seconds())
    kind = server.core.kind("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    # To compile their rules takes most of an input's time; a request that does not name them meets none of them.
    for manifest in crds.load() if b"soh.re" in data else ():
        server.core.create(kind, "", manifest)
    site = server.site()
    with told_in_lines():
        client = Connection(site, clock)
        client.send(data)
        clock.advance(1)
        assert not client.answer or client.answer.startswith(b"HTTP/1."), bytes(client.answer[:200])
        assert b"InternalError" not in client.answer, bytes(client.answer[:500])
        for found in server.core.registry:
            json.dumps([one.object for one in server.core.list(found, None).items], allow_nan=False).encode()
        other = Connection(site, clock)
        other.send(PODS)
        assert other.answer.startswith(b"HTTP/1.1 200 OK\r\n"), bytes(other.answer)
        client.hang_up()
        server.stop()
        clock.advance(LONGEST)
        assert other.closed
