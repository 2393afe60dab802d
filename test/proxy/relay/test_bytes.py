"""Every byte arrives, once, in order, both ways, whatever the sizes, the pauses and the order of closing."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import dataclass, replace

import pytest
import pytest_twisted
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from isoproxy.proxy.relay import Ending, PipePool
from test.proxy.relay.harness import (
    connection,
    pattern,
    pause,
    reactor,
    read_all,
    read_exactly,
    running,
    session,
    soon,
    thread,
    together,
    until,
)

KIB, MIB = 1024, 1024 * 1024


def send_and_close(far: socket.socket, data: bytes) -> None:
    far.sendall(data)
    far.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("limit", [0, 48], ids=["by copying", "by splicing"])
@pytest.mark.parametrize("size", [0, 1, 16 * KIB - 1, 16 * KIB, 128 * KIB + 1, 3 * MIB + 5, 64 * MIB])
@pytest_twisted.ensureDeferred
async def test_any_amount_arrives_unchanged_both_ways_at_once(size: int, limit: int) -> None:
    there, back = pattern(size, seed=1), pattern(size, seed=2)
    pipes = PipePool(limit=limit)
    async with running(pipes=pipes) as relayed:
        got = await together(
            thread(send_and_close, relayed.client, there),
            thread(send_and_close, relayed.backend, back),
            thread(read_all, relayed.backend),
            thread(read_all, relayed.client),
        )
        result = await relayed.result()
    assert [hashlib.sha256(one).digest() for one in got[2:]] == [hashlib.sha256(one).digest() for one in (there, back)]
    assert (result.ending, result.bytes_in, result.bytes_out) == (Ending.BOTH_CLOSED, size, size)
    assert result.error == ""
    assert pipes.lent == 0
    pipes.close()


@pytest_twisted.ensureDeferred
async def test_single_bytes_go_to_and_fro() -> None:
    async with running() as relayed:

        def echo() -> None:
            while byte := relayed.backend.recv(1):
                relayed.backend.send(byte)
            relayed.backend.shutdown(socket.SHUT_WR)

        def ask() -> bytes:
            answers = b""
            for number in range(300):
                relayed.client.send(bytes([number % 256]))
                answers += relayed.client.recv(16)
            relayed.client.shutdown(socket.SHUT_WR)
            return answers + read_all(relayed.client)

        _, answers = await together(thread(echo), thread(ask))
        assert answers == bytes(number % 256 for number in range(300))
        assert (await relayed.result()).bytes_out == 300


@pytest_twisted.ensureDeferred
async def test_what_the_transport_read_before_goes_first() -> None:
    async with session() as relayed:
        relayed.client.sendall(b"early,")
        await until(lambda: relayed.client_leg.early)
        relayed.client.sendall(b"waiting,")  # in the kernel when the relay takes over
        relayed.start()
        relayed.client.sendall(b"late")
        assert await thread(read_exactly, relayed.backend, 18) == b"early,waiting,late"
        assert relayed.relay.bytes_in == 18


@pytest_twisted.ensureDeferred
async def test_what_was_written_to_the_transports_before_goes_first_and_is_no_payload() -> None:
    async with session() as relayed:
        relayed.client_leg.early = b"early"
        connection(relayed.backend_leg).write(b"header,")
        connection(relayed.backend_leg).write(b"more,")
        connection(relayed.client_leg).write(b"notice,")
        relayed.start()
        relayed.backend.sendall(b"answer")
        assert await thread(read_exactly, relayed.backend, 17) == b"header,more,early"
        assert await thread(read_exactly, relayed.client, 13) == b"notice,answer"
        await until(lambda: relayed.relay.bytes_out == 6)
        assert relayed.relay.bytes_in == 5


@pytest.mark.parametrize("early", [b"", b"all there was", pattern(5 * MIB)], ids=["none", "few", "many"])
@pytest_twisted.ensureDeferred
async def test_a_fin_seen_before_is_passed_on_after_the_early_bytes(early: bytes) -> None:
    async with session(far_buffer=64 * KIB) as relayed:
        relayed.client.shutdown(socket.SHUT_WR)
        await until(lambda: relayed.client_leg.eof)
        relayed.client_leg.early = early
        relayed.start(client_eof=True)
        assert await thread(read_all, relayed.backend) == early
        relayed.backend.sendall(b"answer")
        relayed.backend.close()
        assert await thread(read_all, relayed.client) == b"answer"
        result = await relayed.result()
        assert result.ending is Ending.BOTH_CLOSED
        assert (result.bytes_in, result.bytes_out) == (len(early), 6)


@pytest_twisted.ensureDeferred
async def test_activity_is_the_time_of_the_last_byte_either_way() -> None:
    before = reactor.seconds()
    async with running() as relayed:
        assert before <= relayed.relay.last_activity <= reactor.seconds()
        for far, other in ((relayed.client, relayed.backend), (relayed.backend, relayed.client)):
            await pause(0.02)
            before = reactor.seconds()
            far.send(b"x")
            await thread(other.recv, 1)
            assert relayed.relay.last_activity >= before


@pytest.mark.parametrize("closes", [False, True], ids=["and more may come", "and then the FIN"])
@pytest.mark.parametrize("limit", [0, 48], ids=["by copying", "by splicing"])
@pytest_twisted.ensureDeferred
async def test_urgent_data_arrives_in_its_place(limit: int, closes: bool) -> None:
    bulk = pattern(200 * KIB)
    expected = (bulk + b"!") * 10 + b"the end"
    async with running(pipes=PipePool(limit=limit)) as relayed:

        def send() -> None:
            for _ in range(10):
                relayed.client.sendall(bulk)
                relayed.client.send(b"!", socket.MSG_OOB)
            relayed.client.sendall(b"the end")
            if closes:
                relayed.client.shutdown(socket.SHUT_WR)

        _, got = await together(thread(send), thread(read_exactly, relayed.backend, len(expected)))
        assert got == expected


@pytest_twisted.ensureDeferred
async def test_a_header_that_is_stuck_is_not_counted_as_less_than_nothing() -> None:
    async with session(far_buffer=4 * KIB) as relayed:
        connection(relayed.backend_leg).write(pattern(20 * MIB))
        relayed.start(early=b"payload")
        assert relayed.relay.bytes_in == 0
        relayed.client.shutdown(socket.SHUT_WR)
        assert len(await thread(read_all, relayed.backend)) == 20 * MIB + 7
        assert relayed.relay.bytes_in == 7


@dataclass(frozen=True)
class Part:
    """What one side does: it sends pieces, each after a pause (ms), reads with pauses at first, and closes."""

    pieces: list[tuple[int, int]]
    read_at_most: int
    read_pause: int
    closes_after_reading_all: bool

    def data(self, seed: int) -> bytes:
        return pattern(sum(size for size, _ in self.pieces), seed)

    async def send(self, far: socket.socket, seed: int, all_read: Deferred[bytes]) -> None:
        data, position = memoryview(self.data(seed)), 0
        for size, wait in self.pieces:
            await pause(wait / 1000)
            await thread(far.sendall, data[position : position + size])
            position += size
        if self.closes_after_reading_all:
            await soon(all_read)
        far.shutdown(socket.SHUT_WR)

    async def read(self, far: socket.socket) -> bytes:
        read = b""
        for _ in range(5):
            await pause(self.read_pause / 1000)
            read += (part := await thread(far.recv, self.read_at_most))
            if not part:
                return read
        return read + await thread(read_all, far)


PARTS = st.builds(
    Part,
    pieces=st.lists(
        st.tuples(st.sampled_from([0, 1, 100, 4095, 16 * KIB, 16 * KIB + 1, 150 * KIB, 700 * KIB]), st.integers(0, 4)),
        max_size=6,
    ),
    read_at_most=st.sampled_from([100, 10 * KIB, MIB]),
    read_pause=st.integers(0, 4),
    closes_after_reading_all=st.booleans(),
)


@example(  # each stalls the other's way, while a FIN waits behind what is owed
    client=Part([(700 * KIB, 0)], 100, 4, False),
    backend=Part([(700 * KIB, 0)], 100, 4, True),
    limit=1,
    far_buffer=4 * KIB,
)
@given(client=PARTS, backend=PARTS, limit=st.sampled_from([0, 1, 48]), far_buffer=st.sampled_from([4 * KIB, None]))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest_twisted.ensureDeferred
async def test_any_pieces_pauses_and_order_of_closing_leave_the_bytes_alone(
    client: Part, backend: Part, limit: int, far_buffer: int | None
) -> None:
    if backend.closes_after_reading_all:  # they cannot both wait for the other to close first
        client = replace(client, closes_after_reading_all=False)
    pipes = PipePool(limit=limit, size=256 * KIB)
    async with running(pipes=pipes, far_buffer=far_buffer) as relayed:
        by_client = Deferred.fromCoroutine(client.read(relayed.client))
        by_backend = Deferred.fromCoroutine(backend.read(relayed.backend))
        sends = [
            Deferred.fromCoroutine(client.send(relayed.client, 1, by_client)),
            Deferred.fromCoroutine(backend.send(relayed.backend, 2, by_backend)),
        ]
        assert await soon(by_backend) == client.data(1)
        assert await soon(by_client) == backend.data(2)
        await together(*sends)
        result = await relayed.result()
    assert result.ending is Ending.BOTH_CLOSED
    assert (result.bytes_in, result.bytes_out) == (len(client.data(1)), len(backend.data(2)))
    assert pipes.lent == 0
    pipes.close()
