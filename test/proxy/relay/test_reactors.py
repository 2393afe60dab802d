"""The relay is the same under every reactor that watches descriptors, and when the reactor stops."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import socket, sys
from twisted.internet import {module}
{module}.install()
from twisted.internet import reactor
from test.proxy.relay import harness

async def play():
    async with harness.running() as relayed:
        data = harness.pattern(3_000_000)
        _, got = await harness.together(
            harness.thread(relayed.client.sendall, data),
            harness.thread(harness.read_exactly, relayed.backend, len(data)),
        )
        assert got == data
        relayed.client.shutdown(socket.SHUT_WR)
        assert await harness.thread(harness.read_all, relayed.backend) == b""
        relayed.backend.sendall(b"answer")
        relayed.backend.close()
        assert await harness.thread(harness.read_all, relayed.client) == b"answer"
        print((await relayed.result()).ending.value)

def begin():
    harness.Deferred.fromCoroutine(play()).addErrback(lambda failure: failure.printTraceback()).addBoth(
        lambda _: reactor.stop()
    )

reactor.callWhenRunning(begin)
reactor.run()
"""

STOPPING = """
from twisted.internet import reactor
from test.proxy.relay import harness

def tell(result, relayed):
    print(result.ending.value, len(relayed.client_leg.lost), len(relayed.backend_leg.lost))

def begin():
    for _ in range(2):
        relayed = harness.opened(harness.PipePool())
        relayed.start()
        relayed.done.addCallback(tell, relayed)
    reactor.stop()

reactor.callWhenRunning(begin)
reactor.run()
"""


def output_of(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["selectreactor", "pollreactor", "epollreactor", "asyncioreactor"])
def test_transfers_and_half_closes_work_under_every_reactor(module: str) -> None:
    assert output_of(SCRIPT.format(module=module)) == "both_closed"


def test_a_reactor_that_stops_ends_its_relays_and_their_protocols_hear_of_it() -> None:
    assert output_of(STOPPING).splitlines() == ["aborted 1 1"] * 2
