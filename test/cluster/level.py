"""How much of a cluster there is. Pure."""

from enum import Enum
from functools import total_ordering


@total_ordering
class Level(Enum):
    """Each has what the one before it has."""

    API = "api"  # etcd and the API server
    CONTROL = "control"  # controllers and scheduler
    NODE = "node"  # a node with containers, Services and NetworkPolicies

    def __lt__(self, other: "Level") -> bool:
        order = list(Level)
        return order.index(self) < order.index(other)

    @property
    def commands(self) -> tuple[str, ...]:
        """The programs that the machine must have."""
        images = ("apt-get", "dpkg-deb", "tar")
        node = ("conntrack", "containerd", "ctr", "ipset", "iptables", "nft", "runc", *images)
        return ("ip", "nsenter", "sysctl", "unshare", *(node if self >= Level.NODE else ()))

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs of Kubernetes and around it, which are built; see ``programs.py``."""
        names = ["etcd", "kube-apiserver", "kubectl"]
        if self >= Level.CONTROL:
            names += ["kube-controller-manager", "kube-scheduler"]
        if self >= Level.NODE:
            names += ["kubelet", "kube-proxy", "calico", "calico-felix", "host-local", "loopback", "tool"]
        return tuple(names)
