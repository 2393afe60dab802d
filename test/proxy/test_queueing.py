"""A proxy with real sockets: what becomes of those that wait for a pod."""

import socket

import pytest_twisted

from isoproxy.proxy.session import EARLY_BYTES
from test.proxy.net import connect_and_reset, running, site_settings


@pytest_twisted.ensureDeferred
async def test_who_comes_before_a_pod_is_served_when_one_comes_and_loses_nothing() -> None:
    async with running() as site:
        client = await site.connect()
        client.send(b"early ")
        client.send(b"bird")
        await site.until(lambda: site.lease().queued == 1)
        await site.add_pod("a")
        await site.until(lambda: client.got == b"early bird")
        await site.until(lambda: site.lease().queued == 0)


@pytest_twisted.ensureDeferred
async def test_an_urgent_byte_that_was_sent_while_it_waited_arrives_in_its_place() -> None:
    async with running() as site:
        client = await site.connect()
        wire = client.wire.getHandle()
        for _ in range(3):
            wire.send(b"an urgent byte is here: ")
            wire.send(b"!", socket.MSG_OOB)
            await site.settle()
        await site.add_pod("a")
        client.shut_down()
        await site.until(lambda: client.eof)
        assert client.got == b"an urgent byte is here: !" * 3


@pytest_twisted.ensureDeferred
async def test_a_half_close_after_bytes_keeps_its_place_and_gets_its_answer() -> None:
    async with running() as site:
        client = await site.connect()
        client.send(b"question")
        client.shut_down()
        await site.settle()
        await site.add_pod("a")
        await site.until(lambda: client.eof)
        assert client.got == b"question"
        client.close()
        await site.until(lambda: site.outcomes() == ["completed"])


@pytest_twisted.ensureDeferred
async def test_an_end_without_a_byte_costs_no_pod() -> None:
    async with running() as site:
        client = await site.connect()
        client.shut_down()
        await site.until(lambda: site.outcomes() == ["client_gone"])
        await site.add_pod("a")
        await site.until(lambda: site.lease().held == 1)
        assert site.uses("a") == 0


@pytest_twisted.ensureDeferred
async def test_a_reset_costs_no_pod() -> None:
    async with running() as site:
        client = await site.connect()
        client.send(b"x")
        await site.settle()
        client.reset()
        await site.until(lambda: site.outcomes() == ["client_gone"])
        await site.add_pod("a")
        await site.until(lambda: site.lease().held == 1)
        assert site.uses("a") == 0


@pytest_twisted.ensureDeferred
async def test_a_reset_before_the_accept_costs_no_pod_though_there_is_one() -> None:
    async with running() as site:
        await site.add_pod("a")
        await site.until(lambda: site.lease().held == 1)
        connect_and_reset(site.service.address)
        await site.until(lambda: site.outcomes() == ["client_gone"])
        client = await site.connect()
        client.send(b"x")
        await site.until(lambda: client.got == b"x")
        assert site.uses("a") == 1


@pytest_twisted.ensureDeferred
async def test_a_reset_behind_a_full_buffer_is_found_when_a_pod_comes() -> None:
    async with running() as site:
        flooding, waiting = await site.connect(), await site.connect()
        flooding.send(bytes(2 * EARLY_BYTES))
        waiting.send(b"x")
        connection = site.service._stock.longest_waiting()
        assert connection is not None
        await site.until(lambda: connection.session.early >= EARLY_BYTES)
        flooding.reset()
        await site.settle()
        assert site.outcomes() == []  # nobody reads, so nobody has noticed
        await site.add_pod("a")
        await site.until(lambda: waiting.got == b"x")
        assert site.outcomes() == ["client_gone"]


@pytest_twisted.ensureDeferred
async def test_what_is_kept_of_a_flood_is_bounded_and_nothing_of_it_is_lost() -> None:
    async with running() as site:
        client = await site.connect()
        flood = bytes(range(256)) * 8192  # 2 MiB
        client.send(flood)
        connection = site.service._stock.longest_waiting()
        assert connection is not None
        await site.until(lambda: connection.session.early >= EARLY_BYTES)
        await site.settle()
        assert connection.session.early <= 2 * EARLY_BYTES
        await site.add_pod("a")
        await site.until(lambda: len(client.got) == len(flood))
        assert client.got == flood


@pytest_twisted.ensureDeferred
async def test_the_deadline_ends_it_with_a_reset() -> None:
    async with running(settings=site_settings(queue={"timeout_seconds": 7})) as site:
        client = await site.connect()
        await site.pass_time(6.5)
        assert site.outcomes() == []
        await site.pass_time(1.0)
        assert site.outcomes() == ["queue_timeout"]
        await site.until(lambda: client.lost)
        assert client.was_reset


@pytest_twisted.ensureDeferred
async def test_a_full_queue_turns_away_at_once() -> None:
    async with running(settings=site_settings(queue={"max_length": 2})) as site:
        first, second, third = [await site.connect() for _ in range(3)]
        await site.until(lambda: third.lost)
        assert third.was_reset
        assert site.outcomes() == ["queue_full"]
        assert first.lost is None
        assert second.lost is None
