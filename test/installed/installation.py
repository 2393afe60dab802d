"""The chart on a cluster, as its administrator has it there, and namespaces of those who use it."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from test.chart.conftest import remove_definitions
from test.chart.helm import CHART, NAMESPACE, RELEASE, Json, helm
from test.cluster import layout
from test.cluster.cluster import Cluster
from test.cluster.images import ours
from test.cluster.images.tool import Commander, commanding
from test.cluster.kubectl import Kubectl
from test.cluster.levels import import_image
from test.cluster.network import CLIENT
from test.cluster.programs import cache_folder, program
from test.e2e.containers import wait_until_listening
from test.running.api import Api
from test.running.clients import Address
from test.running.process import Process
from test.running.waiting import eventually

OPERATOR = f"deployment/{RELEASE}-controller-manager"
PATIENCE = "--timeout=60s"
KINDS = "pod,ipod,lease,deployment,service,configmap,networkpolicy,poddisruptionbudget,role,rolebinding,serviceaccount"
"""What is made for a service."""
_REPOSITORY, _, _TAG = ours.ISOPROXY.rpartition(":")
VALUES: Json = {"image.repository": _REPOSITORY, "image.tag": _TAG, "image.pullPolicy": "Never"}


class Installation:
    """One release. Its namespace takes the strictest of pods only; so it is told at once if something asks for more."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.kubectl = Kubectl(cluster, program("kubectl"))
        self._left: list[Space] = []

    @classmethod
    @contextmanager
    def on(cls, cluster: Cluster) -> Iterator["Installation"]:
        """Install the chart, and remove in the end all there is of it."""
        made = cls(cluster)
        remove_definitions(made.kubectl)
        import_image(cluster, ours.archive(cache_folder() / "images"))
        made.kubectl("create", "namespace", NAMESPACE)
        made.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
        made.install()
        yield made
        made.remove_spaces()
        made.uninstall()
        # While they are there Kubernetes puts off the namespace by half of the time that they may take to end.
        running = ["get", "pods", "-lapp.kubernetes.io/component=operator", "--output=name", f"--namespace={NAMESPACE}"]
        eventually(lambda: made.kubectl(*running) == "", "no operator runs", within=60)
        made.kubectl("delete", "namespace", NAMESPACE, PATIENCE)
        remove_definitions(made.kubectl)

    def install(self, chart: Path = CHART, *options: str, values: Json | None = None) -> None:
        """Install a chart, or upgrade to it, and wait until its operator is there; the image is always ours."""
        where = ["--install", f"--namespace={NAMESPACE}", *options]
        kubeconfig = self.cluster.files.kubeconfig()
        helm("upgrade", RELEASE, chart, *where, values=VALUES | (values or {}), kubeconfig=kubeconfig)
        self._wait_for_operator()

    def rollback(self) -> None:
        """Take it back to what it was before it was upgraded, and wait until that operator is there."""
        helm("rollback", RELEASE, f"--namespace={NAMESPACE}", kubeconfig=self.cluster.files.kubeconfig())
        self._wait_for_operator()

    def _wait_for_operator(self) -> None:
        self.kubectl("rollout", "status", OPERATOR, f"--namespace={NAMESPACE}", PATIENCE)

    def manifests(self) -> str:
        """Return the manifests of all objects of it."""
        kubeconfig = self.cluster.files.kubeconfig()
        return helm("get", "manifest", RELEASE, f"--namespace={NAMESPACE}", kubeconfig=kubeconfig)

    def uninstall(self) -> None:
        """Uninstall it; the definitions stay."""
        helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", kubeconfig=self.cluster.files.kubeconfig())

    @contextmanager
    def space(self, name: str) -> Iterator["Space"]:
        """Make a namespace for services; in the end they begin to go, which nobody has to wait for."""
        self.kubectl("create", "namespace", name)
        space = Space(self.cluster, name)
        yield space
        self._left.append(space)
        space.kubectl("delete", "dedi", "--all")

    def remove_spaces(self) -> None:
        """Remove the namespaces that were left.

        Not before their proxies are gone: where a pod may take long to end, which a proxy may, Kubernetes looks again
        minutes later.
        """
        if self._left:
            eventually(lambda: not any(map(Space.pods, self._left)), "nothing runs in them", within=60)
            self.kubectl("delete", "namespace", *(space.name for space in self._left), PATIENCE)
            self._left.clear()


class Space:
    """A namespace with services, and their clients on a host that knows nothing but the way to the node."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.name = name
        self.cluster = cluster
        self.api = Api.of(cluster.files.kubeconfig(), name)
        self._kubectl = Kubectl(cluster, program("kubectl"))

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl for this namespace to its good end; return what it printed."""
        return self._kubectl(f"--namespace={self.name}", *arguments, given=given)

    def following(self, *arguments: str) -> Process:
        """Start a kubectl for this namespace that goes on until it is ended."""
        return self._kubectl.following(f"--namespace={self.name}", *arguments)

    def outside(self) -> AbstractContextManager[None]:
        """Have this thread, and what it starts, on the clients' host."""
        return self.cluster.joined(CLIENT)

    def apply(self, manifest: Json) -> None:
        """Apply a manifest."""
        self.kubectl("apply", "-f", "-", given=json.dumps(manifest))

    def patch(self, service: str, **spec: Any) -> None:
        """Change fields of a service's spec; None removes one."""
        self.kubectl("patch", "dedi", service, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def serve(self, manifest: Json) -> Address:
        """Apply a service of the type NodePort, and wait until all of it is there; return where clients find it."""
        self.apply(manifest)
        return self.wait_until_served(manifest["metadata"]["name"], manifest["spec"]["replicas"])

    def wait_until_served(self, name: str, replicas: int) -> Address:
        """Wait until a service is reachable from outside and its pool is full; return where clients find it."""
        address = eventually(lambda: self._node_port(name), f"{name} has a port of the node, and proxies to come")
        self.kubectl("rollout", "status", f"deployment/{name}-proxy", PATIENCE)
        with self.outside():
            wait_until_listening(address)
        self.api.wait_for_base(name, replicas)
        return address

    def _node_port(self, name: str) -> Address | None:
        made = (f"service/{name}-proxy", f"deployment/{name}-proxy")  # either may be made first
        found = self.kubectl("get", *made, "--ignore-not-found", "--output=name").split()
        return self.node_port(name) if len(found) == len(made) else None

    def proxy_service(self, name: str) -> Json:
        """Return the Service that the operator made for a service's clients."""
        made: Json = json.loads(self.kubectl("get", "service", f"{name}-proxy", "--output=json"))
        return made

    def node_port(self, name: str) -> Address:
        """Return where clients outside find a service of the type NodePort."""
        return layout.NODE_IP, int(self.proxy_service(name)["spec"]["ports"][0]["nodePort"])

    def cluster_address(self, name: str) -> Address:
        """Return where clients find a service that know the way into the cluster."""
        spec = self.proxy_service(name)["spec"]
        return spec["clusterIP"], int(spec["ports"][0]["port"])

    def pods(self) -> list[str]:
        """Return the names of all Pods."""
        return self.kubectl("get", "pods", "--output=name").split()

    def proxies(self, name: str) -> dict[str, Json]:
        """Return the Pods of a service's proxies by name, ending ones too."""
        found = self.kubectl("get", "pods", f"-lsoh.re/service={name},soh.re/role=proxy", "--output=json")
        return {pod["metadata"]["name"]: pod for pod in json.loads(found)["items"]}

    @contextmanager
    def session(self, address: Address) -> Iterator[Commander]:
        """Connect from outside to ``tool obey``."""
        with ExitStack() as stack:
            with self.outside():
                command = stack.enter_context(commanding(address))
            yield command
