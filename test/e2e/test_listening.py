"""Where a proxy listens that was told so on its command line."""

import socket
from pathlib import Path

from test.e2e.api import DEDIS
from test.e2e.clients import ask, connected, is_cut
from test.e2e.harness import Isoproxy, Local, dedicated_service, write_kubeconfig, write_manifests
from test.e2e.waiting import eventually


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
            spec = {"service": {"port": 7000}, "session": {"idleTimeoutSeconds": 1}}
            machine.api.patch(f"{DEDIS}/echo", {"spec": spec})
            with connected(address) as peer:
                assert ask(peer, b"hello") == b"hello"

            def is_followed() -> bool:
                with connected(address) as peer:
                    return ask(peer, b"hello") == b"hello" and is_cut(peer)

            eventually(is_followed, "it has the changed settings")
            assert machine.api.endpoints("echo") == [address]
            assert "Couldn't listen" not in proxy.log
            proxy.stop()
        machine.stop()
