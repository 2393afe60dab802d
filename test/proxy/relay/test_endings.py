"""Each direction closes on its own; a broken connection breaks the other; both protocols hear of the end once."""

from __future__ import annotations

import os
import socket

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost

from isoproxy.proxy.relay import Ending, PipePool, Side
from isoproxy.proxy.relay.poller import Poller
from test.proxy.relay.harness import (
    Session,
    connection,
    pattern,
    pause,
    read_all,
    read_exactly,
    reset,
    running,
    session,
    stall,
    thread,
    together,
    until,
)

BOTH_SIDES = pytest.mark.parametrize("side", list(Side), ids=lambda side: side.value)
RESET = {Side.CLIENT: Ending.CLIENT_RESET, Side.BACKEND: Ending.BACKEND_RESET}


def far_ends(relayed: Session, side: Side) -> tuple[socket.socket, socket.socket]:
    """The far end of ``side``, and the other one."""
    both = relayed.client, relayed.backend
    return both if side is Side.CLIENT else (both[1], both[0])


def reasons(relayed: Session) -> list[type[BaseException] | None]:
    """Why the client's and the backend's protocol were told that their connection ended: once each, or this fails."""
    legs = relayed.client_leg, relayed.backend_leg
    assert [len(leg.lost) for leg in legs] == [1, 1]
    return [leg.lost[0].type for leg in legs]


async def is_reset(far: socket.socket) -> None:
    """``far`` has been reset, after whatever it was sent."""
    with pytest.raises(ConnectionResetError):
        await thread(read_all, far)


@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_a_side_that_has_closed_its_direction_still_gets_its_answer(side: Side) -> None:
    async with running() as relayed:
        closing, other = far_ends(relayed, side)
        closing.sendall(b"question")
        closing.shutdown(socket.SHUT_WR)
        assert await thread(read_all, other) == b"question"
        await pause(0.05)
        answer = pattern(300_000)
        _, got = await together(thread(other.sendall, answer), thread(read_exactly, closing, len(answer)))
        assert got == answer
        other.close()
        assert await thread(read_all, closing) == b""
        result = await relayed.result()
        assert result.ending is Ending.BOTH_CLOSED
        assert reasons(relayed) == [ConnectionDone, ConnectionDone]


@pytest_twisted.ensureDeferred
async def test_both_may_close_at_once() -> None:
    for _ in range(20):
        async with running() as relayed:
            relayed.client.shutdown(socket.SHUT_WR)
            relayed.backend.shutdown(socket.SHUT_WR)
            assert await together(thread(read_all, relayed.client), thread(read_all, relayed.backend)) == [b"", b""]
            assert (await relayed.result()).ending is Ending.BOTH_CLOSED


@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_a_fin_waits_for_all_bytes_before_it(side: Side) -> None:
    async with running() as relayed:
        closing, other = far_ends(relayed, side)
        stalled = await stall(relayed, closing)
        closing.shutdown(socket.SHUT_WR)
        await pause(0.05)
        assert not relayed.done.called
        other.shutdown(socket.SHUT_WR)
        assert len(await thread(read_all, other)) == stalled
        assert (await relayed.result()).ending is Ending.BOTH_CLOSED


@pytest.mark.parametrize("size", [0, 300_000], ids=["of an idle session", "after a transfer"])
@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_a_reset_on_one_side_resets_the_other(side: Side, size: int) -> None:
    async with running() as relayed:
        breaking, other = far_ends(relayed, side)
        await together(thread(breaking.sendall, bytes(size)), thread(read_exactly, other, size))
        reset(breaking)
        await is_reset(other)
        result = await relayed.result()
        assert (result.ending, result.error) == (RESET[side], "ECONNRESET")
        expected = [ConnectionLost, ConnectionAborted]
        assert reasons(relayed) == (expected if side is Side.CLIENT else expected[::-1])


@pytest.mark.parametrize("limit", [0, 48], ids=["by copying", "by splicing"])
@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_a_reset_with_data_stuck_on_the_way_drops_it_for_good(side: Side, limit: int) -> None:
    pipes = PipePool(limit=limit)
    async with running(pipes=pipes) as relayed:
        breaking, other = far_ends(relayed, side)
        await stall(relayed, breaking)
        assert pipes.lent == min(limit, 1)
        reset(breaking)
        assert (await relayed.result()).ending is RESET[side]
        await is_reset(other)
        assert pipes.lent == 0
    if pipe := pipes.acquire():
        with pytest.raises(BlockingIOError):
            os.read(pipe.read_fd, 1)
        pipes.release(pipe)
    pipes.close()


@pytest.mark.parametrize("limit", [0, 48], ids=["by copying", "by splicing"])
@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_a_reset_by_the_side_that_does_not_read_ends_the_session(side: Side, limit: int) -> None:
    pipes = PipePool(limit=limit)
    async with running(pipes=pipes) as relayed:
        breaking, sending = far_ends(relayed, side)
        await stall(relayed, sending)
        reset(breaking)
        assert (await relayed.result()).ending is RESET[side]
        await is_reset(sending)
        assert pipes.lent == 0
    pipes.close()


@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_an_answer_that_came_before_a_reset_still_arrives(side: Side) -> None:
    """What a server does that refuses an upload: it answers and closes with the upload unread, which resets."""
    async with running() as relayed:
        refusing, uploading = far_ends(relayed, side)
        await stall(relayed, uploading)
        refusing.sendall(b"too large")
        refusing.close()
        assert await thread(read_exactly, uploading, 9) == b"too large"
        await is_reset(uploading)
        assert (await relayed.result()).ending is RESET[side]


@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_an_answer_still_arrives_when_the_reset_is_first_seen_by_a_write(side: Side) -> None:
    async with running() as relayed:
        refusing, uploading = far_ends(relayed, side)
        uploading.sendall(b"more")  # the reactor sees this first, and writes it to a connection already reset
        refusing.sendall(b"too large")
        reset(refusing)
        assert await thread(read_exactly, uploading, 9) == b"too large"
        await is_reset(uploading)
        result = await relayed.result()
        assert (result.ending, result.error) == (RESET[side], "ECONNRESET")


@pytest_twisted.ensureDeferred
async def test_a_reset_ends_it_when_what_came_before_can_go_nowhere() -> None:
    async with running() as relayed:
        await stall(relayed, relayed.backend)
        relayed.client.sendall(b"more")
        reset(relayed.backend)
        result = await relayed.result()
        assert (result.ending, result.error) == (Ending.BACKEND_RESET, "ECONNRESET")
        await is_reset(relayed.client)


@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_a_reset_after_a_half_close_is_noticed_in_either_direction(side: Side) -> None:
    async with running() as relayed:
        closing, other = far_ends(relayed, side)
        closing.shutdown(socket.SHUT_WR)
        assert await thread(read_all, other) == b""
        reset(closing)
        assert (await relayed.result()).ending is RESET[side]
        await is_reset_on_write(other)


async def is_reset_on_write(far: socket.socket) -> None:
    """``far``, which has read a FIN, can write no more."""

    def write() -> None:
        while True:  # or until it times out
            far.send(b"x")

    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        await thread(write)


@pytest_twisted.ensureDeferred
async def test_abort_resets_both_sides_and_reports_its_reason_once() -> None:
    async with running() as relayed:
        relayed.client.sendall(b"hello")
        assert await thread(relayed.backend.recv, 100) == b"hello"
        relayed.relay.abort("idle for too long")
        relayed.relay.abort("again")
        result = await relayed.result()
        assert (result.ending, result.error, result.bytes_in) == (Ending.ABORTED, "idle for too long", 5)
        await is_reset(relayed.client)
        await is_reset(relayed.backend)
        assert reasons(relayed) == [ConnectionAborted, ConnectionAborted]
        assert relayed.relay.bytes_in == 5


@pytest_twisted.ensureDeferred
async def test_abort_with_data_stuck_both_ways_lets_go_of_it() -> None:
    async with running() as relayed:
        await stall(relayed, relayed.client)
        await stall(relayed, relayed.backend)
        assert relayed.pipes.lent == 2
        relayed.relay.abort("enough")
        assert (await relayed.result()).ending is Ending.ABORTED
        assert relayed.pipes.lent == 0


@pytest_twisted.ensureDeferred
async def test_abort_before_the_start_ends_it_all_the_same() -> None:
    async with session() as relayed:
        relayed.construct()
        relayed.relay.abort("never mind")
        relayed.done = relayed.relay.start()
        assert (await relayed.result()).ending is Ending.ABORTED
        assert reasons(relayed) == [ConnectionAborted, ConnectionAborted]


@pytest.mark.parametrize("told_first", [True, False])
@pytest_twisted.ensureDeferred
async def test_a_backend_that_is_gone_has_said_all_with_its_fin_and_all_of_it_arrives(told_first: bool) -> None:
    async with running() as relayed:
        if told_first:
            relayed.relay.backend_gone()
        answer = pattern(100_000)
        await thread(relayed.backend.sendall, answer)
        relayed.backend.shutdown(socket.SHUT_WR)
        if not told_first:
            await until(lambda: relayed.relay.bytes_out == len(answer))
            await pause(0.05)
            assert not relayed.done.called
            relayed.relay.backend_gone()
        result = await relayed.result()
        assert result.ending is Ending.BACKEND_GONE
        assert reasons(relayed) == [ConnectionDone, ConnectionAborted]
        assert await thread(read_all, relayed.client) == answer


@pytest_twisted.ensureDeferred
async def test_a_backend_that_is_to_go_serves_until_its_fin() -> None:
    async with running() as relayed:
        relayed.relay.backend_gone()
        relayed.client.sendall(b"question")
        assert await thread(relayed.backend.recv, 100) == b"question"
        relayed.backend.sendall(b"answer")
        assert await thread(relayed.client.recv, 100) == b"answer"
        assert not relayed.done.called


@pytest_twisted.ensureDeferred
async def test_cancelling_aborts() -> None:
    async with running() as relayed:
        relayed.done.cancel()
        with pytest.raises(CancelledError):
            await relayed.done
        await is_reset(relayed.client)
        await is_reset(relayed.backend)


@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_a_connection_lost_before_the_start_counts_as_reset(side: Side) -> None:
    async with session() as relayed:
        leg = relayed.client_leg if side is Side.CLIENT else relayed.backend_leg
        kept = connection(relayed.client_leg), connection(relayed.backend_leg)
        (kept[0] if side is Side.CLIENT else kept[1]).abortConnection()
        await until(lambda: leg.lost)
        relayed.client_leg.transport, relayed.backend_leg.transport = kept
        relayed.start()
        result = await relayed.result()
        assert (result.ending, result.error) == (RESET[side], "ENOTCONN")
        assert [len(one.lost) for one in (relayed.client_leg, relayed.backend_leg)] == [1, 1]


@pytest_twisted.ensureDeferred
async def test_a_protocol_that_fails_at_the_end_keeps_nobody_from_hearing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(reason: object) -> None:
        raise ZeroDivisionError

    async with running() as relayed:
        monkeypatch.setattr(relayed.client_leg, "connectionLost", fail)
        relayed.relay.abort("x")
        assert (await relayed.result()).ending is Ending.ABORTED
        assert len(relayed.backend_leg.lost) == 1
        relayed.client_leg.lost = relayed.backend_leg.lost


@pytest_twisted.ensureDeferred
async def test_a_defect_in_one_relay_ends_that_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as broken, running() as whole:
        monkeypatch.setattr(broken.relay._ends[0].outbound.__class__, "_saw_eof", lambda flow: 1 / 0)
        broken.client.shutdown(socket.SHUT_WR)
        result = await broken.result()
        assert (result.ending, result.error) == (Ending.FAILED, "ZeroDivisionError")
        monkeypatch.undo()
        whole.client.sendall(b"on we go")
        assert await thread(whole.backend.recv, 100) == b"on we go"


async def events_while_idle(monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the relays' poller is called while nothing happens."""
    calls, do_read = 0, Poller.doRead

    def counted(poller: Poller) -> None:
        nonlocal calls
        calls += 1
        do_read(poller)

    monkeypatch.setattr(Poller, "doRead", counted)
    await pause(0.2)
    monkeypatch.undo()
    return calls


@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_an_idle_half_closed_session_uses_no_cpu(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as relayed:
        closing, other = far_ends(relayed, side)
        closing.shutdown(socket.SHUT_WR)
        assert await thread(read_all, other) == b""
        assert await events_while_idle(monkeypatch) <= 1


@BOTH_SIDES
@pytest_twisted.ensureDeferred
async def test_a_fin_behind_a_stalled_direction_uses_no_cpu(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it has been sent our FIN too, its socket is hung up for epoll, for as long as the stall lasts."""
    async with running() as relayed:
        stalled, other = far_ends(relayed, side)
        sent = await stall(relayed, stalled)
        stalled.shutdown(socket.SHUT_WR)
        other.shutdown(socket.SHUT_WR)
        assert await thread(read_all, stalled) == b""
        assert await events_while_idle(monkeypatch) <= 2
        assert len(await thread(read_all, other)) == sent
        assert (await relayed.result()).ending is Ending.BOTH_CLOSED
