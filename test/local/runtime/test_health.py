"""Readiness by listening and by the probes of a manifest: real programs, an API server in memory."""

import socket
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.resources import Json
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from test.local.runtime.support import eventually, free_port, python, the_reactor
from test.local.runtime.user import User

pytestmark = pytest.mark.usefixtures("agent")

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


def one_shot(port: int, address: str = "$(POD_IP)", options: str = "", **more: Any) -> Json:
    env = [{"name": "ADDRESS", "value": address}, {"name": "OPTIONS", "value": options}]
    return {"command": list(python(ONE_SHOT)), "env": env, "ports": [{"containerPort": port}], **more}


def ready(user: User, name: str) -> bool:
    return parse(Pod, user.pod(name)).ready


def running(user: User, name: str) -> bool:
    return parse(Pod, user.pod(name)).status.phase == "Running"


def greeting(user: User, name: str, port: int) -> bytes:
    with socket.create_connection((user.pod(name)["status"]["podIP"], port), timeout=10) as connection:
        return connection.recv(100)


@pytest.mark.parametrize(
    ("address", "options"),
    [("$(POD_IP)", ""), ("0.0.0.0", ""), ("::", ""), ("::ffff:$(POD_IP)", ""), ("0.0.0.0", "forked")],
)
@pytest_twisted.ensureDeferred
async def test_whatever_way_a_pod_listens_it_is_ready_and_still_unserved(
    user: User, address: str, options: str
) -> None:
    port = free_port()
    user.add_pod("one", one_shot(port, address, options))
    await eventually(lambda: ready(user, "one"))
    assert greeting(user, "one", port) == b"one"


@pytest_twisted.ensureDeferred
async def test_a_pod_that_serves_its_one_connection_stays_ready(user: User) -> None:
    port = free_port()
    user.add_pod("one", one_shot(port))
    await eventually(lambda: ready(user, "one"))
    with socket.create_connection((user.pod("one")["status"]["podIP"], port)) as connection:
        connection.recv(100)  # it has closed its listener
        user.add_pod("other", one_shot(port))
        await eventually(lambda: ready(user, "other"))
        assert ready(user, "one")
    await eventually(lambda: user.pod("one")["status"]["phase"] == "Succeeded")


@pytest_twisted.ensureDeferred
async def test_listening_for_ipv6_only_is_not_ready(user: User) -> None:
    user.add_pod("six", one_shot(free_port(), "::", "v6only"))
    user.add_pod("four", one_shot(free_port()))
    await eventually(lambda: ready(user, "four") and running(user, "six"))
    assert not ready(user, "six")


@pytest_twisted.ensureDeferred
async def test_somebody_elses_listener_does_not_make_a_pod_ready(user: User) -> None:
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        user.add_pod("idle", {"command": ["sleep", "1000"], "ports": [{"containerPort": port}]})
        user.add_pod("one", one_shot(free_port()))
        await eventually(lambda: ready(user, "one") and running(user, "idle"))
        assert not ready(user, "idle")


@pytest_twisted.ensureDeferred
async def test_two_pods_that_would_share_connections_do_not_run_together(user: User) -> None:
    port = free_port()
    user.add_pod("first", one_shot(port, "0.0.0.0", "shared"))
    await eventually(lambda: ready(user, "first"))
    user.add_pod("second", one_shot(port, "0.0.0.0", "shared"))
    await eventually(lambda: user.pod("second")["status"]["phase"] == "Failed")
    assert parse(Pod, user.pod("second")).trouble.startswith("PortShared: the program listens on port")
    assert greeting(user, "first", port) == b"first"


@pytest_twisted.ensureDeferred
async def test_a_pod_that_finds_its_port_taken_on_all_addresses_says_by_whom(user: User) -> None:
    port = free_port()
    user.add_pod("first", one_shot(port, "0.0.0.0"))
    await eventually(lambda: ready(user, "first"))
    user.add_pod("second", one_shot(port))
    await eventually(lambda: user.pod("second")["status"]["phase"] == "Failed")
    assert f"another program listens on port {port} of all addresses" in parse(Pod, user.pod("second")).trouble
    assert ready(user, "first")


@pytest_twisted.ensureDeferred
async def test_a_tcp_probe_is_answered_without_a_connection(user: User) -> None:
    port = free_port()
    user.add_pod("one", one_shot(port, readinessProbe={"tcpSocket": {"port": port}}))
    await eventually(lambda: ready(user, "one"))
    assert greeting(user, "one", port) == b"one"


@pytest_twisted.ensureDeferred
async def test_an_exec_probe_runs_in_the_pods_own_folder_again_and_again(user: User, tmp_path: Path) -> None:
    probe = {
        "exec": {"command": ["test", "-e", "up"]},
        "periodSeconds": 1,
        "timeoutSeconds": 20,
        "failureThreshold": 1,
    }
    down = tmp_path / "down"
    script = f"sleep 0.2; touch up; until test -e {down}; do sleep 0.1; done; rm up; sleep 1000"
    user.add_pod("probed", {"command": ["sh", "-c", script], "readinessProbe": probe})
    await eventually(lambda: ready(user, "probed"))
    down.touch()
    await eventually(lambda: running(user, "probed") and not ready(user, "probed"))


@pytest_twisted.ensureDeferred
async def test_an_http_probe_asks_for_its_path(user: User) -> None:
    port = free_port()
    server = ["python3", "-m", "http.server", "--bind", "$(POD_IP)", "$(PORT)"]
    for name, path in (("good", "/"), ("bad", "/no-such-file")):
        probe = {"httpGet": {"port": "main", "path": path, "httpHeaders": [{"name": "X-Probe", "value": "1"}]}}
        ports = [{"containerPort": port, "name": "main"}]
        user.add_pod(name, {"command": server, "ports": ports, "readinessProbe": probe})
    await eventually(lambda: ready(user, "good") and running(user, "bad"))
    assert not ready(user, "bad")


@pytest_twisted.ensureDeferred
async def test_a_pod_without_ports_and_probe_is_ready_when_it_runs(user: User) -> None:
    user.add_pod("portless", {"command": ["sleep", "1000"]})
    await eventually(lambda: ready(user, "portless"))


@pytest_twisted.ensureDeferred
async def test_an_initial_delay_is_waited_for(user: User) -> None:
    port = free_port()
    probe = {"tcpSocket": {"port": port}, "initialDelaySeconds": 1}
    began = the_reactor().seconds()
    user.add_pod("late", one_shot(port, readinessProbe=probe))
    await eventually(lambda: ready(user, "late"))
    assert the_reactor().seconds() - began >= 1.0
