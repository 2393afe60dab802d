"""A proxy with real sockets: what goes on when a pod's record goes, and when the API server does."""

import pytest
import pytest_twisted

from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.model import names
from test.proxy.net import running


class TestAssignments:
    @pytest_twisted.ensureDeferred
    async def test_a_recalled_pod_is_returned_unless_it_is_claimed(self) -> None:
        async with running() as site:
            client = await site.talking_to("claimed")
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
            client = await site.talking_to("a")
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
            client = await site.talking_to("a")
            (program,) = site.pods["a"].connections
            ends = [lambda: site.operator.delete(ISOLATION_PODS, "a"), program.close]
            for end in ends if comes_first == "the end of the record" else reversed(ends):
                assert site.outcomes() == []
                end()
                await site.pass_time(2.0)
            await site.until(lambda: site.outcomes() == ["backend_reset"])
            await site.until(lambda: client.eof)

    @pytest_twisted.ensureDeferred
    async def test_a_record_that_was_deleted_while_nobody_watched_is_gone_as_well(self) -> None:
        async with running(grace_seconds=60) as site:
            await site.talking_to("a")
            site.api.go_down()
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
            site.api.go_down()
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
            site.api.go_down()
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
            site.api.go_down()
            await site.pass_time(11.0)
            client = await site.connect()
            await site.pass_time(31.0)
            await site.until(lambda: client.lost)
            assert site.outcomes() == ["queue_timeout"]
