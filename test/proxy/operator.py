"""What an operator does to the proxy that is under test, and the IsolationPods that it does it with."""

from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, Json
from isoproxy.model import names
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import parse
from test.hand import Hand

INSTANCE = "host-0123456789"


def assigned(name: str, *, ip: str = "127.0.0.1", port: int = 1, proxy: str = INSTANCE, uid: str = "") -> Json:
    """An assigned IsolationPod as JSON."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": "IsolationPod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": uid or f"uid-{name}",
            "resourceVersion": "1",
            "labels": {names.LABEL_PROXY: proxy, names.LABEL_SERVICE: "web"},
        },
        "spec": {
            "serviceName": "web",
            "podName": name,
            "port": port,
            "proxy": proxy,
            "podIP": ip,
            "podUID": f"pod-{name}",
        },
        "status": {"phase": "Idle", "inUse": False},
    }


def dedicated(name: str, *, port: int = 0, **spec: object) -> Json:
    """A DedicatedService as JSON."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": "DedicatedService",
        "metadata": {"name": name},
        "spec": {"image": "echo", "service": {"port": port}, **spec},
    }


class Operator(Hand):
    """The hand that assigns pods."""

    def serve(self, name: str = "web", *, namespace: str = "default", port: int = 0, **spec: object) -> str:
        """Make a DedicatedService, which owns the Leases of its proxies; return its uid."""
        made = self.create(DEDICATED_SERVICES, dedicated(name, port=port, **spec), namespace)
        return str(made["metadata"]["uid"])

    def assign(self, name: str, *, ip: str = "127.0.0.1", port: int = 1, proxy: str = INSTANCE) -> IsolationPod:
        """Make an IsolationPod that is assigned."""
        return parse(IsolationPod, self.create(ISOLATION_PODS, assigned(name, ip=ip, port=port, proxy=proxy)))

    def annotate(self, name: str, annotation: str) -> None:
        """Annotate an IsolationPod."""
        self.patch(ISOLATION_PODS, name, {"metadata": {"annotations": {annotation: "true"}}})

    def relabel(self, name: str, proxy: str | None) -> None:
        """Let an IsolationPod be found with another proxy than it is assigned to, or with none."""
        self.patch(ISOLATION_PODS, name, {"metadata": {"labels": {names.LABEL_PROXY: proxy}}})

    def record(self, name: str) -> IsolationPod:
        """The IsolationPod as it is."""
        return parse(IsolationPod, self.get(ISOLATION_PODS, name))

    def status(self, name: str) -> Json:
        """The status that is stored."""
        status: Json = self.get(ISOLATION_PODS, name)["status"]
        return status
