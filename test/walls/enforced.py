"""The table's cases tried for real: pods, hosts and a proxy for its parties, and a policy engine between them.

The service's pods are told what to try over connections of isoproxy's, through a proxy in the network of a pod.
"""

import signal
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from test.cluster import layout
from test.cluster.cluster import Cluster
from test.cluster.images.tool import Commander, commanding
from test.cluster.network import CLIENT
from test.e2e.containers import container_service, network_of, remove_services, wait_until_listening
from test.e2e.oncluster import prepare
from test.running.api import DEDIS, Api
from test.running.clients import Address
from test.running.harness import Isoproxy
from test.running.waiting import eventually
from test.walls.cases import PROMISES
from test.walls.outside import HOST, METADATA, OPENED_HOST, Outside
from test.walls.parties import COMMANDS, Pods
from test.walls.terms import NETWORK, PORTS, Case, Party, Port, Protocol, Setting

SERVICE, OTHER_SERVICE = "chess", "go"
OPEN_PORTS = {Party.API_SERVER: layout.API_PORT, Party.NODE: 10250}
"""Of whom something is to be had on a port of their own."""
PROXY_PORT = 9090
TRIES = 5
"""Of what must get through: an answer may be late on a busy machine, or lost."""
POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
PLACES = {
    Party.OPENED_HOST: OPENED_HOST,
    Party.HOST: HOST,
    Party.METADATA: METADATA,
    Party.API_SERVER: layout.NODE_IP,
    Party.NODE: layout.NODE_IP,
}
ABSENT = frozenset({Party.HOST_6, Party.OPENED_HOST_6})
"""The cluster has IPv4 alone."""

SHOWN = tuple(promise for promise in PROMISES if not {promise.source, promise.destination} & ABSENT)
CASES = frozenset(case for promise in SHOWN for case in promise.cases())
SETTINGS = (Setting.PORT_CHANGED, *(setting for setting in Setting if setting is not Setting.PORT_CHANGED))
"""In the order in which they can be had: a port is changed once. Each can be told from the one before it."""
_TELLING = {
    (Party.PROXY, Party.POD, Port.SERVED),
    (Party.PROXY, Party.OTHER_POD, Port.SERVED),
    (Party.PROXY, Party.POD, Port.EARLIER),
    (Party.POD, Party.HOST, Port.OTHER),
    (Party.POD, Party.OPENED_HOST, Port.OTHER),
    (Party.POD, Party.CLUSTER_DNS, Port.DNS),
}


class Stage:
    """A service, the one whose wall is tried, and everybody around it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.api = Api.of(cluster.files.kubeconfig())
        self._outside = Outside(cluster, ports=(PORTS[Port.OTHER], PORTS[Port.DNS]))
        self._sources: dict[Party, Commander] = {}
        self._places = dict(PLACES)
        self._stack = ExitStack()
        self._connections = ExitStack()
        self._earlier = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            prepare(self.api)
            stack.enter_context(self._outside)
            stack.callback(remove_services, self.api, by_hand=True)
            spec = {"replicas": 0, "port": PORTS[Port.EARLIER], "service": {"port": PROXY_PORT}}
            self.api.create(DEDIS, container_service(SERVICE, ["obey"], **spec))
            other = {"port": PORTS[Port.SERVED], "network": NETWORK[Setting.EVERYWHERE]}
            self.api.create(DEDIS, container_service(OTHER_SERVICE, ["obey"], **other))
            pods = stack.enter_context(Pods(self.api, service=SERVICE, other=OTHER_SERVICE))
            self._places |= pods.places
            self.operator = stack.enter_context(
                Isoproxy("--role=operator", "--kubeconfig", self.cluster.files.kubeconfig())
            )
            self.proxy = stack.enter_context(self._new_proxy(pods))
            self._connections = stack.enter_context(ExitStack())
            self._earlier = stack.enter_context(ExitStack())
            self._take_places(pods)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    def stop(self) -> None:
        """End all connections, and hold proxy and operator to a clean end, and to leaving nothing of the services."""
        self._earlier.close()
        self._connections.close()
        self.proxy.stop()
        remove_services(self.api)
        self.operator.stop()

    def _new_proxy(self, pods: Pods) -> Isoproxy:
        """Start a proxy in the network of the pod that stands for it."""
        pod = pods.objects[Party.PROXY]
        return Isoproxy(
            "--role=proxy",
            f"--service=default/{SERVICE}",
            f"--listen=tcp:{PROXY_PORT}:interface={pod['status']['podIP']}",
            "--drain-timeout=1",
            "--kubeconfig",
            self.cluster.files.kubeconfig(),
            through=["nsenter", f"--net={network_of(pod)}", "--"],
            POD_UID=pod["metadata"]["uid"],
        )

    def _take_places(self, pods: Pods) -> None:
        """Have everybody listen to us; the service's pods do so over connections through its proxy."""
        for party in pods.objects.keys() - {Party.CLUSTER_DNS}:
            address = wait_until_listening((self._places[party], COMMANDS))
            self._sources[party] = self._connections.enter_context(commanding(address))
        self.api.wait_for_base(OTHER_SERVICE, 1)
        (other,) = self.api.pods(OTHER_SERVICE)
        self._places[Party.OTHER_POD] = other["status"]["podIP"]
        address = wait_until_listening((self._places[Party.OTHER_POD], PORTS[Port.SERVED]))
        self._sources[Party.OTHER_POD] = self._connections.enter_context(commanding(address))
        (self.address,) = self.api.endpoints(SERVICE)
        self._connect(self._earlier)
        self.api.patch(f"{DEDIS}/{SERVICE}", {"spec": {"port": PORTS[Port.SERVED]}})
        eventually(self._is_port_changed, "both ports of the service are opened")
        for party in (Party.POD, Party.SIBLING):
            self._sources[party], self._places[party] = self._connect(self._connections)

    def _connect(self, stack: ExitStack) -> tuple[Commander, str]:
        """Have a pod of the service, as a client outside; return what it listens to, and its address."""
        with self.cluster.joined(CLIENT):
            command = stack.enter_context(commanding(self.address))
        name = command("who").split()[0]
        return command, next(
            pod["status"]["podIP"] for pod in self.api.pods(SERVICE) if pod["metadata"]["name"] == name
        )

    def _is_port_changed(self) -> bool:
        policy = self.api.request("GET", f"{POLICIES}/{SERVICE}-pods")
        return len(policy["spec"]["ingress"][0]["ports"]) == 2

    def use(self, setting: Setting) -> None:
        """Have the service set so, and wait until its wall has followed."""
        if setting is not Setting.PORT_CHANGED:
            self._earlier.close()
        network = {"allowDNS": False, "allowedCIDRs": []} | NETWORK[setting]
        self.api.patch(f"{DEDIS}/{SERVICE}", {"spec": {"network": network}})
        telling = {case for case in CASES if case.setting is setting and is_telling(case)}
        right = {case for case in telling if case.passes}
        eventually(lambda: self.passing(telling) == right, f"it is in force: {setting.value}")

    @contextmanager
    def without_walls(self) -> Iterator[None]:
        """Take all walls away, while the operator cannot put them up again."""
        self.operator.send(signal.SIGSTOP)
        try:
            for service in (SERVICE, OTHER_SERVICE):
                self.api.delete(f"{POLICIES}/{service}-pods")
            telling = {case for case in CASES if case.setting is Setting.CLOSED and is_telling(case)}
            eventually(lambda: self.passing(telling) == telling, "there is no wall")
            yield
        finally:
            self.operator.send(signal.SIGCONT)

    def passing(self, cases: Collection[Case], *, expected: Collection[Case] = ()) -> set[Case]:
        """Try all cases at once, whatever the setting is now, and return those that got through.

        Of the ``expected`` ones those that did not are tried again, a few times; all others have one try.
        """
        found = self._try_all(cases)
        for _ in range(TRIES - 1):
            if lost := set(expected) - found:
                found |= self._try_all(lost)
        return found

    def _try_all(self, cases: Collection[Case]) -> set[Case]:
        by_source: dict[Party, list[Case]] = defaultdict(list)
        for case in cases:
            by_source[case.promise.source].append(case)
        with ThreadPoolExecutor(max(1, len(by_source))) as threads:
            found = threads.map(self._try, by_source, by_source.values())
            return set().union(*found)

    def _try(self, source: Party, cases: Sequence[Case]) -> set[Case]:
        places = [(case.protocol, self._address(case)) for case in cases]
        if source in (Party.HOST, Party.OPENED_HOST):
            answers = self._outside.reach(PLACES[source], places)
        else:
            line = " ".join(f"{protocol.value.lower()} {host}:{port}" for protocol, (host, port) in places)
            answers = self._sources[source](f"reach {line}").split()
        assert len(answers) == len(cases), f"{source.value}: {answers}"
        # Who refuses has been reached; a wall swallows.
        through = {"reached": True, "refused": True, "silent": False}
        return {case for case, answer in zip(cases, answers, strict=True) if through[answer]}

    def _address(self, case: Case) -> Address:
        party, port = case.promise.destination, case.promise.port
        if (party, port) == (Party.CLUSTER_DNS, Port.DNS):
            return layout.DNS_SERVICE_IP, PORTS[port]
        return self._places[party], OPEN_PORTS.get(party, PORTS[port]) if port is Port.OTHER else PORTS[port]


def is_telling(case: Case) -> bool:
    """Whether a case is among those by which one setting is told from another."""
    promise = case.promise
    return case.protocol is Protocol.TCP and (promise.source, promise.destination, promise.port) in _TELLING
