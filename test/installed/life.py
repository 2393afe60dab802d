"""All that may happen to a service, made to happen: so that operator and proxies ask for whatever they ever ask for."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from test.chart.helm import NAMESPACE, RELEASE
from test.cluster.parts import controlplane
from test.cluster.programs import program
from test.e2e.containers import container_service
from test.installed.installation import KINDS, Installation, Space
from test.installed.processes import twistd_of
from test.installed.rights import Asked, Asking, Right
from test.running.api import IPODS, Json, Refused
from test.running.clients import Address, is_cut
from test.running.waiting import eventually

POOL = 2
SERVICE: Json = container_service("obey", ["obey"], replicas=POOL, service={"type": "NodePort", "port": 7000})
BRIEF: Json = container_service(
    "brief", ["obey"], replicas=1, service={"type": "NodePort", "port": 7001}, session={"idleTimeoutSeconds": 1}
)
CHILDREN = {
    ("", "configmaps"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("apps", "deployments"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
}
CORE, LEASES, EVENTS, OURS = "", "coordination.k8s.io", "events.k8s.io", "soh.re"
OPERATOR = f"{RELEASE}-controller-manager"
CONTROLLERS = "kube-controller-manager"
HANDS = 3
"""How many write at once to an object that is to be contended for."""


class Life:
    """Services in a namespace, from their making to their end, and what is asked of the API server meanwhile."""

    def __init__(self, installation: Installation, space: Space, asking: Asking) -> None:
        self._cluster = installation.cluster
        self._space = space
        self._asking = asking

    def of_operator(self) -> set[Asked]:
        """Return what the operator has asked for."""
        return self._asking.of(NAMESPACE, OPERATOR)

    def of_proxies(self) -> set[Right]:
        """Return what the proxies of ``obey`` have asked for."""
        return {asked.right for asked in self._asking.of(self._space.name, "obey-proxy")}

    def lead(self) -> None:
        """Let it all happen."""
        space = self._space
        address, brief = space.serve(SERVICE), space.serve(BRIEF)
        self.reach_a_limit(brief)
        self.be_recorded(address)
        self.lose_sight_of_children()
        self.have_a_pod_refused()
        self.lose_a_proxy(address)
        self.contend_for_a_record(address)
        eventually(lambda: self.is_told_again(brief), "an Event has a count", within=180)
        with self.without_controllers():
            self.lose_a_record()
            self.end()

    def wait_for(self, group: str, resource: str, verb: str, *, within: float = 40.0) -> None:
        """Wait until the operator has asked for that where its services are."""
        eventually(lambda: self._did(group, resource, verb), f"{verb} of {resource}", within=within)

    def _did(self, group: str, resource: str, verb: str) -> bool:
        # That the elected operator looks at its own Lease says nothing of how it looks after its services.
        asked = (one.right for one in self.of_operator() if one.namespace != NAMESPACE)
        return any(Right(group, resource, verb).covers(right) for right in asked)

    def reach_a_limit(self, address: Address) -> None:
        """Have a connection ended by a limit of its service, of which an Event tells."""
        with self._space.session(address) as command:
            assert is_cut(command.peer)  # says nothing: on a busy machine an answer may take longer than it has

    def is_told_again(self, address: Address) -> bool:
        """Reach the limit again; return whether that was added to the Event: not for the first two minutes."""
        self.reach_a_limit(address)
        return self._did(EVENTS, "events", "patch")

    def be_recorded(self, address: Address) -> None:
        """Have a connection that lasts long enough to be written down while it does."""
        with self._space.session(address) as command:
            assert command("echo here") == "here"
            self._space.api.wait_for_base("obey", POOL, used=1)
        self._space.api.wait_for_base("obey", POOL)

    def lose_sight_of_children(self) -> None:
        """Take the label from all children by which the operator sees them: it finds them when it makes them anew."""
        kinds = ",".join(resource for _, resource in CHILDREN)
        self._space.kubectl("label", kinds, "-lsoh.re/service=obey", "soh.re/service-uid-")
        for group, resource in CHILDREN:
            self.wait_for(group, resource, "get")

    def have_a_pod_refused(self) -> None:
        """Have the API server refuse a Pod whose IsolationPod it has taken."""
        self._space.kubectl("create", "quota", "full", "--hard=pods=1")
        status = ["get", "quota", "full", "--output=jsonpath={.status.hard.pods}"]
        eventually(lambda: self._space.kubectl(*status) == "1", "the quota is in force")
        self._space.patch("obey", replicas=POOL + 1)
        self.wait_for(CORE, "pods", "get")
        self._space.kubectl("delete", "quota", "full")
        self._space.patch("obey", replicas=POOL)
        self._space.api.wait_for_base("obey", POOL, within=60)

    def lose_a_proxy(self, address: Address) -> None:
        """Have a proxy stop without a word, and then die with a connection."""
        (proxy,) = self._space.proxies("obey").values()
        process = twistd_of(proxy["metadata"]["uid"])
        with self._space.session(address) as command:
            assert command("echo here") == "here"
            self._space.api.wait_for_base("obey", POOL, used=1)
            os.kill(process, signal.SIGSTOP)
            try:
                self.wait_for(LEASES, "leases", "get")
            finally:
                os.kill(process, signal.SIGKILL)
        self.wait_for(OURS, "isolationpods/status", "patch")
        self.wait_for(LEASES, "leases", "delete")
        self._space.wait_until_served("obey", POOL)

    def contend_for_a_record(self, address: Address) -> None:
        """Have others write to the record of a connection just when it ends, until the proxy has to look again."""

        def has_looked_again() -> bool:
            with self._space.session(address) as command:
                name, _ = command("who").split()
                with self._writing_to(name):
                    self._space.api.wait_for_base("obey", POOL, used=1)
                    command.peer.close()
                    eventually(lambda: self._is_over(name), "the record is over")
            return any(Right(OURS, "isolationpods", "get").covers(right) for right in self.of_proxies())

        eventually(has_looked_again, "a proxy has met a conflict", within=120)

    def _is_over(self, name: str) -> bool:
        return not self._space.api.find(self._space.api.here(f"{IPODS}/{name}"))

    @contextmanager
    def _writing_to(self, name: str) -> Iterator[None]:
        """Change an annotation of an IsolationPod as often as can be, for as long as it is there."""
        path, ended = self._space.api.here(f"{IPODS}/{name}"), threading.Event()

        def write(hand: int) -> None:
            count = 0
            while not ended.is_set():
                count += 1
                try:
                    self._space.api.patch(path, {"metadata": {"annotations": {"example.org/n": f"{hand}.{count}"}}})
                except Refused:
                    return

        with self._cluster.joined():
            threads = [threading.Thread(target=write, args=(hand,)) for hand in range(HANDS)]
            for thread in threads:
                thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    @contextmanager
    def without_controllers(self) -> Iterator[None]:
        """Have nobody collect what has lost its owner meanwhile: it is left to the operator."""
        self._cluster.processes.end(CONTROLLERS)
        try:
            yield
        finally:
            self._cluster.start(controlplane.controller_manager(self._cluster.files, program(CONTROLLERS)))

    def lose_a_record(self) -> None:
        """Have a Pod left without its IsolationPod."""
        record, *_ = self._space.api.records("obey")
        self._space.kubectl("delete", "ipod", record["metadata"]["name"])
        self.wait_for(OURS, "isolationpods", "get")

    def end(self) -> None:
        """Delete the services, and wait until nothing is left of them but what was not the operator's to make."""
        self._space.kubectl("delete", "dedi", "--all")
        left = ["get", KINDS, "-lsoh.re/service,soh.re/role!=proxy", "--output=json"]

        def remaining() -> list[str]:
            items = json.loads(self._space.kubectl(*left))["items"]
            return [item["metadata"]["name"] for item in items if item["kind"] != "Lease"]

        eventually(lambda: remaining() == [], "the operator has deleted all it had made", within=60)
        self.wait_for("networking.k8s.io", "networkpolicies", "delete")  # the last of it, in the log a moment later
