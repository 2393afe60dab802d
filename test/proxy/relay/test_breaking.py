"""Whatever breaks, and whenever: what arrived is what was sent up to somewhere, and nothing is left behind."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

import pytest_twisted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from isoproxy.proxy.relay import Ending, PipePool, RelayResult
from test.proxy.relay.harness import Session, pattern, pause, reset, running, soon, together

KIB = 1024
BREAKS = {
    "client resets": {Ending.CLIENT_RESET},
    "backend resets": {Ending.BACKEND_RESET},
    "client closes": {Ending.CLIENT_RESET, Ending.BACKEND_RESET, Ending.BOTH_CLOSED},
    "backend closes": {Ending.CLIENT_RESET, Ending.BACKEND_RESET, Ending.BOTH_CLOSED},
    "abort": {Ending.ABORTED},
}
"""What happens, and how the relay may end: a close resets if bytes are unread, and else the other side decides."""


@dataclass(frozen=True)
class Script:
    """Both sides send; each reads, or does not; after some ms something breaks."""

    sent_in: int
    sent_out: int
    client_reads: bool
    backend_reads: bool
    breaks: str
    after: int


SIZES = st.sampled_from([0, 1, 20 * KIB, 500 * KIB, 8000 * KIB])
SCRIPTS = st.builds(
    Script,
    sent_in=SIZES,
    sent_out=SIZES,
    client_reads=st.booleans(),
    backend_reads=st.booleans(),
    breaks=st.sampled_from(sorted(BREAKS)),
    after=st.integers(0, 6),
)


async def send(far: socket.socket, data: bytes) -> None:
    """Send ``data``, or what can be until the connection ends."""
    left = memoryview(data)
    with contextlib.suppress(OSError):
        while left:
            try:
                left = left[far.send(left) :]
            except BlockingIOError:
                await pause(0.001)


async def read(far: socket.socket, reads: bool) -> bytes:
    """What arrives until the connection ends, however it does."""
    got = b""
    with contextlib.suppress(OSError):
        while reads:
            try:
                if not (part := far.recv(1 << 20)):
                    break
                got += part
            except BlockingIOError:
                await pause(0.001)
    return got


def break_it(script: Script, relayed: Session) -> None:
    who, _, how = script.breaks.partition(" ")
    far = relayed.client if who == "client" else relayed.backend
    if who == "abort":
        relayed.relay.abort("enough")
    elif how == "resets":
        reset(far)
    else:
        far.close()


async def play(script: Script, pipes: PipePool) -> tuple[RelayResult, bytes, bytes]:
    """The result, and what the backend and the client got."""
    async with running(pipes=pipes) as relayed:
        relayed.client.setblocking(False)
        relayed.backend.setblocking(False)
        sends = [
            Deferred.fromCoroutine(send(relayed.client, pattern(script.sent_in, 1))),
            Deferred.fromCoroutine(send(relayed.backend, pattern(script.sent_out, 2))),
        ]
        by_backend = Deferred.fromCoroutine(read(relayed.backend, script.backend_reads))
        by_client = Deferred.fromCoroutine(read(relayed.client, script.client_reads))
        await pause(script.after / 1000)
        break_it(script, relayed)
        if script.breaks.endswith("closes"):
            await pause(0.01)
            if not relayed.done.called:  # the other side does not mind a half-closed connection
                relayed.client.close()
                relayed.backend.close()
        result = await relayed.result()
        await together(*sends)
        return result, await soon(by_backend), await soon(by_client)


@given(SCRIPTS, st.sampled_from([0, 1, 48]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest_twisted.ensureDeferred
async def test_what_arrives_is_a_beginning_of_what_was_sent(script: Script, limit: int) -> None:
    pipes = PipePool(limit=limit)
    result, by_backend, by_client = await play(script, pipes)
    assert pattern(script.sent_in, 1).startswith(by_backend)
    assert pattern(script.sent_out, 2).startswith(by_client)
    assert len(by_backend) <= result.bytes_in <= script.sent_in
    assert len(by_client) <= result.bytes_out <= script.sent_out
    assert result.ending in BREAKS[script.breaks]
    assert (result.error == "") == (result.ending is Ending.BOTH_CLOSED)
    assert pipes.lent == 0
    pipes.close()
