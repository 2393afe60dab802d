"""A side that does not read holds the other back; memory stays bounded; splicing is an advantage, never a need."""

from __future__ import annotations

import contextlib
import errno
import os
import socket

import pytest
import pytest_twisted

from isoproxy.proxy.relay import Ending, PipePool, poller
from isoproxy.proxy.relay.poller import Poller
from test.proxy.relay.harness import (
    arrived,
    connection,
    descriptors_used_up,
    fill,
    pattern,
    pause,
    reactor,
    read_all,
    read_exactly,
    resident_bytes,
    running,
    session,
    stall,
    thread,
    together,
    until,
)

KIB, MIB = 1024, 1024 * 1024


@pytest.mark.parametrize("limit", [0, 48], ids=["by copying", "by splicing"])
@pytest_twisted.ensureDeferred
async def test_a_client_that_never_reads_blocks_the_backend_and_costs_no_memory(limit: int) -> None:
    pipes = PipePool(limit=limit)
    async with running(pipes=pipes) as relayed:
        before = resident_bytes()
        sent = await stall(relayed, relayed.backend)
        sent += await thread(fill, relayed.backend)  # no more, or little
        assert sent < 64 * MIB  # what the kernel's own buffers hold, and one chunk
        assert resident_bytes() - before < 16 * MIB
        owed = relayed.relay._ends[0].inbound.owed
        assert 0 < owed <= (MIB if limit else 128 * KIB)
        assert pipes.lent == min(limit, 1)
        # And when it reads after all, everything is there.
        relayed.backend.shutdown(socket.SHUT_WR)
        assert await thread(read_all, relayed.client) == bytes(sent)
        assert pipes.lent == 0
    pipes.close()


@pytest_twisted.ensureDeferred
async def test_a_pipe_is_held_only_while_bytes_are_stuck_in_it() -> None:
    async with running() as relayed:
        await carries(relayed.client, relayed.backend)
        assert relayed.pipes.lent == 0
        await stall(relayed, relayed.client)
        assert relayed.pipes.lent == 1


@pytest_twisted.ensureDeferred
async def test_when_the_pipes_are_all_taken_others_copy() -> None:
    pipes = PipePool(limit=1)
    async with running(pipes=pipes) as stalled, running(pipes=pipes) as relayed:
        await stall(stalled, stalled.client)
        assert pipes.lent == 1
        await carries(relayed.client, relayed.backend)
        assert pipes.lent == 1
    assert pipes.lent == 0
    pipes.close()


@pytest_twisted.ensureDeferred
async def test_with_no_descriptor_left_relays_copy() -> None:
    async with running() as relayed:
        with descriptors_used_up():
            await carries(relayed.client, relayed.backend)
            assert relayed.pipes.acquire() is None


@pytest_twisted.ensureDeferred
async def test_with_no_descriptor_left_to_begin_with_a_relay_fails_in_good_order() -> None:
    async with session() as relayed:
        with descriptors_used_up():
            relayed.start()
            result = await relayed.result()
        assert result.ending is Ending.FAILED
        assert result.error == "EMFILE"
        assert [len(leg.lost) for leg in (relayed.client_leg, relayed.backend_leg)] == [1, 1]


@pytest.mark.parametrize("code", ["EINVAL", "ENOSYS", "EPERM"])
@pytest_twisted.ensureDeferred
async def test_where_splice_is_refused_relays_copy(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> int:
        raise OSError(getattr(errno, code), "refused")

    monkeypatch.setattr(os, "splice", refused)
    async with running() as relayed:
        await carries(relayed.client, relayed.backend)
        assert relayed.pipes.acquire() is None


async def carries(source: socket.socket, sink: socket.socket) -> None:
    """A transfer, large enough that it would be spliced, arrives unchanged."""
    data = pattern(4 * MIB)
    _, got = await together(thread(source.sendall, data), thread(read_exactly, sink, len(data)))
    assert got == data


@pytest.mark.parametrize("limit", [0, 48], ids=["by copying", "by splicing"])
@pytest_twisted.ensureDeferred
async def test_one_event_moves_a_bounded_amount_and_every_waiting_connection_gets_its_turn(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "_SHARE", range(16 * KIB, 32 * KIB))
    pipes = PipePool(limit=limit)
    async with running(pipes=pipes) as greedy, running(pipes=pipes) as modest:
        await carries(greedy.client, greedy.backend)  # by now its bytes are spliced
        greedy.client.setblocking(False)
        before = greedy.relay.bytes_in
        # The reactor does not run from here on: the batches are handled by hand.
        with contextlib.suppress(BlockingIOError):
            while greedy.client.send(bytes(64 * KIB)):
                continue
        modest.client.send(b"x")
        arrived(greedy.client_leg)
        arrived(modest.client_leg)
        Poller.of(reactor).doRead()
        assert 0 < greedy.relay.bytes_in - before <= (32 * KIB if limit else 128 * KIB)
        assert modest.relay.bytes_in == 1
    pipes.close()


@pytest_twisted.ensureDeferred
async def test_small_messages_pass_while_others_transfer_all_they_can() -> None:
    async with running() as one, running() as two, running() as modest:
        transfers = [thread(flood, relayed.client, relayed.backend) for relayed in (one, two)]
        for _ in range(20):
            modest.client.send(b"ping")
            assert await thread(modest.backend.recv, 10) == b"ping"
        one.client.close()
        two.client.close()
        await together(*transfers)


def flood(source: socket.socket, sink: socket.socket) -> None:
    """Send and read back until the source is closed from elsewhere."""
    chunk = bytes(128 * KIB)
    try:
        while True:
            source.sendall(chunk)
            read_exactly(sink, len(chunk))
    except OSError:
        return


@pytest_twisted.ensureDeferred
async def test_nothing_is_read_while_anything_is_owed() -> None:
    async with running() as relayed:
        await stall(relayed, relayed.client)
        inward = relayed.relay._ends[0].outbound
        assert inward.owed
        assert not inward.reads
        stuck = relayed.relay.bytes_in
        await pause(0.05)
        assert relayed.relay.bytes_in == stuck
        assert connection(relayed.client_leg).connected
        relayed.client.shutdown(socket.SHUT_WR)
        await thread(read_all, relayed.backend)
        await until(lambda: not inward.owed)
