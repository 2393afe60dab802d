"""Readiness by listening and by the probes of a manifest: real programs, an API server in memory."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.resources import Json
from isoproxy.local.runtime.node import NodeAgent
from isoproxy.local.runtime.process import ProcessRuntime
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from test.local.runtime.fakeapi import FakeApi
from test.local.runtime.support import eventually, free_port, python, the_reactor

# Listens on ADDRESS and PORT with the OPTIONS asked for, and serves one connection: it sends its name.
ONE_SHOT = """
import os, socket, sys
address, port = os.environ["ADDRESS"], int(os.environ["PORT"])
server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
if "shared" in os.environ["OPTIONS"]:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
if "v6only" in os.environ["OPTIONS"]:
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
if "forked" in os.environ["OPTIONS"] and os.fork():
    os.wait()
    sys.exit()
server.bind((address, port))
server.listen()
connection = server.accept()[0]
server.close()
connection.sendall(os.environ["POD_NAME"].encode())
connection.recv(100)
"""


@pytest_twisted.async_yield_fixture
async def api(runtime: ProcessRuntime) -> AsyncIterator[FakeApi]:
    api = FakeApi()
    agent = NodeAgent(api, runtime, the_reactor(), stop_grace=0.0)
    await agent.start()
    yield api
    await agent.stop()


def one_shot(port: int, address: str = "$(POD_IP)", options: str = "", **more: Any) -> Json:
    env = [{"name": "ADDRESS", "value": address}, {"name": "OPTIONS", "value": options}]
    return {"command": list(python(ONE_SHOT)), "env": env, "ports": [{"containerPort": port}], **more}


def ready(api: FakeApi, name: str) -> bool:
    return parse(Pod, api.pod(name)).ready


def running(api: FakeApi, name: str) -> bool:
    return parse(Pod, api.pod(name)).status.phase == "Running"


def greeting(api: FakeApi, name: str, port: int) -> bytes:
    with socket.create_connection((api.pod(name)["status"]["podIP"], port), timeout=10) as connection:
        return connection.recv(100)


@pytest.mark.parametrize(
    ("address", "options"),
    [("$(POD_IP)", ""), ("0.0.0.0", ""), ("::", ""), ("::ffff:$(POD_IP)", ""), ("0.0.0.0", "forked")],
)
@pytest_twisted.ensureDeferred
async def test_whatever_way_a_pod_listens_it_is_ready_and_still_unserved(
    api: FakeApi, address: str, options: str
) -> None:
    port = free_port()
    api.add_pod("one", one_shot(port, address, options))
    await eventually(lambda: ready(api, "one"))
    assert greeting(api, "one", port) == b"one"


@pytest_twisted.ensureDeferred
async def test_a_pod_that_serves_its_one_connection_stays_ready(api: FakeApi) -> None:
    port = free_port()
    api.add_pod("one", one_shot(port))
    await eventually(lambda: ready(api, "one"))
    with socket.create_connection((api.pod("one")["status"]["podIP"], port)) as connection:
        connection.recv(100)  # it has closed its listener
        api.add_pod("other", one_shot(port))
        await eventually(lambda: ready(api, "other"))
        assert ready(api, "one")
    await eventually(lambda: api.pod("one")["status"]["phase"] == "Succeeded")


@pytest_twisted.ensureDeferred
async def test_listening_for_ipv6_only_is_not_ready(api: FakeApi) -> None:
    api.add_pod("six", one_shot(free_port(), "::", "v6only"))
    api.add_pod("four", one_shot(free_port()))
    await eventually(lambda: ready(api, "four") and running(api, "six"))
    assert not ready(api, "six")


@pytest_twisted.ensureDeferred
async def test_somebody_elses_listener_does_not_make_a_pod_ready(api: FakeApi) -> None:
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        api.add_pod("idle", {"command": ["sleep", "1000"], "ports": [{"containerPort": port}]})
        api.add_pod("one", one_shot(free_port()))
        await eventually(lambda: ready(api, "one") and running(api, "idle"))
        assert not ready(api, "idle")


@pytest_twisted.ensureDeferred
async def test_two_pods_that_would_share_connections_do_not_run_together(api: FakeApi) -> None:
    port = free_port()
    api.add_pod("first", one_shot(port, "0.0.0.0", "shared"))
    await eventually(lambda: ready(api, "first"))
    api.add_pod("second", one_shot(port, "0.0.0.0", "shared"))
    await eventually(lambda: api.pod("second")["status"]["phase"] == "Failed")
    assert parse(Pod, api.pod("second")).trouble.startswith("PortShared: the program listens on port")
    assert greeting(api, "first", port) == b"first"


@pytest_twisted.ensureDeferred
async def test_a_pod_that_finds_its_port_taken_on_all_addresses_says_by_whom(api: FakeApi) -> None:
    port = free_port()
    api.add_pod("first", one_shot(port, "0.0.0.0"))
    await eventually(lambda: ready(api, "first"))
    api.add_pod("second", one_shot(port))
    await eventually(lambda: api.pod("second")["status"]["phase"] == "Failed")
    assert f"another program listens on port {port} of all addresses" in parse(Pod, api.pod("second")).trouble
    assert ready(api, "first")


@pytest_twisted.ensureDeferred
async def test_a_tcp_probe_is_answered_without_a_connection(api: FakeApi) -> None:
    port = free_port()
    api.add_pod("one", one_shot(port, readinessProbe={"tcpSocket": {"port": port}}))
    await eventually(lambda: ready(api, "one"))
    assert greeting(api, "one", port) == b"one"


@pytest_twisted.ensureDeferred
async def test_an_exec_probe_runs_in_the_pods_own_folder_again_and_again(api: FakeApi) -> None:
    probe = {"exec": {"command": ["test", "-e", "up"]}, "periodSeconds": 1, "failureThreshold": 1}
    script = "sleep 0.2; touch up; sleep 2; rm up; sleep 1000"
    api.add_pod("probed", {"command": ["sh", "-c", script], "readinessProbe": probe})
    await eventually(lambda: ready(api, "probed"))
    await eventually(lambda: running(api, "probed") and not ready(api, "probed"))


@pytest_twisted.ensureDeferred
async def test_an_http_probe_asks_for_its_path(api: FakeApi) -> None:
    port = free_port()
    server = ["python3", "-m", "http.server", "--bind", "$(POD_IP)", "$(PORT)"]
    for name, path in (("good", "/"), ("bad", "/no-such-file")):
        probe = {"httpGet": {"port": "main", "path": path, "httpHeaders": [{"name": "X-Probe", "value": "1"}]}}
        ports = [{"containerPort": port, "name": "main"}]
        api.add_pod(name, {"command": server, "ports": ports, "readinessProbe": probe})
    await eventually(lambda: ready(api, "good") and running(api, "bad"))
    assert not ready(api, "bad")


@pytest_twisted.ensureDeferred
async def test_a_pod_without_ports_and_probe_is_ready_when_it_runs(api: FakeApi) -> None:
    api.add_pod("portless", {"command": ["sleep", "1000"]})
    await eventually(lambda: ready(api, "portless"))


@pytest_twisted.ensureDeferred
async def test_an_initial_delay_is_waited_for(api: FakeApi) -> None:
    port = free_port()
    probe = {"tcpSocket": {"port": port}, "initialDelaySeconds": 1}
    began = the_reactor().seconds()
    api.add_pod("late", one_shot(port, readinessProbe=probe))
    await eventually(lambda: ready(api, "late"))
    assert the_reactor().seconds() - began >= 1.0
