"""The pods around a service that are none of isoproxy's own: most are told what to do, one answers for DNS."""

import contextlib
from types import TracebackType
from typing import Self

from isoproxy.model import names
from test.cluster import layout
from test.e2e.containers import plain_pod, wait_for_pod
from test.running.api import Api, Json, Refused
from test.running.waiting import eventually
from test.walls.terms import Party

COMMANDS = 8080
"""Where a pod is told what to do."""
ELSEWHERE, SYSTEM = "elsewhere", "kube-system"
DNS = {"k8s-app": "kube-dns"}
_ROOT = 0


class Pods:
    """A pod for each party that is one, Ready, and its address; they are gone at the end."""

    def __init__(self, api: Api, *, service: str, other: str) -> None:
        """``service`` and ``other`` are the names of services that are there."""
        self._api = api
        self._made: list[str] = []
        self._manifests = self._describe(service, other)
        self.objects: dict[Party, Json] = {}
        self.places: dict[Party, str] = {}

    def _describe(self, service: str, other: str) -> dict[Party, Json]:
        ours, others = (self._api.service(name)["metadata"]["uid"] for name in (service, other))
        return {
            Party.PROXY: _pod("proxy", _labels_of_proxies(service, ours)),
            Party.OTHER_PROXY: _pod("other-proxy", _labels_of_proxies(other, others)),
            Party.OLD_PROXY: _pod("old-proxy", _labels_of_proxies(service, "uid-of-old")),
            Party.IMPOSTOR: _pod("impostor", {names.LABEL_ROLE: names.ROLE_PROXY, names.LABEL_SERVICE_UID: "none"}),
            Party.LIKENESS: _pod("likeness", _labels_of_proxies(service, ours), namespace=ELSEWHERE),
            Party.NEIGHBOUR: _pod("neighbour", {"app": "web"}),
            Party.STRANGER: _pod("stranger", {"app": "web"}, namespace=ELSEWHERE),
            Party.LIKE_DNS: _pod("like-dns", DNS),
            Party.SYSTEM_POD: _pod("system-pod", {"app": "web"}, namespace=SYSTEM),
            Party.CLUSTER_DNS: dns_pod(),
        }

    def __enter__(self) -> Self:
        try:
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ELSEWHERE}}
            self._create("/api/v1/namespaces", namespace)
            eventually(lambda: all(map(self._has_account, (ELSEWHERE, SYSTEM))), "pods can be made")
            self._create(f"/api/v1/namespaces/{SYSTEM}/services", dns_service())
            for manifest in self._manifests.values():
                self._create(_pods_of(manifest), manifest)
            for party, manifest in self._manifests.items():
                pod = wait_for_pod(self._api, f"{_pods_of(manifest)}/{manifest['metadata']['name']}")
                self.objects[party], self.places[party] = pod, pod["status"]["podIP"]
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._remove()

    def _create(self, path: str, manifest: Json) -> None:
        self._api.create(path, manifest)
        self._made.append(f"{path}/{manifest['metadata']['name']}")

    def _remove(self) -> None:
        for path in reversed(self._made):
            self._api.delete(path)
        # The namespace follows by itself; nobody waits for that.
        left = [path for path in self._made if not path.endswith(f"/namespaces/{ELSEWHERE}")]
        eventually(lambda: not any(map(self._is_there, left)), "nothing is left of the parties")

    def _is_there(self, path: str) -> bool:
        with contextlib.suppress(Refused):
            return bool(self._api.request("GET", path))
        return False

    def _has_account(self, namespace: str) -> bool:
        return self._is_there(f"/api/v1/namespaces/{namespace}/serviceaccounts/default")


def _pod(name: str, labels: dict[str, str], *, namespace: str = "default") -> Json:
    return plain_pod(name, ["obey"], labels=labels, namespace=namespace)


def _labels_of_proxies(service: str, uid: str) -> dict[str, str]:
    return {names.LABEL_SERVICE: service, names.LABEL_SERVICE_UID: uid, names.LABEL_ROLE: names.ROLE_PROXY}


def dns_pod() -> Json:
    """Return the manifest of a pod that answers in place of the cluster's DNS; port 53 is root's."""
    return plain_pod("dns", ["answer", "0.0.0.0:53"], labels=DNS, namespace=SYSTEM, user=_ROOT)


def dns_service() -> Json:
    """Return the manifest of the Service of the cluster's DNS."""
    ports = [{"name": protocol.lower(), "protocol": protocol, "port": 53} for protocol in ("TCP", "UDP")]
    spec = {"clusterIP": layout.DNS_SERVICE_IP, "selector": DNS, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kube-dns"}, "spec": spec}


def _pods_of(manifest: Json) -> str:
    return f"/api/v1/namespaces/{manifest['metadata']['namespace']}/pods"
