"""Many clients at once: each has a pod of its own, whatever becomes of the proxies meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from test.e2e.apart import GRACE_SECONDS, Apart
from test.e2e.api import LEASES, Api, names
from test.e2e.clients import ask, burst, connected, who_serves
from test.e2e.harness import Local, dedicated_service, write_manifests
from test.e2e.waiting import BOUND, eventually

CONNECTIONS = 500
LEASE_SECONDS = 15
POOL = 10


def check_one_connection_each(served: list[tuple[str, int]], connections: int) -> None:
    assert len(served) == connections
    assert {number for _, number in served} == {1}, "a pod that served a second connection"
    assert len({name for name, _ in served}) == connections


def test_500_connections_in_bursts_find_a_pod_of_their_own_each(tmp_path: Path) -> None:
    manifest = dedicated_service("who", ["who"], replicas=POOL, maxPods=60)
    with Local(write_manifests(tmp_path, manifest)) as machine:
        api = machine.api
        (address,) = api.endpoints("who")
        api.wait_for_base("who", POOL)
        check_one_connection_each(burst(address, connections=CONNECTIONS, at_once=50), CONNECTIONS)
        assert machine.outcomes("who", CONNECTIONS) == ["completed"] * CONNECTIONS
        api.wait_for_base("who", POOL)
        machine.stop()


def two_proxies(folder: Path) -> Apart:
    manifest = dedicated_service("who", ["who"], replicas=POOL, maxPods=60)
    return Apart(Local("--role=none", write_manifests(folder, manifest)), service="who", proxies=2)


def test_two_proxies_serve_500_connections_with_a_pod_each(tmp_path: Path) -> None:
    with two_proxies(tmp_path) as parts, ThreadPoolExecutor() as threads:
        bursts = [
            threads.submit(burst, address, connections=CONNECTIONS // 2, at_once=25) for address in parts.addresses
        ]
        check_one_connection_each([pod for served in bursts for pod in served.result()], CONNECTIONS)
        for proxy in parts.proxies:
            assert proxy.outcomes("who", CONNECTIONS // 2) == ["completed"] * (CONNECTIONS // 2)
        parts.api.wait_for_base("who", POOL)
        parts.stop()


def test_the_pods_of_a_killed_proxy_are_never_offered_again(tmp_path: Path) -> None:
    with two_proxies(tmp_path) as parts, ThreadPoolExecutor() as threads, ExitStack() as clients:
        killed, other = parts.proxies
        api = parts.api
        instance = parts.instance(killed)
        one = clients.enter_context(connected(parts.addresses[0]))
        its_pod = ask(one, b"who?").split()[0].decode()
        eventually(lambda: phases(api)[its_pod] == "InUse", "the long connection is recorded")

        # Both are busy when one of them goes.
        elsewhere = threads.submit(burst, parts.addresses[1], connections=CONNECTIONS, at_once=25)
        here = [threads.submit(who_serves, parts.addresses[0]) for _ in range(CONNECTIONS // 5)]
        eventually(lambda: len(killed.ended("who")) >= CONNECTIONS // 10, "half of the connections have ended")
        killed.kill()
        served = [future.result() for future in here if future.exception() is None]
        left = [record for record in api.records("who") if record["spec"].get("proxy") == instance]
        assert names(left) >= {its_pod}

        served += elsewhere.result()
        check_one_connection_each(served, len(served))
        assert other.outcomes("who", CONNECTIONS) == ["completed"] * CONNECTIONS
        assert not names(left) & {entry["pod"] for entry in other.ended()}
        # Those that it had not used were never used.
        unused = names([record for record in left if record["status"]["phase"] == "Idle"])
        assert unused
        assert not [pod for pod in unused & names(api.pods("who")) if "connection" in api.log(pod)]

        gone_within = GRACE_SECONDS + LEASE_SECONDS + BOUND
        eventually(lambda: not names(left) & names(api.pods("who")), "the pods of the dead", within=gone_within)
        api.wait_for_base("who", POOL)
        assert instance not in {lease["spec"]["holderIdentity"] for lease in api.items(LEASES)}
        lost = parts.operator.metric("isoproxy_connections_total", outcome="proxy_lost")
        assert lost >= 1
        parts.stop()


def phases(api: Api) -> dict[str, str]:
    return {record["metadata"]["name"]: record["status"]["phase"] for record in api.records("who")}
