"""One proxy with real sockets: a pod for each connection, and one outcome for each."""

import pytest
import pytest_twisted

from isoproxy.kube.errors import NotSent
from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.model import names
from isoproxy.proxy.session import EARLY_BYTES
from test.proxy.net import Site, connect_and_reset, outcome_of, running, site_settings

DOWN = NotSent("no route")


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


class TestWhileQueued:
    @pytest_twisted.ensureDeferred
    async def test_a_half_close_after_bytes_keeps_its_place_and_gets_its_answer(self) -> None:
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
    async def test_an_end_without_a_byte_costs_no_pod(self) -> None:
        async with running() as site:
            client = await site.connect()
            client.shut_down()
            await site.until(lambda: site.outcomes() == ["client_gone"])
            await site.add_pod("a")
            await site.until(lambda: site.lease().held == 1)
            assert site.uses("a") == 0

    @pytest_twisted.ensureDeferred
    async def test_a_reset_costs_no_pod(self) -> None:
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
    async def test_a_reset_before_the_accept_costs_no_pod_though_there_is_one(self) -> None:
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
    async def test_a_reset_behind_a_full_buffer_is_found_when_a_pod_comes(self) -> None:
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
    async def test_what_is_kept_of_a_flood_is_bounded_and_nothing_of_it_is_lost(self) -> None:
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
    async def test_the_deadline_ends_it_with_a_reset(self) -> None:
        async with running(settings=site_settings(queue={"timeout_seconds": 7})) as site:
            client = await site.connect()
            await site.pass_time(6.5)
            assert site.outcomes() == []
            await site.pass_time(1.0)
            assert site.outcomes() == ["queue_timeout"]
            await site.until(lambda: client.lost)
            assert client.was_reset

    @pytest_twisted.ensureDeferred
    async def test_a_full_queue_turns_away_at_once(self) -> None:
        async with running(settings=site_settings(queue={"max_length": 2})) as site:
            first, second, third = [await site.connect() for _ in range(3)]
            await site.until(lambda: third.lost)
            assert third.was_reset
            assert site.outcomes() == ["queue_full"]
            assert first.lost is None
            assert second.lost is None


class TestDialling:
    @pytest_twisted.ensureDeferred
    async def test_a_pod_that_refuses_at_first_is_dialled_again(self) -> None:
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
            assert int(site.lines[0].rpartition("attempts=")[2]) > 3
            assert site.uses("a") == 1

    @pytest_twisted.ensureDeferred
    async def test_a_pod_that_keeps_refusing_is_retired_and_the_next_one_takes_over(self) -> None:
        async with running(settings=site_settings(connect_timeout_seconds=1)) as site:
            site.assign("refuses", port=1)
            await site.add_pod("b")
            client = await site.connect()
            client.send(b"x")
            await site.until(lambda: client.got == b"x")
            await site.until(lambda: site.phase("refuses") == "Released")
            assert site.operator.status("refuses")["outcome"] == "dial_failed"

    @pytest_twisted.ensureDeferred
    async def test_who_got_a_dead_pod_is_served_before_those_who_wait(self) -> None:
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
    async def test_after_three_dead_pods_the_connection_fails_and_no_fourth_is_spent(self) -> None:
        async with running() as site:
            for number in range(4):
                site.dead.add(f"dead-{number}")
                site.assign(f"dead-{number}")
            client = await site.connect()
            await site.until(lambda: client.lost)
            assert client.was_reset
            assert site.outcomes() == ["dial_failed"]
            assert [site.phase(f"dead-{number}") for number in range(4)] == ["Released"] * 3 + ["Idle"]

    @pytest_twisted.ensureDeferred
    async def test_a_client_that_resets_while_its_pod_is_dialled_costs_the_pod(self) -> None:
        async with running() as site:
            site.assign("refuses", port=1)
            client = await site.connect()
            client.reset()
            await site.until(lambda: site.outcomes() == ["client_gone"])
            await site.until(lambda: site.phase("refuses") == "Released")


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
    async def test_no_connection_lasts_longer_than_allowed(self) -> None:
        async with running(settings=site_settings(max_duration_seconds=60)) as site:
            await site.add_pod("a")
            client = await site.connect()
            client.send(b"x")
            await site.until(lambda: client.got)
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


class TestAssignments:
    @pytest_twisted.ensureDeferred
    async def test_a_recalled_pod_is_returned_unless_it_is_claimed(self) -> None:
        async with running() as site:
            await site.add_pod("claimed")
            client = await site.connect()
            client.send(b"x")
            await site.until(lambda: client.got)
            await site.add_pod("unused")
            site.operator.annotate("claimed", names.ANNOTATION_RECALL)
            site.operator.annotate("unused", names.ANNOTATION_RECALL)
            await site.until(lambda: site.phase("unused") == "Returned")
            client.send(b"y")
            await site.until(lambda: client.got == b"xy")
            assert site.phase("claimed") != "Returned"

    @pytest_twisted.ensureDeferred
    async def test_a_deleted_record_ends_no_connection(self) -> None:
        async with running() as site:
            await site.add_pod("a")
            client = await site.connect()
            client.send(b"x")
            await site.until(lambda: client.got)
            site.operator.delete(ISOLATION_PODS, "a")
            await site.pass_time(2.0)
            client.send(b"y")
            await site.until(lambda: client.got == b"xy")
            client.close()
            await site.until(lambda: site.outcomes() == ["completed"])

    @pytest.mark.parametrize("comes_first", ["the end of the record", "the end of the program"])
    @pytest_twisted.ensureDeferred
    async def test_where_record_and_program_are_gone_no_client_keeps_a_connection_open(self, comes_first: str) -> None:
        async with running() as site:
            await site.add_pod("a")
            client = await site.connect()
            client.send(b"x")
            await site.until(lambda: client.got)
            (program,) = site.pods["a"].connections
            ends = [lambda: site.operator.delete(ISOLATION_PODS, "a"), program.close]
            for end in ends if comes_first == "the end of the record" else reversed(ends):
                assert site.outcomes() == []
                end()
                await site.pass_time(2.0)
            await site.until(lambda: site.outcomes() == ["backend_reset"])
            assert client.eof

    @pytest_twisted.ensureDeferred
    async def test_a_record_that_was_deleted_while_nobody_watched_is_gone_as_well(self) -> None:
        async with running(grace_seconds=60) as site:
            await site.add_pod("a")
            client = await site.connect()
            client.send(b"x")
            await site.until(lambda: client.got)
            site.api.go_down(DOWN)
            await site.pass_time(61.0, step=0.5)
            site.api.come_back()
            site.operator.delete(ISOLATION_PODS, "a")
            site.pods["a"].connections[0].close()
            assert site.outcomes() == []
            await site.pass_time(35.0, step=1.0)
            await site.until(lambda: site.outcomes() == ["backend_reset"])

    @pytest_twisted.ensureDeferred
    async def test_stock_and_connections_go_on_without_the_api_server(self) -> None:
        async with running() as site:
            await site.add_pod("a")
            await site.until(lambda: site.lease().held == 1)
            site.api.go_down(DOWN)
            await site.pass_time(200.0, step=1.0)
            client = await site.connect()
            client.send(b"x")
            await site.until(lambda: client.got)
            client.close()
            await site.until(lambda: site.outcomes() == ["completed"])
            site.api.come_back()
            await site.pass_time(35.0, step=1.0)
            assert site.phase("a") == "Released"


class TestTheFence:
    @pytest_twisted.ensureDeferred
    async def test_it_drops_the_stock_for_good_and_connections_go_on(self) -> None:
        async with running(grace_seconds=60) as site:
            await site.add_pod("used")
            await site.add_pod("stale")
            old = await site.connect()
            old.send(b"x")
            await site.until(lambda: old.got)
            site.api.go_down(DOWN)
            await site.pass_time(61.0, step=0.5)
            new = await site.connect()
            new.send(b"y")
            old.send(b"z")
            await site.until(lambda: old.got == b"xz")
            assert new.got == b""
            assert site.uses("stale") == 0

            # Assigned before the proxy's return, seen after it: that may be as old as the others.
            await site.add_pod("unseen")
            site.api.come_back()
            await site.pass_time(10.0, step=0.5)
            await site.until(lambda: site.phase("stale") == "Returned" and site.phase("unseen") == "Returned")
            await site.add_pod("fresh")
            await site.until(lambda: new.got == b"y")
            assert (site.uses("stale"), site.uses("unseen"), site.uses("fresh")) == (0, 0, 1)

    @pytest_twisted.ensureDeferred
    async def test_who_waits_when_it_falls_fails_at_the_deadline(self) -> None:
        async with running(grace_seconds=10) as site:
            site.api.go_down(DOWN)
            await site.pass_time(11.0)
            client = await site.connect()
            await site.pass_time(31.0)
            await site.until(lambda: client.lost)
            assert site.outcomes() == ["queue_timeout"]


class TestDraining:
    @pytest_twisted.ensureDeferred
    async def test_stock_is_returned_connections_end_by_themselves_and_the_last_word_is_said(self) -> None:
        async with running(linger_seconds=5.0) as site:
            await site.add_pod("a")
            client = await site.connect()
            client.send(b"x")
            await site.until(lambda: client.got)
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
    async def test_at_the_deadline_connections_are_cut(self) -> None:
        async with running() as site:
            await site.add_pod("a")
            client = await site.connect()
            client.send(b"x")
            await site.until(lambda: client.got)
            drained = outcome_of(site.service.drain(60.0))
            await site.pass_time(59.0, step=1.0)
            assert client.lost is None
            await site.pass_time(2.0)
            await site.until(lambda: drained)
            assert site.outcomes() == ["drained"]
            assert site.operator.status("a")["outcome"] == "drained"
            await site.until(lambda: client.lost)

    @pytest_twisted.ensureDeferred
    async def test_who_waits_when_no_pod_can_come_any_more_is_told_at_once(self) -> None:
        async with running() as site:
            client = await site.connect()
            drained = outcome_of(site.service.drain(600.0))
            await site.until(lambda: drained)
            assert site.outcomes() == ["drained"]
            await site.until(lambda: client.lost)

    @pytest_twisted.ensureDeferred
    async def test_who_is_dialling_may_go_on_but_gets_no_other_pod(self) -> None:
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
    async def test_a_second_order_may_shorten_the_first(self) -> None:
        async with running() as site:
            await site.add_pod("a")
            client = await site.connect()
            client.send(b"x")
            await site.until(lambda: client.got)
            first = outcome_of(site.service.drain(600.0))
            await site.pass_time(1.0)
            second = outcome_of(site.service.drain(0.0))
            await site.until(lambda: first and second)
            assert site.outcomes() == ["drained"]

    @pytest_twisted.ensureDeferred
    async def test_without_an_api_server_it_ends_all_the_same(self) -> None:
        async with running() as site:
            await site.add_pod("a")
            await site.until(lambda: site.lease().held == 1)
            site.api.go_down(DOWN)
            drained = outcome_of(site.service.drain(5.0))
            await site.pass_time(25.0)
            await site.until(lambda: drained)
            assert not site.clock.getDelayedCalls()


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
        site.api.go_down(DOWN)
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
