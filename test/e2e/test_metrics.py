"""What a running process tells of itself over HTTP."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from isoproxy.observe.outcomes import Outcome
from test.running.api import DEDIS
from test.running.clients import ask, connected
from test.running.harness import Isoproxy, Local, dedicated_service, fetch, write_kubeconfig
from test.running.waiting import eventually

POOL = 2


@pytest.fixture(scope="module")
def machine() -> Iterator[Local]:
    with Local() as machine:
        yield machine
        machine.stop()


def test_health_is_told_while_it_lives(machine: Local) -> None:
    assert fetch(machine.metrics_address(), "/healthz") == (200, "ok\n")
    eventually(lambda: fetch(machine.metrics_address(), "/readyz") == (200, "ok\n"), "it is ready")
    assert fetch(machine.metrics_address(), "/nothing")[0] == 404


def test_connections_pods_and_api_calls_are_counted(machine: Local) -> None:
    api = machine.api
    api.create(DEDIS, dedicated_service("echo", ["echo"], replicas=POOL))
    api.wait_for_base("echo", POOL)
    (address,) = api.endpoints("echo")
    with connected(address) as peer:
        assert ask(peer, b"hello") == b"hello"
        assert machine.metric("isoproxy_sessions", service="echo") == 1
        assert machine.metric("isoproxy_relayed_bytes_total", service="echo", direction="in") == len(b"hello\n")
        assert machine.metric("isoproxy_relayed_bytes_total", service="echo", direction="out") == len(b"hello\n")
        eventually(lambda: machine.metric("isoproxy_pods", service="echo", state="in_use") == 1, "a pod in use")
    machine.outcomes("echo", 1)
    ended = {
        sample.labels["outcome"]: sample.value
        for sample in machine.metrics()
        if sample.name == "isoproxy_connections_total" and sample.labels["service"] == "echo"
    }
    assert ended == {outcome.value: 0.0 for outcome in Outcome if outcome is not Outcome.PROXY_LOST} | {"completed": 1}
    assert machine.metric("isoproxy_claim_wait_seconds_count", service="echo") == 1
    assert machine.metric("isoproxy_connect_seconds_count", service="echo") == 1
    api.wait_for_base("echo", POOL)
    assert machine.metric("isoproxy_api_requests_total", verb="create", resource="pods", code="201") >= POOL + 1
    eventually(lambda: machine.metric("isoproxy_stock", service="echo") == POOL, "a full stock")
    eventually(lambda: machine.metric("isoproxy_pods", service="echo", state="stocked") == POOL, "a full pool")
    assert machine.metric("isoproxy_sessions", service="echo") == 0


def test_a_deleted_service_is_measured_no_more(machine: Local) -> None:
    machine.api.create(DEDIS, dedicated_service("brief", ["echo"], replicas=1))
    machine.api.wait_for_base("brief", 1)
    assert any(sample.labels.get("service") == "brief" for sample in machine.metrics())
    machine.api.delete(f"{DEDIS}/brief")
    eventually(
        lambda: not any(sample.labels.get("service") == "brief" for sample in machine.metrics()), "no trace of it"
    )


def test_a_proxy_is_ready_when_it_can_serve(machine: Local, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path, machine.api)
    options = ["--role=proxy", "--service=default/nobody", "--drain-timeout=0"]
    health = "--health-listen=tcp:0:interface=127.0.0.1"
    with Isoproxy(*options, health, "--kubeconfig", kubeconfig) as proxy:
        address = proxy.metrics_address()
        assert fetch(address, "/healthz") == (200, "ok\n")
        code, text = fetch(address, "/readyz")
        assert (code, text) == (503, "not ready: proxies: not all accept connections yet\n")
        found = proxy.wait_for_log(r"\bhealth is at http://([\d.]+):(\d+)")
        alone = found[1], int(found[2])
        assert (fetch(alone, "/readyz"), fetch(alone, "/healthz")) == ((code, text), (200, "ok\n"))
        assert fetch(alone, "/metrics")[0] == 404
        proxy.stop(signal.SIGTERM)
