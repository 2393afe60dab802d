"""Many clients at once: each has a pod of its own, whatever becomes of the proxies meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from test.e2e.apart import GRACE_SECONDS, Apart
from test.e2e.grounds import Ground
from test.running.api import LEASES, Api, Json, names
from test.running.clients import Address, ask, burst, connected, is_cut, who_serves
from test.running.harness import Local, dedicated_service, write_manifests
from test.running.waiting import BOUND, eventually

CONNECTIONS = 500
LEASE_SECONDS = 15
POOL = 16
"""Of which two proxies have six each in stock, see ``isoproxy/operator/sharing.py``."""
LAST = 2
"""Clients that come to a proxy when it is killed: fewer than it has in stock."""


def check_one_connection_each(served: list[tuple[str, int]]) -> None:
    assert all(number == 1 for _, number in served), "a pod that served a second connection"
    assert len({name for name, _ in served}) == len(served)


def test_500_connections_in_bursts_find_a_pod_of_their_own_each(tmp_path: Path) -> None:
    manifest = dedicated_service("who", ["who"], replicas=POOL, maxPods=60)
    with Local(write_manifests(tmp_path, manifest)) as machine:
        api = machine.api
        (address,) = api.endpoints("who")
        api.wait_for_base("who", POOL)
        check_one_connection_each(burst(address, connections=CONNECTIONS, at_once=50))
        assert machine.outcomes("who", CONNECTIONS) == ["completed"] * CONNECTIONS
        api.wait_for_base("who", POOL)
        machine.stop()


def two_proxies(ground: Ground, folder: Path) -> Apart:
    manifest = dedicated_service("who", ["who"], replicas=POOL, maxPods=100)
    return Apart(ground.machine(write_manifests(folder, manifest)), service="who", proxies=2)


def test_two_proxies_serve_hundreds_of_connections_with_a_pod_each(ground: Ground, tmp_path: Path) -> None:
    with two_proxies(ground, tmp_path) as parts, ThreadPoolExecutor() as threads:
        bursts = [
            threads.submit(burst, address, connections=ground.crowd // 2, at_once=25) for address in parts.addresses
        ]
        check_one_connection_each([pod for served in bursts for pod in served.result()])
        for proxy in parts.proxies:
            assert proxy.outcomes("who", ground.crowd // 2) == ["completed"] * (ground.crowd // 2)
        parts.api.wait_for_base("who", POOL)
        parts.stop()


def test_the_pods_of_a_killed_proxy_are_never_offered_again(ground: Ground, tmp_path: Path) -> None:
    with two_proxies(ground, tmp_path) as parts, ThreadPoolExecutor() as threads, ExitStack() as clients:
        api = parts.api
        api.wait_for_base("who", POOL)
        doomed, other = parts.proxies
        instance = parts.instance(doomed)
        its_client = clients.enter_context(connected(parts.addresses[0]))
        its_pod = ask(its_client, b"who?").split()[0].decode()
        api.wait_for_base("who", POOL, used=1)
        eventually(lambda: len(stock_of(api, instance)) > 2 * LAST, "it has its part of the pool")

        # The other one is busy, and this one with its last clients, when it goes.
        elsewhere = threads.submit(burst, parts.addresses[1], connections=ground.crowd // 2, at_once=25)
        eventually(lambda: len(other.ended()) >= ground.crowd // 10, "the other one is busy")
        last = [threads.submit(who_serves, parts.addresses[0]) for _ in range(LAST)]
        doomed.kill()
        assert is_cut(its_client)
        left = records_of(api, instance)
        assert its_pod in names(left)
        stock = stock_of(api, instance)
        assert len(stock) > LAST

        check_one_connection_each([future.result() for future in last if future.exception() is None])
        asked = [who_serves(address) for address in addresses(api, stock)]
        assert len([pod for pod, number in asked if number > 1]) <= LAST, "only its own clients had one before us"
        lost = [record for record in records_of(api, instance) if record["status"]["phase"] == "InUse"]
        assert its_pod in names(lost)
        served_elsewhere = elsewhere.result()
        check_one_connection_each(served_elsewhere)
        assert not names(left) & {pod for pod, _ in served_elsewhere}

        gone_within = GRACE_SECONDS + LEASE_SECONDS + BOUND
        eventually(
            lambda: not names(left) & names(api.pods("who")), "the pods of the dead are gone", within=gone_within
        )
        api.wait_for_base("who", POOL)
        eventually(lambda: len(api.items(LEASES, labelSelector="soh.re/service=who")) == 1, "its Lease is gone")
        assert parts.operator.metric("isoproxy_connections_total", outcome="proxy_lost") == len(lost)
        parts.stop()


def addresses(api: Api, wanted: set[str]) -> list[Address]:
    """Return where those pods listen that are there."""
    pods = [pod for pod in api.pods("who") if pod["metadata"]["name"] in wanted]
    return [(pod["status"]["podIP"], pod["spec"]["containers"][0]["ports"][0]["containerPort"]) for pod in pods]


def records_of(api: Api, instance: str) -> list[Json]:
    return [record for record in api.records("who") if record["spec"]["proxy"] == instance]


def stock_of(api: Api, instance: str) -> set[str]:
    """Return the pods of a proxy that nobody uses, as far as it is recorded."""
    return names([record for record in records_of(api, instance) if record["status"]["phase"] == "Idle"])
