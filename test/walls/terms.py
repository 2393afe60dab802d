"""What the table of ``cases.py`` is written in: who talks to whom, how a service is set, what must come of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Party(Enum):
    """Who may be at either end. "The service" is the one whose wall is tried."""

    POD = "a pod of the service"
    SIBLING = "another pod of the service"
    PROXY = "a proxy of the service"
    OTHER_POD = "a pod of another service in the namespace, for which all of IPv4 is opened: it may call whom it likes"
    OTHER_PROXY = "a proxy of that other service"
    OLD_PROXY = "a proxy of a deleted service of the same name: of the labels only the service's uid is another"
    IMPOSTOR = "a pod in the namespace that has the label of a proxy's role, and a uid that no service has"
    LIKENESS = "a pod in another namespace that has all labels of the service's proxies"
    NEIGHBOUR = "a pod in the namespace that is none of isoproxy's"
    STRANGER = "a pod in another namespace"
    CLUSTER_DNS = "a pod of the cluster's DNS, in kube-system"
    LIKE_DNS = "a pod in the namespace that has the label of the cluster's DNS"
    SYSTEM_POD = "a pod in kube-system that is not of the cluster's DNS"
    NODE = "the node that the pods are on"
    API_SERVER = "the API server, at its own address: policies do not see the Service before it"
    METADATA = "the cloud's metadata, at a link-local address"
    OPENED_HOST = "a host of the internet inside OPENED"
    HOST = "a host of the internet outside of it"
    OPENED_HOST_6 = "a host of the internet inside OPENED_6"
    HOST_6 = "a host of the IPv6 internet outside of it"


class Port(Enum):
    """Which port is talked to."""

    SERVED = "spec.port"
    EARLIER = "what spec.port was before it was changed"
    OTHER = "one that no policy names"
    DNS = "53"


PORTS = {Port.SERVED: 7000, Port.EARLIER: 6000, Port.OTHER: 443, Port.DNS: 53}
"""Their numbers, for every way of finding out."""


class Protocol(Enum):
    """By which protocol; the values are the API's."""

    TCP = "TCP"
    UDP = "UDP"


class Setting(Enum):
    """How the service is set. Its port was changed in the last only."""

    CLOSED = "nothing opened"
    DNS = "DNS opened"
    CIDR = "one CIDR opened"
    BOTH = "DNS and one CIDR opened"
    CIDR_6 = "one IPv6 CIDR opened"
    EVERYWHERE = "all of IPv4 opened"
    PORT_CHANGED = "nothing opened, and pods with the earlier port are in use"


OPENED = "198.51.100.0/24"
OPENED_6 = "2001:db8:1::/48"

NETWORK: dict[Setting, dict[str, object]] = {
    Setting.CLOSED: {},
    Setting.DNS: {"allowDNS": True},
    Setting.CIDR: {"allowedCIDRs": [OPENED]},
    Setting.BOTH: {"allowDNS": True, "allowedCIDRs": [OPENED]},
    Setting.CIDR_6: {"allowedCIDRs": [OPENED_6]},
    Setting.EVERYWHERE: {"allowedCIDRs": ["0.0.0.0/0"]},
    Setting.PORT_CHANGED: {},
}
"""``spec.network`` in each setting."""


@dataclass(frozen=True, slots=True)
class Promise:
    """``source`` gets through to ``port`` of ``destination`` in these settings and by these protocols, else never."""

    name: str
    source: Party
    destination: Party
    port: Port
    settings: frozenset[Setting] = frozenset()
    protocols: frozenset[Protocol] = frozenset(Protocol)

    def cases(self) -> Iterator["Case"]:
        """Yield one case for each setting and protocol."""
        return (Case(self, setting, protocol) for setting in Setting for protocol in Protocol)


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to try."""

    promise: Promise
    setting: Setting
    protocol: Protocol

    @property
    def passes(self) -> bool:
        """Whether it must get through; else it must not."""
        return self.setting in self.promise.settings and self.protocol in self.promise.protocols
