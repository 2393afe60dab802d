"""A proxy with real sockets: pods that refuse, and pods that are dead."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_twisted

from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.model import names
from test.proxy.net import Peer, Site, running, site_settings
from test.running.accesslog import entries


@pytest_twisted.ensureDeferred
async def test_a_pod_that_refuses_at_first_is_dialled_again() -> None:
    async with running() as site:
        await site.start_program("probe")
        port = site.port_of("probe")
        await site.stop_program("probe")
        site.assign("a", port=port)
        client = await site.connect()
        client.send(b"x")
        await site.pass_time(0.5, step=0.02)
        await site.start_program("a", port=port)
        await site.until(lambda: client.got == b"x")
        client.close()
        await site.until(lambda: site.outcomes() == ["completed"])
        (entry,) = entries(site.lines[0])
        assert int(entry["attempts"]) > 3
        assert entry["error"] == "-", "it was got over"
        assert site.uses("a") == 1


@pytest_twisted.ensureDeferred
async def test_a_pod_that_keeps_refusing_is_retired_and_the_next_one_takes_over() -> None:
    async with running(settings=site_settings(connect_timeout_seconds=1)) as site:
        site.assign("refuses", port=1)
        await site.add_pod("b")
        client = await site.connect()
        client.send(b"x")
        await site.until(lambda: client.got == b"x")
        await site.until(lambda: site.phase("refuses") == "Released")
        assert site.operator.status("refuses")["outcome"] == "dial_failed"


@pytest_twisted.ensureDeferred
async def test_who_got_a_dead_pod_is_served_before_those_who_wait() -> None:
    async with running() as site:
        site.dead.add("dead")
        first, second = await site.connect(), await site.connect()
        first.send(b"1")
        second.send(b"2")
        await site.settle()
        site.assign("dead")
        await site.add_pod("b")
        await site.until(lambda: first.got == b"1")
        assert second.got == b""
        assert site.phase("dead") == "Released"


@pytest_twisted.ensureDeferred
async def test_after_three_dead_pods_the_connection_fails_and_no_fourth_is_spent() -> None:
    async with running() as site:
        for number in range(4):
            site.dead.add(f"dead-{number}")
            site.assign(f"dead-{number}")
        client = await site.connect()
        await site.until(lambda: client.lost)
        assert client.was_reset
        assert site.outcomes() == ["dial_failed"]
        assert site.lines[0].endswith(" error=EHOSTUNREACH")
        assert [site.phase(f"dead-{number}") for number in range(4)] == ["Released"] * 3 + ["Idle"]


@pytest_twisted.ensureDeferred
async def test_a_client_that_resets_while_its_pod_is_dialled_costs_the_pod() -> None:
    async with running() as site:
        site.assign("refuses", port=1)
        client = await site.connect()
        client.reset()
        await site.until(lambda: site.outcomes() == ["client_gone"])
        await site.until(lambda: site.phase("refuses") == "Released")


@asynccontextmanager
async def dialling(pod: str) -> AsyncIterator[tuple[Site, Peer, int]]:
    """A site, and a client of it who has sent something and whose pod refuses, at a port that others may have."""
    patient = site_settings(queue={"timeout_seconds": 120}, connect_timeout_seconds=60)
    async with running(settings=patient) as site:
        await site.start_program("probe")
        port = site.port_of("probe")
        await site.stop_program("probe")
        site.assign(pod, port=port)
        client = await site.connect()
        client.send(b"for nobody else")
        await site.pass_time(0.5, step=0.02)
        yield site, client, port


@pytest.mark.parametrize("news", ["gone", "asked back", "about to go"])
@pytest_twisted.ensureDeferred
async def test_a_pod_known_to_be_no_good_is_dialled_no_longer_and_whoever_has_its_address_is_told_nothing(
    news: str,
) -> None:
    async with dialling("a") as (site, client, port):
        if news == "about to go":
            site.operator.patch(ISOLATION_PODS, "a", {"metadata": {"finalizers": ["example.com/stays"]}})
        if news == "asked back":
            site.operator.annotate("a", names.ANNOTATION_RECALL)
        else:
            site.operator.delete(ISOLATION_PODS, "a")
        await site.settle()
        await site.start_program("another", port=port)
        await site.pass_time(1.0, step=0.02)
        assert site.uses("another") == 0
        if news != "gone":
            await site.until(lambda: site.phase("a") == "Released")
            assert site.operator.status("a")["outcome"] == "dial_failed"
        await site.add_pod("b")
        await site.until(lambda: client.got == b"for nobody else")


@pytest_twisted.ensureDeferred
async def test_who_was_parted_from_the_api_server_dials_no_pod_that_has_gone_meanwhile() -> None:
    async with dialling("a") as (site, _, port):
        site.api.go_down()
        site.operator.delete(ISOLATION_PODS, "a")
        await site.pass_time(1.0, step=0.02)
        site.api.come_back()
        await site.pass_time(35.0, step=0.5)
        assert site.service._stock.queued == 1
        await site.start_program("another", port=port)
        await site.pass_time(1.0, step=0.02)
        assert site.uses("another") == 0
