"""Where everything of a test cluster is: addresses, ports, files. Pure.

The addresses are the cluster's own: they exist in its network namespaces only (see ``network.py``).
"""

from dataclasses import dataclass
from pathlib import Path

NODE = "node-1"
"""The one node with containers."""

NODE_IP = "172.30.1.1"
CLIENT_IP = "172.30.1.2"
INTERNET_GATEWAY = "172.30.2.1"
INTERNET_IP = "172.30.2.2"
INTERNET = ("198.51.100.1", "203.0.113.1")
"""Two hosts of the internet, of networks that are set aside for documentation."""

POD_NETWORK = "10.244.0.0/24"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
DNS_SERVICE_IP = "10.96.0.10"
DNS_DOMAIN = "cluster.local"

API_PORT = 6443
ETCD_PORT = 2379
FELIX_HEALTH_PORT = 9099
KUBELET_HEALTH_PORT = 10248
KUBE_PROXY_HEALTH_PORT = 10256
CONTROLLER_MANAGER_PORT = 10257
SCHEDULER_PORT = 10259

API_URL = f"https://{NODE_IP}:{API_PORT}"
ETCD_URL = f"http://127.0.0.1:{ETCD_PORT}"


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one cluster, all below one folder."""

    folder: Path

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.folder.name

    @property
    def cgroup(self) -> str:
        """The control group of all its pods."""
        return f"/isoproxy-{self.name}"

    @property
    def keys(self) -> Path:
        """Certificates, keys and tokens, and a kubeconfig for each who has one."""
        return self.folder / "keys"

    @property
    def settings(self) -> Path:
        """The configuration files of the parts."""
        return self.folder / "settings"

    @property
    def data(self) -> Path:
        """What the parts keep."""
        return self.folder / "data"

    @property
    def pids(self) -> Path:
        """A file for each process that was started: its id."""
        return self.folder / "pids"

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders there must be."""
        return (self.folder, self.keys, self.settings, self.data, self.pids, self.folder / "logs")

    def kubeconfig(self, user: str = "admin") -> Path:
        """The kubeconfig of one of ``identities.USERS``."""
        return self.keys / f"{user}.kubeconfig"

    def log(self, part: str) -> Path:
        """What a part prints."""
        return self.folder / "logs" / f"{part}.log"
