"""Services and pods whose programs are containers of a real cluster's node, and isoproxy on the node's network."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from test.cluster import layout
from test.cluster.images.catalogue import TOOL
from test.e2e.oncluster import prepare
from test.running import proc
from test.running.api import CHILDREN, DEDIS, Api, Json, is_ready, names
from test.running.clients import Address, connected
from test.running.harness import Isoproxy
from test.running.process import STOP_SECONDS
from test.running.waiting import eventually

ON_THE_NODE = {"nodeSelector": {"kubernetes.io/hostname": layout.NODE}}
"""Other nodes of a cluster have no containers."""


def container_service(name: str, arguments: Sequence[str], **spec: Any) -> Json:
    """Return a manifest: ``arguments`` are the tool's, the port any free one."""
    return {
        "apiVersion": "soh.re/v1alpha1",
        "kind": "DedicatedService",
        "metadata": {"name": name},
        "spec": {"image": TOOL, "args": list(arguments), "service": {"port": 0}} | ON_THE_NODE | spec,
    }


def gated_containers(name: str, gate: Path) -> Json:
    """Return the manifest of a service whose pods are not Ready before the file ``gate`` is there.

    Everybody must be able to look into its folder.
    """
    folder, health = str(gate.parent), 8081
    return container_service(
        name,
        ["--health", str(health), "--gate", str(gate), "who"],
        replicas=2,
        readinessProbe={"httpGet": {"path": "/ready", "port": health}, "periodSeconds": 1},
        volumes=[{"name": "gates", "hostPath": {"path": folder}}],
        volumeMounts=[{"name": "gates", "mountPath": folder}],
    )


def plain_pod(
    name: str, arguments: Sequence[str], *, labels: Mapping[str, str], namespace: str = "default", user: int = 65534
) -> Json:
    """Return the manifest of a pod that is none of isoproxy's; ``arguments`` are the tool's."""
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsUser": user},
        "containers": [{"name": "main", "image": TOOL, "args": list(arguments)}],
    }
    metadata = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec | ON_THE_NODE}


def wait_for_pod(api: Api, path: str) -> Json:
    """Wait until a Pod is Ready, and return it."""

    def ready() -> Json:
        pod = api.request("GET", path)
        return pod if is_ready(pod) else {}

    return eventually(ready, f"{path} is Ready")


def wait_until_listening(address: Address) -> Address:
    """Wait until a program accepts connections: without a probe of its own a pod is Ready before that."""

    def accepts() -> bool:
        try:
            with connected(address):
                return True
        except OSError:  # refused, or the network does not know the way yet
            return False

    eventually(accepts, f"somebody listens at {address}")
    return address


def network_of(pod: Json) -> str:
    """Return the file of the network namespace of a Pod that runs on the node."""
    mark = f"/pod{pod['metadata']['uid']}/"
    for pid in proc.processes():
        if mark in proc.read(pid, "cgroup"):
            return f"/proc/{pid}/ns/net"
    raise AssertionError(f"no process of {pod['metadata']['name']}")


def remove_services(api: Api, *, by_hand: bool = False) -> None:
    """Delete every service, and wait until an operator has left nothing of them; or do its work, ``by_hand``."""
    api.delete(DEDIS)
    # What stands for proxies is not an operator's.
    selector = "soh.re/service,soh.re/role!=proxy"
    if by_hand:
        for path in CHILDREN:
            api.delete(f"{path}?{urlencode({'labelSelector': selector})}")

    def nothing_left() -> bool:
        left = set().union(*(names(api.items(path, labelSelector=selector)) for path in CHILDREN))
        assert not left, left
        return True

    eventually(nothing_left, "nothing is left of any service")


class OnContainers(Isoproxy):
    """One ``twistd isoproxy`` on the node's network, for all services of its cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        self.api = Api.of(kubeconfig)
        prepare(self.api)
        super().__init__("--role=all", f"--bind={layout.NODE_IP}", "--kubeconfig", kubeconfig)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            super().__exit__(kind, error, at)
        finally:
            remove_services(self.api, by_hand=True)

    def serve(self, manifest: Json) -> Address:
        """Create a DedicatedService, wait for its pool, and return its address."""
        self.api.create(DEDIS, manifest)
        name, size = manifest["metadata"]["name"], manifest["spec"]["replicas"]
        self.api.wait_for_base(name, size)
        (address,) = self.api.endpoints(name)
        return address

    def pods(self, service: str) -> list[int]:
        """Return the processes of all containers of a service."""
        return [pid for pid in proc.processes() if proc.is_of_pod(pid, service)]

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = STOP_SECONDS) -> None:
        """Take away the services, hold it to leaving nothing of them, and end it."""
        remove_services(self.api)
        super().stop(number, within=within)
