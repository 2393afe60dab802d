"""One proxy with real sockets: a pod for each connection, and one outcome for each."""

from dataclasses import replace

import pytest_twisted

from isoproxy.model import names
from isoproxy.model.dedicatedservice import QueueSpec
from test.proxy.net import Site, running, site_settings


@pytest_twisted.ensureDeferred
async def test_a_connection_gets_a_pod_of_its_own_and_the_pod_is_released_at_its_end() -> None:
    async with running() as site:
        await site.add_pod("a")
        client = await site.connect()
        client.send(b"hello")
        await site.until(lambda: client.got == b"hello")
        client.close()
        await site.until(lambda: site.phase("a") == "Released")
        assert site.outcomes() == ["completed"]
        assert site.operator.status("a")["client"].startswith("127.0.0.1:")
        line = site.lines[0]
        assert line.startswith("service=default/web client=127.0.0.1:")
        assert " pod=a " in line
        assert " bytes_in=5 bytes_out=5 attempts=1" in line


@pytest_twisted.ensureDeferred
async def test_no_pod_is_used_twice_and_nobody_is_left_out() -> None:
    async with running() as site:
        clients = [await site.connect() for _ in range(30)]
        for number, client in enumerate(clients):
            client.send(b"%d" % number)
        for number in range(30):
            await site.add_pod(f"pod-{number}")
        await site.until(lambda: all(client.got == b"%d" % number for number, client in enumerate(clients)))
        assert [site.uses(f"pod-{number}") for number in range(30)] == [1] * 30
        # First come, first served:
        assert [site.pods[f"pod-{number}"].connections[0].got for number in range(30)] == [
            b"%d" % number for number in range(30)
        ]


@pytest_twisted.ensureDeferred
async def test_stock_and_claims_are_acknowledged_as_held_until_they_are_recorded() -> None:
    async with running() as site:
        await site.add_pod("a")
        await site.add_pod("b")
        await site.until(lambda: site.lease().held == 2)
        client = await site.connect()
        client.send(b"x")
        await site.until(lambda: client.got)
        await site.pass_time(0.3)
        assert site.lease().held == 2
        await site.pass_time(1.0)
        assert site.phase("a") == "InUse"
        await site.until(lambda: site.lease().held == 1)


class TestLimits:
    @pytest_twisted.ensureDeferred
    async def test_silence_ends_a_connection_and_bytes_keep_it(self) -> None:
        async with running(settings=site_settings(idle_timeout_seconds=10)) as site:
            await site.add_pod("a")
            await site.add_pod("b")
            silent, busy = await site.connect(), await site.connect()
            for _ in range(4):
                busy.got = b""
                busy.send(b"x")
                await site.until(lambda: busy.got)
                await site.pass_time(3.5, step=0.5)
            assert site.outcomes() == ["idle_timeout"]
            await site.until(lambda: silent.lost)
            assert silent.was_reset
            assert busy.lost is None

    @pytest_twisted.ensureDeferred
    async def test_silence_ends_a_connection_though_other_settings_come_all_the_time(self) -> None:
        async with running(settings=site_settings(idle_timeout_seconds=60)) as site:
            await site.talking_to("a")
            for second in range(66):
                site.service.apply(replace(site.service.settings, queue=QueueSpec(timeout_seconds=30 + second)))
                await site.pass_time(1.0, step=1.0)
            assert site.outcomes() == ["idle_timeout"]

    @pytest_twisted.ensureDeferred
    async def test_no_connection_lasts_longer_than_allowed(self) -> None:
        async with running(settings=site_settings(max_duration_seconds=60)) as site:
            await site.talking_to("a")
            await site.pass_time(59.0, step=0.5)
            assert site.outcomes() == []
            await site.pass_time(1.5, step=0.5)
            await site.until(lambda: site.outcomes() == ["max_duration"])
            assert site.operator.status("a")["outcome"] == "max_duration"

    @pytest_twisted.ensureDeferred
    async def test_new_limits_are_for_new_connections(self) -> None:
        async with running() as site:
            old = await site.connect()
            site.service.apply(site_settings(queue={"timeout_seconds": 2}))
            new = await site.connect()
            await site.pass_time(2.5)
            await site.until(lambda: new.lost)
            assert old.lost is None


class TestReadiness:
    @pytest_twisted.ensureDeferred
    async def test_it_waits_for_a_first_pod_or_long_enough(self) -> None:
        async with running(share_seconds=10.0) as site:
            assert not site.service.ready
            await site.pass_time(10.1)
            assert site.service.ready

    @pytest_twisted.ensureDeferred
    async def test_a_first_pod_makes_it_ready_for_good(self) -> None:
        async with running() as site:
            await site.add_pod("a")
            assert site.service.ready
            site.operator.annotate("a", names.ANNOTATION_RECALL)
            await site.until(lambda: site.phase("a") == "Returned")
            assert site.service.ready

    @pytest_twisted.ensureDeferred
    async def test_without_its_lease_it_is_not_ready_but_lets_clients_wait(self) -> None:
        site = Site(linger_seconds=0.0, share_seconds=0.0)
        site.api.go_down()
        site.service.startService()
        await site.until(lambda: site.service.address)
        client = await site.connect()
        client.send(b"x")
        await site.pass_time(1.0)
        assert not site.service.ready
        site.api.come_back()
        await site.pass_time(5.0)
        assert site.service.ready
        await site.add_pod("a")
        await site.until(lambda: client.got == b"x")
        await site.stop()


@pytest_twisted.ensureDeferred
async def test_what_prometheus_sees_is_what_happens() -> None:
    async with running() as site:
        sample = site.metrics.registry.get_sample_value
        labels = {"namespace": "default", "service": "web"}
        await site.add_pod("a")
        await site.add_pod("b")
        client = await site.connect()
        client.send(b"12345")
        await site.until(lambda: client.got == b"12345")
        assert sample("isoproxy_sessions", labels) == 1
        assert sample("isoproxy_stock", labels) == 1
        assert sample("isoproxy_relayed_bytes_total", labels | {"direction": "in"}) == 5
        client.close()
        await site.until(site.outcomes)
        assert sample("isoproxy_sessions", labels) == 0
        assert sample("isoproxy_relayed_bytes_total", labels | {"direction": "out"}) == 5
        assert sample("isoproxy_connections_total", labels | {"outcome": "completed"}) == 1
        assert sample("isoproxy_connections_total", labels | {"outcome": "error"}) == 0
        assert sample("isoproxy_claim_wait_seconds_count", labels) == 1
    assert sample("isoproxy_sessions", labels) is None
    assert sample("isoproxy_connections_total", labels | {"outcome": "completed"}) is None
