"""A proxy with pods that are no processes: what shows the work of the proxy alone, and lets it have thousands of pods.

isoproxy's proxy runs as on a cluster (``--role proxy``), against the API server of another process (``--role none``).
There is no operator: IsolationPods are made here, assigned from the start as an operator would have left them, and
deleted when they are Released. All give the address of one listener, which plays every pod; it is the one that HAProxy
and nginx forward to as well. To the proxy nothing of this shows: it sees as many IsolationPods as ever, each with a uid
of its own, and serves one connection with each.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.contestants import Contestant
from isoproxy.model import names
from isoproxy.model.dedicatedservice import QueueSpec, SessionSpec
from isoproxy.model.proxysettings import ProxySettings
from test.running.api import DEDIS, IPODS, LEASES, Api, Json
from test.running.harness import Isoproxy, Local, dedicated_service, write_kubeconfig
from test.running.waiting import eventually

NAME = "isoproxy"
_SERVICE = "bench"
_CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
_NICE = 10
_PATIENCE = 60.0
"""Seconds in which the API server and the proxy catch up with what was done, at most."""


class Pods:
    """The pods of one proxy instance: objects only, all of them played by the listener at ``port`` of 127.0.0.1."""

    def __init__(self, api: Api, *, service_uid: str, instance: str, port: int) -> None:
        self._api = api
        self._service_uid = service_uid
        self._instance = instance
        self._port = port
        self._made = 0

    def supply(self, count: int) -> None:
        """Assign ``count`` pods, and wait until the proxy has them."""
        for _ in range(count):
            self._made += 1
            self._api.create(IPODS, self._isolation_pod(f"{_SERVICE}-{self._made}"))
        eventually(lambda: self._held() == count, f"{count} pods in stock", within=_PATIENCE)

    def settle(self, _: int = 0) -> None:
        """Wait until it is written what became of every pod, and delete the used ones."""
        eventually(lambda: self._held() == 0, "no pod that is not accounted for", within=_PATIENCE)
        for record in self._api.items(IPODS):
            if record["status"]["phase"] == "Released":
                self._api.delete(f"{IPODS}/{record['metadata']['name']}")

    def _held(self) -> int:
        """What the proxy says on its Lease, which costs it nothing more: its stock, and claims not yet written."""
        lease = self._api.request("GET", f"{LEASES}/{names.lease_name(_SERVICE, self._instance)}")
        return int(lease["metadata"]["annotations"][names.ANNOTATION_HELD])

    def _isolation_pod(self, name: str) -> Json:
        labels = {
            names.LABEL_SERVICE: _SERVICE,
            names.LABEL_SERVICE_UID: self._service_uid,
            names.LABEL_PROXY: self._instance,
        }
        return {
            "apiVersion": names.API_VERSION,
            "kind": "IsolationPod",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "serviceName": _SERVICE,
                "podName": name,
                "port": self._port,
                "proxy": self._instance,
                "podIP": "127.0.0.1",
                "podUID": f"uid-of-{name}",
            },
        }


@contextlib.contextmanager
def proxy(target: int) -> Iterator[Contestant]:
    """isoproxy's proxy as a process of its own, its pods played by what listens on ``target``."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        machine = stack.enter_context(Local("--role=none"))
        # It is to be in nobody's way, as if it had a machine of its own.
        os.setpriority(os.PRIO_PROCESS, machine.pid, _NICE)
        # The proxy's Lease belongs to it: without it the Lease would be taken for garbage.
        service = machine.api.create(DEDIS, dedicated_service(_SERVICE, ["who"]))
        uid = service["metadata"]["uid"]
        machine.api.create(_CONFIG_MAPS, _settings(uid))
        process = stack.enter_context(
            Isoproxy(
                "--role=proxy",
                f"--service=default/{_SERVICE}",
                "--bind=127.0.0.1",
                "--kubeconfig",
                write_kubeconfig(folder, machine.api),
            )
        )
        _, port = process.listening(_SERVICE)
        lease = eventually(lambda: machine.api.items(LEASES), "the proxy's Lease")[0]
        pods = Pods(machine.api, service_uid=uid, instance=lease["spec"]["holderIdentity"], port=target)
        yield Contestant(NAME, port, process.pid, pods.supply, pods.settle)


def _settings(service_uid: str) -> Json:
    """The ConfigMap of a service, which its operator would write."""
    settings = ProxySettings(
        namespace="default",
        service=_SERVICE,
        service_uid=service_uid,
        listen_port=0,
        queue=QueueSpec(),
        session=SessionSpec(),
    )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": names.proxy_name(_SERVICE), "namespace": "default"},
        "data": settings.to_data(),
    }
