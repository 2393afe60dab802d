"""Where a proxy listens that was told so on its command line."""

import re
import socket
from pathlib import Path
from urllib.request import urlopen

import pytest

from test.running.api import DEDIS
from test.running.clients import ask, connected, is_cut
from test.running.harness import Isoproxy, Local, dedicated_service, write_kubeconfig, write_manifests
from test.running.waiting import BOUND, eventually


def test_it_stays_where_it_is_when_the_port_of_its_service_changes(tmp_path: Path) -> None:
    manifest = write_manifests(tmp_path, dedicated_service("echo", ["echo"], replicas=2))
    with socket.create_server(("127.0.0.1", 0)) as found:
        address = found.getsockname()
    with Local("--role=operator", manifest) as machine:
        kubeconfig = write_kubeconfig(tmp_path, machine.api)
        listen = f"--listen=tcp:{address[1]}:interface={address[0]}"
        with Isoproxy("--role=proxy", "--service=default/echo", listen, "--kubeconfig", kubeconfig) as proxy:
            assert machine.api.endpoints("echo") == [address]
            machine.api.wait_for_base("echo", 2)
            spec = {"service": {"port": 7000}, "session": {"idleTimeoutSeconds": 3}}
            machine.api.patch(f"{DEDIS}/echo", {"spec": spec})
            with connected(address) as peer:
                assert ask(peer, b"hello") == b"hello"

            def is_followed() -> bool:
                with connected(address) as peer:
                    assert ask(peer, b"hello") == b"hello"
                    peer.settimeout(6)
                    try:
                        return is_cut(peer)
                    except TimeoutError:  # it came before the change
                        return False

            eventually(is_followed, "it has the changed settings")
            assert machine.api.endpoints("echo") == [address]
            assert "Couldn't listen" not in proxy.log
            proxy.stop()
        machine.stop()


@pytest.mark.parametrize("host", ["::1", "127.0.0.1"])
def test_one_that_listens_on_ipv6_serves_clients_and_probes_of_both_kinds(tmp_path: Path, host: str) -> None:
    manifest = write_manifests(tmp_path, dedicated_service("echo", ["echo"], replicas=2))
    with Local("--role=operator", manifest) as machine:
        listening = ["--listen=tcp6:0", "--health-listen=tcp6:0"]
        kubeconfig = f"--kubeconfig={write_kubeconfig(tmp_path, machine.api)}"
        with Isoproxy("--role=proxy", "--service=default/echo", *listening, kubeconfig) as proxy:
            [(everywhere, port)] = machine.api.endpoints("echo")
            assert everywhere == "[::]"
            machine.api.wait_for_base("echo", 2)
            with connected((host, port)) as peer:
                assert ask(peer, b"hello") == b"hello"
            (entry,) = eventually(lambda: proxy.ended("echo"), "it is over")
            assert re.fullmatch(rf"\[(::ffff:)?{re.escape(host)}\]:\d+", entry["client"])
            health = proxy.wait_for_log(r"health is at http://\[::1\]:(\d+)")[1]
            address = f"[{host}]" if ":" in host else host
            with urlopen(f"http://{address}:{health}/readyz", timeout=BOUND) as reply:
                assert reply.status == 200
            proxy.stop()
        machine.stop()
