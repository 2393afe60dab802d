"""A machine of a real cluster: a node whose pods are processes, with the services that run on it."""

import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import yaml

from isoproxy.model import crds
from test.cluster.target import Target
from test.running.api import CHILDREN, DEDIS, NODES, OURS, Api, Json, Refused, names
from test.running.harness import Isoproxy
from test.running.process import STOP_SECONDS, Process
from test.running.waiting import eventually

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SERVICE_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
NODE_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
OPERATED = "--namespace=default"
"""An operator's option: of a cluster that may be somebody else's, it sees what the tests make, and nothing more."""


class InUse(Exception):
    """Somebody else's cluster has services where the tests make theirs."""


class Node(Process):
    """A node with a name of its own. The services begun on it run nowhere else, and are gone when it stops."""

    def __init__(self, kubeconfig: Path, *manifests: Path) -> None:
        """The services in ``manifests`` are begun on entering; the cluster is one that was prepared."""
        self.name = f"processes-{secrets.token_hex(4)}"
        self.api = Api.of(kubeconfig)
        self._manifests = [found for path in manifests for found in yaml.safe_load_all(path.read_text())]
        self._services: list[str] = []
        super().__init__(
            [sys.executable, "-u", "-m", "test.cluster.processnode", "--kubeconfig", kubeconfig, "--name", self.name]
        )

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.push(self)
            self.wait_for_log(f"^node {self.name} is ready$")
            for manifest in self._manifests:
                self.serve(manifest)
            stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it if nobody has, and take all of it away."""
        try:
            super().__exit__(kind, error, at)
        finally:
            self._remove_services(at_once=True)
            self._remove_node()

    def serve(self, manifest: Json) -> None:
        """Create a DedicatedService whose pods run here."""
        here = {"nodeSelector": {"kubernetes.io/hostname": self.name}}
        self.api.create(DEDIS, manifest | {"spec": manifest["spec"] | here})
        self._services.append(manifest["metadata"]["name"])

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = STOP_SECONDS) -> None:
        """Take away the services, whose pods this node has to end, and then the node."""
        self._remove_services()
        super().stop(number, within=within)
        self._remove_node()

    def _remove_services(self, *, at_once: bool = False) -> None:
        """Delete all there is of them: the cluster itself may take half a minute for it.

        Pods are gone when their node says so, or ``at_once``.
        """
        for service in self._services:
            query = {"labelSelector": f"soh.re/service={service}"} | ({"gracePeriodSeconds": "0"} if at_once else {})
            _delete(self.api, f"{DEDIS}/{service}")
            for path in CHILDREN:
                self.api.delete(f"{path}?{urlencode(query)}")
        for service in self._services:
            eventually(partial(self._is_gone, service), f"nothing is left of {service}")
        self._services.clear()

    def _is_gone(self, service: str) -> bool:
        assert self.api.traces(service) == set()
        return True

    def _remove_node(self) -> None:
        _delete(self.api, f"{NODES}/{self.name}")
        _delete(self.api, f"{NODE_LEASES}/{self.name}")


class OnNode(Isoproxy):
    """One ``twistd isoproxy`` for all services of a real cluster, with a node of its own to run them."""

    def __init__(self, kubeconfig: Path, *manifests: Path) -> None:
        """As a Node."""
        self.node = Node(kubeconfig, *manifests)
        super().__init__("--role=all", OPERATED, "--bind=127.0.0.1", "--kubeconfig", kubeconfig)

    @property
    def api(self) -> Api:
        """The API server."""
        return self.node.api

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.push(super().__exit__)
            stack.enter_context(self.node)
            stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            super().__exit__(kind, error, at)
        finally:
            self.node.__exit__(kind, error, at)

    def serve(self, manifest: Json) -> None:
        """Create a DedicatedService."""
        self.node.serve(manifest)

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = STOP_SECONDS) -> None:
        """End this, then the node."""
        super().stop(number, within=within)
        self.node.stop()


@contextmanager
def prepared(target: Target) -> Iterator[Api]:
    """Prepare a cluster, and return its API server. Of somebody else's, take away at the end what was not there before.

    Raises InUse, before anything is changed.
    """
    api = Api.of(target.kubeconfig)
    if target.cluster is not None:
        prepare(api)
        yield api
        return
    _check_unused(api)
    before = names(api.items(DEFINITIONS))
    try:
        prepare(api)
        yield api
    finally:
        for name in [name for name in _definitions() if name not in before]:
            _delete(api, f"{DEFINITIONS}/{name}")
            eventually(partial(_is_absent, api, f"{DEFINITIONS}/{name}"), f"{name} is gone")


def _check_unused(api: Api) -> None:
    """Refuse a cluster whose services the operators of tests would act on."""
    if api.find(f"{DEFINITIONS}/dedicatedservices.soh.re") and (found := names(api.items(DEDIS))):
        there = ", ".join(sorted(found))
        raise InUse(f"the tests need namespace default of {api.kubeconfig}'s cluster, which has the services {there}")


def _definitions() -> dict[str, Json]:
    """Return our definitions by their names."""
    return {manifest["metadata"]["name"]: manifest for manifest in crds.load()}


def prepare(api: Api) -> None:
    """Install our definitions where they are not there yet, and wait until services and pods can be made."""
    for name, manifest in _definitions().items():
        _install(api, name, manifest)
    eventually(lambda: api.find(SERVICE_ACCOUNT), "the service account that pods are given")


def _install(api: Api, name: str, manifest: Json) -> None:
    if not api.find(f"{DEFINITIONS}/{name}"):
        api.create(DEFINITIONS, manifest)

    def is_served() -> bool:
        conditions = api.find(f"{DEFINITIONS}/{name}")["status"].get("conditions") or []
        established = ("Established", "True") in [(condition["type"], condition["status"]) for condition in conditions]
        # Once it is established its objects are accepted, but for a moment the server does not answer to a list.
        return established and _lists(api, f"{OURS}/{manifest['spec']['names']['plural']}")

    eventually(is_served, f"{name} is served")


def _lists(api: Api, path: str) -> bool:
    try:
        api.items(path)
    except Refused as refused:
        if refused.code not in (404, 429):
            raise
        return False
    return True


def _is_absent(api: Api, path: str) -> bool:
    return not api.find(path)


def _delete(api: Api, path: str) -> None:
    """Delete an object, if it is there."""
    try:
        api.delete(path)
    except Refused as refused:
        if refused.code != 404:
            raise
