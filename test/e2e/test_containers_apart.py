"""An operator and two proxies as processes of their own on a node's network, with containers as pods."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from test.cluster import layout
from test.cluster.network import CLIENT
from test.cluster.target import Target
from test.e2e.containers import container_service, remove_services
from test.e2e.oncluster import prepare
from test.running import program
from test.running.api import DEDIS, IPODS, Api
from test.running.clients import Address, ask, burst, connected, who_serves
from test.running.harness import Isoproxy
from test.running.waiting import eventually

pytestmark = pytest.mark.needs_cluster("node")

SERVICE = "who"
POOL = 4

Outside = Callable[[], AbstractContextManager[None]]


class Parts:
    """A service served by two proxies."""

    def __init__(self, stack: ExitStack, kubeconfig: Path) -> None:
        """They end with ``stack``."""
        self._stack = stack
        self._kubeconfig = kubeconfig
        self.api = Api.of(kubeconfig)
        prepare(self.api)
        stack.callback(remove_services, self.api, by_hand=True)
        self.api.create(DEDIS, container_service(SERVICE, ["who"], replicas=POOL))
        self.operator = self._start_operator()
        self.proxies = [stack.enter_context(self._new_proxy()) for _ in range(2)]
        self.addresses: list[Address] = [proxy.listening(SERVICE) for proxy in self.proxies]
        assert set(self.api.endpoints(SERVICE, 2)) == set(self.addresses)

    def _start_operator(self) -> Isoproxy:
        return self._stack.enter_context(Isoproxy("--role=operator", "--kubeconfig", self._kubeconfig))

    def restart_operator(self) -> None:
        """Start another operator after the first."""
        self.operator = self._start_operator()

    def _new_proxy(self) -> Isoproxy:
        return Isoproxy(
            "--role=proxy",
            f"--service=default/{SERVICE}",
            f"--listen=tcp:0:interface={layout.NODE_IP}",
            "--drain-timeout=1",
            "--kubeconfig",
            self._kubeconfig,
        )

    def stocked(self) -> set[str]:
        """Return the proxies that have pods which nobody uses."""
        unused = [record for record in self.api.records(SERVICE) if record["status"]["phase"] == "Idle"]
        return {record["spec"]["proxy"] for record in unused} - {""}

    def is_in_use(self, name: str) -> bool:
        """Whether a pod is recorded as being in use."""
        record = self.api.request("GET", f"{IPODS}/{name}")
        return bool(record["status"]["phase"] == "InUse")

    def stop(self) -> None:
        """End all, and hold them to a clean end."""
        for process in (*self.proxies, self.operator):
            process.stop()


@pytest.fixture(scope="module")
def parts(kubernetes: Target) -> Iterator[Parts]:
    with ExitStack() as stack:
        parts = Parts(stack, kubernetes.kubeconfig)
        yield parts
        parts.stop()


@pytest.fixture
def outside(kubernetes: Target) -> Outside:
    """What has the test on the clients' host, for as long as that lasts."""
    cluster = kubernetes.cluster
    assert cluster is not None
    return lambda: cluster.joined(CLIENT)


def test_no_two_connections_at_any_proxy_share_a_container(parts: Parts, outside: Outside) -> None:
    parts.api.wait_for_base(SERVICE, POOL)
    with outside(), ThreadPoolExecutor(2) as threads:
        bursts = threads.map(lambda address: burst(address, connections=4, at_once=2), parts.addresses)
        served = [one for found in bursts for one in found]
    assert [number for _, number in served] == [1] * 8
    assert len({name for name, _ in served}) == 8
    for proxy in parts.proxies:
        assert proxy.outcomes(SERVICE, 4) == ["completed"] * 4
    parts.api.wait_for_base(SERVICE, POOL)


def test_without_an_operator_sessions_and_stock_go_on_and_the_next_one_fills_the_pool(
    parts: Parts, outside: Outside
) -> None:
    with ExitStack() as sessions:
        with outside():
            peers = [sessions.enter_context(connected(address)) for address in parts.addresses]
        had = [ask(peer, b"who?").split()[0].decode() for peer in peers]
        parts.api.wait_for_base(SERVICE, POOL, used=2)
        eventually(lambda: len(parts.stocked()) == 2, "each proxy has a stock")
        parts.operator.kill()
        with outside():
            served = [who_serves(address) for address in parts.addresses]
        assert [number for _, number in served] == [1, 1]
        assert len({*had, *(name for name, _ in served)}) == 4
        assert all(parts.is_in_use(name) for name in had)
        parts.restart_operator()
        parts.api.wait_for_base(SERVICE, POOL, used=2)
        for peer in peers:
            peer.shutdown(socket.SHUT_WR)
            assert program.receive(peer, b"") == b""
    parts.api.wait_for_base(SERVICE, POOL)
