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

from isoproxy.kube.resources import CONFIG_MAPS, DEDICATED_SERVICES, Json
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.parsing import parse
from isoproxy.model.proxysettings import ProxySettings
from isoproxy.observe.accesslog import AccessLog
from isoproxy.observe.metrics import Metrics
from isoproxy.proxy.dialer import tcp_dialer
from isoproxy.proxy.host import GONE_SECONDS, ProxyHost
from isoproxy.proxy.service import new_instance
from isoproxy.timesource import TimeSource
from test.proxy.memoryapi import MemoryApi
from test.proxy.net import loopback, outcome_of, reactor, wait_until


def dedicated(name: str, *, namespace: str = "default", uid: str = "", port: int = 0, **spec: Any) -> Json:
    return {
        "kind": "DedicatedService",
        "metadata": {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}"},
        "spec": {"image": "echo", "service": {"port": port}, **spec},
    }


def settings_of(service: str, *, uid: str = "uid-map") -> Json:
    """The ConfigMap of a service's proxies."""
    settings = ProxySettings.of(parse(DedicatedService, dedicated(service)))
    metadata = {"name": f"{service}-proxy", "namespace": "default", "uid": uid}
    return {"kind": "ConfigMap", "metadata": metadata, "data": settings.to_data()}


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
        self.api = MemoryApi()
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

    def store(self, item: Json) -> None:
        self.api.store(DEDICATED_SERVICES, item)

    def leases(self) -> list[Json]:
        """The Leases that say where they listen, and are not ended."""
        leases = [item for (plural, _, _), item in self.api.objects.items() if plural == "leases"]
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
        scene.store(dedicated("one"))
        scene.store(dedicated("two", namespace="elsewhere"))
        await wait_until(lambda: scene.served() == {"one": "uid-one", "two": "uid-two"})
        instances = {lease["spec"]["holderIdentity"] for lease in scene.leases()}
        assert len(instances) == 2
        assert all(instance.startswith("home-") for instance in instances)
        await wait_until(lambda: scene.host.ready)


@pytest_twisted.ensureDeferred
async def test_only_the_named_namespaces_are_served() -> None:
    async with running(namespaces=["a", "b"]) as scene:
        for namespace in "abc":
            scene.store(dedicated(f"in-{namespace}", namespace=namespace))
        await wait_until(lambda: scene.served() == {"in-a": "uid-in-a", "in-b": "uid-in-b"})


@pytest_twisted.ensureDeferred
async def test_a_deleted_service_is_served_no_more() -> None:
    async with running() as scene:
        scene.store(dedicated("one"))
        await wait_until(scene.served)
        scene.api.remove(DEDICATED_SERVICES, "one")
        await wait_until(lambda: not scene.served())
        await wait_until(lambda: not scene.host._ending)


@pytest_twisted.ensureDeferred
async def test_a_service_that_is_being_deleted_is_served_no_more() -> None:
    async with running() as scene:
        item = dedicated("one")
        scene.store(item)
        await wait_until(scene.served)
        item["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        scene.store(item)
        await wait_until(lambda: not scene.served())


@pytest_twisted.ensureDeferred
async def test_a_service_made_anew_has_a_new_instance() -> None:
    async with running() as scene:
        scene.store(dedicated("one"))
        await wait_until(scene.served)
        old = scene.leases()[0]["spec"]["holderIdentity"]
        scene.api.remove(DEDICATED_SERVICES, "one")
        scene.store(dedicated("one", uid="uid-again"))
        await wait_until(lambda: scene.served() == {"one": "uid-again"})
        assert scene.leases()[0]["spec"]["holderIdentity"] != old


@pytest_twisted.ensureDeferred
async def test_a_spec_that_cannot_be_understood_changes_nothing() -> None:
    async with running() as scene:
        scene.store(dedicated("one"))
        scene.store(dedicated("never", queue={"maxLength": "many"}))
        await wait_until(scene.served)
        scene.store(dedicated("one", queue={"maxLength": "many"}))
        scene.store(dedicated("two"))
        await wait_until(lambda: scene.served() == {"one": "uid-one", "two": "uid-two"})


@pytest_twisted.ensureDeferred
async def test_a_proxy_of_a_deployment_takes_its_settings_from_its_config_map() -> None:
    settings = ProxySettings.of(parse(DedicatedService, dedicated("one")))
    item = {
        "kind": "ConfigMap",
        "metadata": {"name": "one-proxy", "namespace": "default", "uid": "uid-map"},
        "data": settings.to_data(),
    }
    async with running(service=("default", "one")) as scene:
        scene.store(dedicated("two"))
        assert not scene.host.ready
        scene.api.store(CONFIG_MAPS, item)
        await wait_until(lambda: scene.served() == {"one": "uid-one"})
        await wait_until(lambda: scene.host.ready)
        scene.api.remove(CONFIG_MAPS, "one-proxy")
        scene.api.store(CONFIG_MAPS, {**item, "metadata": {**item["metadata"], "uid": "again"}})  # type: ignore[dict-item]
        assert scene.served() == {"one": "uid-one"}


@pytest_twisted.ensureDeferred
async def test_one_that_is_told_where_to_listen_stays_there_whatever_its_service_s_port() -> None:
    async with running(follows_port=False) as scene:
        scene.store(dedicated("one", port=7000))
        await wait_until(scene.served)
        (proxy,) = scene.host._proxies.values()
        address = proxy.address
        scene.store(dedicated("one", port=7001, queue={"maxLength": 7}))
        await wait_until(lambda: proxy.settings.queue.max_length == 7)
        assert (proxy.address, proxy.listen_error) == (address, "")


@asynccontextmanager
async def one_of_a_deployment() -> AsyncIterator[tuple[Scene, Clock]]:
    """A proxy that has settings, is ready, and would wait for clients for a minute if it were to end."""
    clock = Clock()
    scene = Scene(service=("default", "one"), linger_seconds=60.0, clock=clock)
    scene.host.startService()
    scene.api.store(CONFIG_MAPS, settings_of("one"))
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
            scene.api.remove(CONFIG_MAPS, "one-proxy")
        drained = outcome_of(scene.host.drain(600.0))
        if comes_first == "the drain":
            await wait_until(lambda: "soh.re/draining" in scene.leases()[0]["metadata"]["annotations"], turn=clock)
            assert scene.host.ready
            scene.api.remove(CONFIG_MAPS, "one-proxy")
        gone_at = clock.seconds()
        await wait_until(lambda: drained, turn=clock)
        assert clock.seconds() - gone_at < GONE_SECONDS + 1
        assert not scene.host._reflectors


@pytest_twisted.ensureDeferred
async def test_a_drain_waits_for_clients_where_the_settings_are_missing_for_a_moment() -> None:
    async with one_of_a_deployment() as (scene, clock):
        drained = outcome_of(scene.host.drain(600.0))
        for uid in ("made-again", "and-again"):
            scene.api.remove(CONFIG_MAPS, "one-proxy")
            clock.advance(GONE_SECONDS * 0.9)
            scene.api.store(CONFIG_MAPS, settings_of("one", uid=uid))
        for _ in range(50):
            clock.advance(1.0)
        assert scene.host.ready
        await wait_until(lambda: drained, turn=clock)


@pytest_twisted.ensureDeferred
async def test_settings_that_come_in_a_drain_begin_nothing() -> None:
    async with one_of_a_deployment() as (scene, clock):
        drained = outcome_of(scene.host.drain(600.0))
        scene.api.store(CONFIG_MAPS, settings_of("one", uid="again"))
        scene.api.remove(CONFIG_MAPS, "one-proxy")
        await wait_until(lambda: drained, turn=clock)
        assert scene.served() == {}


@pytest_twisted.ensureDeferred
async def test_a_config_map_of_another_service_is_ignored() -> None:
    settings = ProxySettings.of(parse(DedicatedService, dedicated("another")))
    item = {
        "kind": "ConfigMap",
        "metadata": {"name": "one-proxy", "namespace": "default", "uid": "uid-map"},
        "data": settings.to_data(),
    }
    async with running(service=("default", "one")) as scene:
        scene.api.store(CONFIG_MAPS, item)
        await wait_until(lambda: scene.host._reflectors[0].items)
        assert scene.host._proxies == {}
        assert not scene.host.ready


@pytest_twisted.ensureDeferred
async def test_a_drain_ends_all_proxies_and_a_second_one_waits_for_the_same_end() -> None:
    async with running() as scene:
        scene.store(dedicated("one"))
        scene.store(dedicated("two"))
        await wait_until(lambda: len(scene.served()) == 2)
        first, second = outcome_of(scene.host.drain(60.0)), outcome_of(scene.host.drain(0.0))
        await wait_until(lambda: first and second)
        assert scene.served() == {}
        scene.store(dedicated("three"))
        await wait_until(lambda: True)
        assert scene.served() == {}


@pytest_twisted.ensureDeferred
async def test_in_a_drain_it_is_ready_until_ports_are_closed() -> None:
    async with running(linger_seconds=60.0) as scene:
        scene.store(dedicated("one"))
        await wait_until(scene.served)
        await wait_until(lambda: scene.host.ready)
        first = outcome_of(scene.host.drain(60.0))
        await wait_until(lambda: "soh.re/draining" in scene.leases()[0]["metadata"]["annotations"])
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
