"""A proxy for each DedicatedService there is, and for no other."""

import random
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from isoproxy.kube.resources import CONFIG_MAPS, DEDICATED_SERVICES, LEASES, NAMESPACES, Json
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.parsing import parse
from isoproxy.model.proxysettings import ProxySettings
from isoproxy.observe.accesslog import AccessLog
from isoproxy.observe.metrics import Metrics
from isoproxy.proxy.dialer import tcp_dialer
from isoproxy.proxy.host import GONE_SECONDS, ProxyHost
from isoproxy.proxy.service import new_instance
from isoproxy.timesource import TimeSource
from test.memoryapi import MemoryApi, make_core
from test.proxy.net import loopback, outcome_of, reactor, wait_until
from test.proxy.operator import Operator


class Scene:
    """A host over an API server in memory."""

    def __init__(
        self,
        *,
        namespaces: Sequence[str] = (),
        service: tuple[str, str] | None = None,
        linger_seconds: float = 0.0,
        follows_port: bool = True,
        clock: Clock | None = None,
    ) -> None:
        """The proxies' time is that of ``clock``, if there is one."""
        core = make_core(clock or reactor)
        self.api = MemoryApi(core, clock or reactor)
        self.api.collects = False  # a Lease stays until it is ended, or the operator finds it
        self.operator = Operator(core, clock or reactor, collects=False)
        self.host = ProxyHost(
            reactor=reactor,
            api=self.api,
            home="home",
            listen=loopback,
            dialer=tcp_dialer(reactor),
            metrics=Metrics(),
            access_log=AccessLog(lambda line: None),
            namespaces=namespaces,
            service=service,
            linger_seconds=linger_seconds,
            follows_port=follows_port,
            chance=random.Random(1),
            time=TimeSource.simulated(clock) if clock is not None else None,
        )

    def configure(self, service: str = "one", *, of: str = "") -> Json:
        """Make the ConfigMap of a service's proxies, with the settings ``of`` that service or another; return it."""
        found = self.operator.get(DEDICATED_SERVICES, of or service)
        settings = ProxySettings.of(parse(DedicatedService, found))
        body: Json = {"metadata": {"name": f"{service}-proxy"}, "data": settings.to_data()}
        return self.operator.create(CONFIG_MAPS, body)

    def unconfigure(self) -> None:
        """Delete the ConfigMap that the proxy has."""
        self.operator.delete(CONFIG_MAPS, "one-proxy")

    def has_seen(self, item: Json) -> bool:
        """Whether a version of an object is known to the host."""
        return all(int(one.cursor or 0) >= int(item["metadata"]["resourceVersion"]) for one in self.host._reflectors)

    def instance(self) -> str:
        """The one that holds the only Lease."""
        (lease,) = self.leases()
        return str(lease["spec"]["holderIdentity"])

    def is_draining(self) -> bool:
        (lease,) = self.leases()
        return "soh.re/draining" in lease["metadata"]["annotations"]

    def leases(self) -> list[Json]:
        """The Leases that say where they listen, and are not ended."""
        leases = self.operator.all(LEASES)
        return [one for one in leases if "soh.re/listen" in one["metadata"]["annotations"] and not is_ended(one)]

    def served(self) -> dict[str, str]:
        """Service names, and the uid that each is served for."""
        labels = [lease["metadata"]["labels"] for lease in self.leases()]
        return {one["soh.re/service"]: one["soh.re/service-uid"] for one in labels}


def is_ended(lease: Json) -> bool:
    return "soh.re/ended" in lease["metadata"]["annotations"]


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Scene]:
    scene = Scene(**options)
    scene.host.startService()
    try:
        yield scene
    finally:
        stopped = outcome_of(scene.host.stopService())
        await wait_until(lambda: stopped)


@pytest_twisted.ensureDeferred
async def test_every_service_has_a_proxy_with_an_instance_of_its_own() -> None:
    async with running() as scene:
        await wait_until(lambda: scene.host.ready)  # there is nothing to wait for yet
        scene.operator.create(NAMESPACES, {"metadata": {"name": "elsewhere"}})
        made = {"one": scene.operator.serve("one"), "two": scene.operator.serve("two", namespace="elsewhere")}
        await wait_until(lambda: scene.served() == made)
        instances = {lease["spec"]["holderIdentity"] for lease in scene.leases()}
        assert len(instances) == 2
        assert all(instance.startswith("home-") for instance in instances)
        await wait_until(lambda: scene.host.ready)


@pytest_twisted.ensureDeferred
async def test_only_the_named_namespaces_are_served() -> None:
    async with running(namespaces=["a", "b"]) as scene:
        for namespace in "abc":
            scene.operator.create(NAMESPACES, {"metadata": {"name": namespace}})
            scene.operator.serve(f"in-{namespace}", namespace=namespace)
        await wait_until(lambda: scene.served().keys() == {"in-a", "in-b"})


@pytest_twisted.ensureDeferred
async def test_a_deleted_service_is_served_no_more() -> None:
    async with running() as scene:
        scene.operator.serve("one")
        await wait_until(scene.served)
        scene.operator.delete(DEDICATED_SERVICES, "one")
        await wait_until(lambda: not scene.served())
        await wait_until(lambda: not scene.host._ending)


@pytest_twisted.ensureDeferred
async def test_a_service_that_is_being_deleted_is_served_no_more() -> None:
    async with running() as scene:
        scene.operator.serve("one")
        await wait_until(scene.served)
        scene.operator.patch(DEDICATED_SERVICES, "one", {"metadata": {"finalizers": ["example.com/stays"]}})
        scene.operator.delete(DEDICATED_SERVICES, "one")
        await wait_until(lambda: not scene.served())
        assert scene.operator.has(DEDICATED_SERVICES, "one")


@pytest_twisted.ensureDeferred
async def test_a_service_made_anew_has_a_new_instance() -> None:
    async with running() as scene:
        scene.operator.serve("one")
        await wait_until(scene.served)
        old = scene.instance()
        scene.operator.delete(DEDICATED_SERVICES, "one")
        again = scene.operator.serve("one")
        await wait_until(lambda: scene.served() == {"one": again})
        assert scene.instance() != old


@pytest_twisted.ensureDeferred
async def test_a_spec_that_cannot_be_understood_changes_nothing() -> None:
    async with running() as scene:
        one = scene.operator.serve("one")
        item = scene.operator.get(DEDICATED_SERVICES, "one")
        item["spec"]["queue"]["maxLength"] = "many"
        never = item["metadata"] | {"name": "never", "uid": "never"}
        scene.operator.force(DEDICATED_SERVICES, item | {"metadata": never})
        await wait_until(scene.served)
        scene.operator.force(DEDICATED_SERVICES, item)
        two = scene.operator.serve("two")
        await wait_until(lambda: scene.served() == {"one": one, "two": two})


@pytest_twisted.ensureDeferred
async def test_a_proxy_of_a_deployment_takes_its_settings_from_its_config_map() -> None:
    async with running(service=("default", "one")) as scene:
        one = scene.operator.serve("one")
        scene.operator.serve("two")
        assert not scene.host.ready
        scene.configure()
        await wait_until(lambda: scene.served() == {"one": one})
        await wait_until(lambda: scene.host.ready)
        instance = scene.instance()
        scene.unconfigure()
        again = scene.configure()
        await wait_until(lambda: scene.has_seen(again))
        assert scene.instance() == instance


@pytest_twisted.ensureDeferred
async def test_one_that_is_told_where_to_listen_stays_there_whatever_its_service_s_port() -> None:
    async with running(follows_port=False) as scene:
        scene.operator.serve("one", port=7000)
        await wait_until(scene.served)
        (proxy,) = scene.host._proxies.values()
        address = proxy.address
        changed = {"spec": {"service": {"port": 7001}, "queue": {"maxLength": 7}}}
        scene.operator.patch(DEDICATED_SERVICES, "one", changed)
        await wait_until(lambda: proxy.settings.queue.max_length == 7)
        assert (proxy.address, proxy.listen_error) == (address, "")


@asynccontextmanager
async def one_of_a_deployment() -> AsyncIterator[tuple[Scene, Clock]]:
    """A proxy that has settings, is ready, and would wait for clients for a minute if it were to end."""
    clock = Clock()
    scene = Scene(service=("default", "one"), linger_seconds=60.0, clock=clock)
    scene.operator.serve("one")
    scene.configure()
    scene.host.startService()
    await wait_until(lambda: scene.host.ready, turn=clock)
    try:
        yield scene, clock
    finally:
        stopped = outcome_of(scene.host.stopService())
        await wait_until(lambda: stopped, turn=clock)


@pytest.mark.parametrize("comes_first", ["the drain", "the end of the settings"])
@pytest_twisted.ensureDeferred
async def test_a_drain_waits_for_no_clients_where_the_settings_are_gone(comes_first: str) -> None:
    async with one_of_a_deployment() as (scene, clock):
        if comes_first == "the end of the settings":
            scene.unconfigure()
            clock.advance(0)
        drained = outcome_of(scene.host.drain(600.0))
        if comes_first == "the drain":
            await wait_until(scene.is_draining, turn=clock)
            assert scene.host.ready
            scene.unconfigure()
        gone_at = clock.seconds()
        await wait_until(lambda: drained, turn=clock)
        assert clock.seconds() - gone_at < GONE_SECONDS + 1
        assert not scene.host._reflectors


@pytest_twisted.ensureDeferred
async def test_a_drain_waits_for_clients_where_the_settings_are_missing_for_a_moment() -> None:
    async with one_of_a_deployment() as (scene, clock):
        drained = outcome_of(scene.host.drain(600.0))
        for _ in range(2):
            scene.unconfigure()
            clock.advance(0)
            clock.advance(GONE_SECONDS * 0.9)
            scene.configure()
            clock.advance(0)
        for _ in range(50):
            clock.advance(1.0)
        assert scene.host.ready
        await wait_until(lambda: drained, turn=clock)


@pytest_twisted.ensureDeferred
async def test_settings_that_come_in_a_drain_begin_nothing() -> None:
    async with one_of_a_deployment() as (scene, clock):
        drained = outcome_of(scene.host.drain(600.0))
        scene.unconfigure()
        again = scene.configure()
        await wait_until(lambda: scene.has_seen(again), turn=clock)
        scene.unconfigure()
        await wait_until(lambda: drained, turn=clock)
        assert scene.served() == {}


@pytest_twisted.ensureDeferred
async def test_a_config_map_of_another_service_is_ignored() -> None:
    async with running(service=("default", "one")) as scene:
        scene.operator.serve("another")
        scene.configure("one", of="another")
        await wait_until(lambda: scene.host._reflectors[0].items)
        assert scene.host._proxies == {}
        assert not scene.host.ready


@pytest_twisted.ensureDeferred
async def test_a_drain_ends_all_proxies_and_a_second_one_waits_for_the_same_end() -> None:
    async with running() as scene:
        scene.operator.serve("one")
        scene.operator.serve("two")
        await wait_until(lambda: len(scene.served()) == 2)
        first, second = outcome_of(scene.host.drain(60.0)), outcome_of(scene.host.drain(0.0))
        await wait_until(lambda: first and second)
        assert scene.served() == {}
        assert scene.api.watches == [], "another would be served"


@pytest_twisted.ensureDeferred
async def test_in_a_drain_it_is_ready_until_ports_are_closed() -> None:
    async with running(linger_seconds=60.0) as scene:
        scene.operator.serve("one")
        await wait_until(scene.served)
        await wait_until(lambda: scene.host.ready)
        first = outcome_of(scene.host.drain(60.0))
        await wait_until(scene.is_draining)
        assert scene.host.ready
        second = outcome_of(scene.host.drain(0.0))
        await wait_until(lambda: first and second)
        assert not scene.host.ready


@pytest.mark.parametrize(
    "home", ["2f1c7a9e-0000-4000-8000-123456789abc", "laptop", "x" * 200, "ends-in-hyphens" + "-" * 60]
)
def test_an_instance_fits_a_label(home: str) -> None:
    instance = new_instance(home, random.Random(1))
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", instance)
    assert len(instance) <= 63


@given(st.integers())
def test_an_instance_begins_with_its_home(seed: int) -> None:
    home = "2f1c7a9e-0000-4000-8000-123456789abc"
    assert new_instance(home, random.Random(seed)).startswith(f"{home}-")
