"""A proxy with real sockets: how it ends."""

import pytest_twisted

from test.proxy.net import outcome_of, running, site_settings


@pytest_twisted.ensureDeferred
async def test_stock_is_returned_connections_end_by_themselves_and_the_last_word_is_said() -> None:
    async with running(linger_seconds=5.0) as site:
        client = await site.talking_to("a")
        await site.add_pod("b")
        await site.add_pod("c")
        drained = outcome_of(site.service.drain(600.0))
        await site.until(lambda: site.lease().draining)
        assert site.service.ready, "who has nowhere else to go is still to be sent here"

        late = await site.connect()  # endpoints lag behind
        late.send(b"y")
        await site.until(lambda: late.got == b"y")

        await site.pass_time(5.5)
        assert site.service.address == ""
        assert not site.service.ready
        assert site.phase("c") == "Returned"
        await site.add_pod("arrives")
        await site.until(lambda: site.phase("arrives") == "Returned")
        assert drained == []
        client.close()
        late.close()
        await site.until(lambda: drained)
        assert site.outcomes() == ["completed", "completed"]
        assert {site.phase(name) for name in "ab"} == {"Released"}
        assert site.lease().ended
        assert site.lease().held == 0
        assert not site.clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_at_the_deadline_connections_are_cut() -> None:
    async with running() as site:
        client = await site.talking_to("a")
        drained = outcome_of(site.service.drain(60.0))
        await site.pass_time(59.0, step=1.0)
        assert client.lost is None
        await site.pass_time(2.0)
        await site.until(lambda: drained)
        assert site.outcomes() == ["drained"]
        assert site.operator.status("a")["outcome"] == "drained"
        await site.until(lambda: client.lost)


@pytest_twisted.ensureDeferred
async def test_who_waits_when_no_pod_can_come_any_more_is_told_at_once() -> None:
    async with running() as site:
        client = await site.connect()
        drained = outcome_of(site.service.drain(600.0))
        await site.until(lambda: drained)
        assert site.outcomes() == ["drained"]
        await site.until(lambda: client.lost)


@pytest_twisted.ensureDeferred
async def test_who_is_dialling_may_go_on_but_gets_no_other_pod() -> None:
    async with running(settings=site_settings(connect_timeout_seconds=5)) as site:
        site.assign("refuses", port=1)
        await site.connect()
        await site.add_pod("unused")
        drained = outcome_of(site.service.drain(600.0))
        await site.until(lambda: site.phase("unused") == "Returned")
        assert drained == []
        await site.pass_time(5.5)
        await site.until(lambda: drained)
        assert site.outcomes() == ["drained"]
        assert site.operator.status("refuses")["outcome"] == "dial_failed"


@pytest_twisted.ensureDeferred
async def test_a_second_order_may_shorten_the_first() -> None:
    async with running() as site:
        await site.talking_to("a")
        first = outcome_of(site.service.drain(600.0))
        await site.pass_time(1.0)
        second = outcome_of(site.service.drain(0.0))
        await site.until(lambda: first and second)
        assert site.outcomes() == ["drained"]


@pytest_twisted.ensureDeferred
async def test_without_an_api_server_it_ends_all_the_same() -> None:
    async with running() as site:
        await site.add_pod("a")
        await site.until(lambda: site.lease().held == 1)
        site.api.go_down()
        drained = outcome_of(site.service.drain(5.0))
        await site.pass_time(25.0)
        await site.until(lambda: drained)
        assert not site.clock.getDelayedCalls()
