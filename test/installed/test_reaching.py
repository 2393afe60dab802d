"""What pods get to that deployed proxies have given to connections, and who gets to these proxies.

The whole table of who may talk to whom is in test/walls, where other pods stand for the proxies.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from isoproxy.model.proxyaccess import CLIENTS_PORT, HEALTH_PORT, METRICS_PORT
from test.cluster import layout
from test.cluster.images.tool import Commander, commanding
from test.e2e.containers import container_service, network_of, plain_pod, wait_for_pod, wait_until_listening
from test.installed.installation import Installation, Space
from test.running.api import Json
from test.running.clients import Address
from test.running.waiting import eventually
from test.walls.outside import HOST, OPENED_HOST, Outside
from test.walls.parties import SYSTEM, dns_pod, dns_service

pytestmark = [
    pytest.mark.needs_cluster("node", ours=True),
    pytest.mark.needs_program("go", "apt-get", "dpkg-deb", "nsenter"),
]

PORT = 8080
OUTSIDE_PORT = 443
UNUSED_PORT = 5000
"""Of a proxy: with nothing in the way, it would refuse."""
Place = tuple[str, Address]
DNS: set[Place] = {(protocol, (layout.DNS_SERVICE_IP, 53)) for protocol in ("tcp", "udp")}
OPENED: set[Place] = {(protocol, (OPENED_HOST, OUTSIDE_PORT)) for protocol in ("tcp", "udp")}


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    """A namespace, a cluster's DNS, and hosts of the internet that answer."""
    system = Space(installation.cluster, SYSTEM)
    with ExitStack() as stack:
        stack.enter_context(Outside(installation.cluster, ports=[OUTSIDE_PORT]))
        for manifest in (dns_pod(), dns_service()):
            system.apply(manifest)
            stack.callback(system.kubectl, "delete", manifest["kind"], manifest["metadata"]["name"], "--now")
        wait_for_pod(system.api, f"/api/v1/namespaces/{SYSTEM}/pods/dns")
        yield stack.enter_context(installation.space("reaching"))


@pytest.fixture(scope="module")
def bystander(space: Space) -> Iterator[Commander]:
    """A pod that is nobody's, to tell what a wall keeps away from what is not there."""
    space.apply(plain_pod("bystander", ["obey"], labels={"app": "web"}, namespace=space.name))
    pod = wait_for_pod(space.api, f"/api/v1/namespaces/{space.name}/pods/bystander")
    with commanding(wait_until_listening((pod["status"]["podIP"], PORT))) as command:
        yield command
    space.kubectl("delete", "pod", "bystander", "--now")


@pytest.fixture(scope="module")
def address(space: Space) -> Address:
    """The service whose connections look around, and another beside it."""
    for name in ("obey", "other"):
        space.apply(container_service(name, ["obey"], replicas=1, service={"type": "NodePort", "port": 7000}))
    space.wait_until_served("other", 1)
    return space.wait_until_served("obey", 1)


def proxy_of(space: Space, service: str) -> Json:
    (proxy,) = space.proxies(service).values()
    return proxy


@pytest.fixture(scope="module")
def places(space: Space, address: Address) -> set[Place]:
    """Everything that answers somebody: of the cluster, of other services, and outside."""
    proxies = [proxy_of(space, service)["status"]["podIP"] for service in ("obey", "other")]
    found: set[Place] = {
        ("tcp", (layout.API_SERVICE_IP, 443)),
        ("tcp", (layout.NODE_IP, layout.API_PORT)),
        ("tcp", space.cluster_address("obey")),
    }
    found |= {("tcp", (proxy, port)) for proxy in proxies for port in (CLIENTS_PORT, METRICS_PORT, HEALTH_PORT)}
    found |= {(protocol, (host, OUTSIDE_PORT)) for host in (HOST, OPENED_HOST) for protocol in ("tcp", "udp")}
    return found | DNS


def reached(command: Commander, places: set[Place]) -> set[Place]:
    """Return where a pod gets to; who refuses has been reached too."""
    tried = sorted(places)
    answers = command(" ".join(["reach", *(f"{protocol} {host}:{port}" for protocol, (host, port) in tried)])).split()
    assert len(answers) == len(tried), answers
    assert set(answers) <= {"reached", "refused", "silent"}
    return {place for place, answer in zip(tried, answers, strict=True) if answer != "silent"}


def test_a_connection_gets_from_its_pod_to_nobody(
    space: Space, address: Address, bystander: Commander, places: set[Place]
) -> None:
    eventually(lambda: reached(bystander, places) == places, "all of them answer somebody")
    space.api.wait_for_base("other", 1)  # the bystander has been at its proxy, and had a pod
    others: set[Place] = {("tcp", other) for other in pods_of(space, "other")}
    with space.session(address) as command:
        assert reached(command, places | others) == set()


def test_a_connection_gets_to_what_its_service_opens_and_nowhere_else(
    space: Space, address: Address, places: set[Place]
) -> None:
    with space.session(address) as command:
        try:
            space.patch("obey", network={"allowDNS": True, "allowedCIDRs": [f"{OPENED_HOST}/32"]})
            eventually(lambda: reached(command, places) == DNS | OPENED, "that much is open")
        finally:
            space.patch("obey", network=None)
        eventually(lambda: reached(command, places) == set(), "it is closed again")


def test_a_proxy_is_reached_on_its_own_ports_only(space: Space, address: Address, bystander: Commander) -> None:
    proxy = proxy_of(space, "obey")["status"]["podIP"]
    own: set[Place] = {("tcp", (proxy, port)) for port in (CLIENTS_PORT, METRICS_PORT, HEALTH_PORT)}
    tried: set[Place] = {*own, ("tcp", (proxy, UNUSED_PORT))}
    eventually(lambda: reached(bystander, tried) == own, "it is reached there and nowhere else")


def test_a_proxy_reaches_pods_of_its_own_service_and_no_others(space: Space, address: Address) -> None:
    for service in ("obey", "other"):
        space.api.wait_for_base(service, 1)
    network = network_of(proxy_of(space, "obey"))
    assert not any(connects(network, other) for other in pods_of(space, "other"))
    assert not connects(network, (HOST, OUTSIDE_PORT + 1))
    eventually(lambda: connects(network, (layout.NODE_IP, layout.API_PORT)), "it reaches the API server")
    eventually(lambda: any(connects(network, own) for own in pods_of(space, "obey")), "it reaches its own")
    # They have had their one connection, of which nobody knows.
    space.kubectl("delete", "ipod", "-lsoh.re/service=obey")


def pods_of(space: Space, service: str) -> list[Address]:
    """Return where a service's pods listen; there may be some on their way, either way."""
    pods = [pod for pod in space.api.pods(service) if "podIP" in pod["status"]]
    assert pods
    return [(pod["status"]["podIP"], PORT) for pod in pods]


def connects(network: str, address: Address) -> bool:
    """Whether a process in another network could connect."""
    program = f"import socket; socket.create_connection({address!r}, timeout=1)"
    command = ["nsenter", f"--net={network}", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "TimeoutError" in done.stderr, done.stderr
    return done.returncode == 0
