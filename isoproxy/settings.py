"""What one process is to be, as its command line says: validated, and free of Twisted and of I/O."""

import enum
from dataclasses import dataclass

from isoproxy.kube.config import Connection
from isoproxy.model.proxies import ProxyImage


class Role(enum.Enum):
    """Which halves run here."""

    ALL = "all"
    OPERATOR = "operator"
    PROXY = "proxy"
    NONE = "none"  # with --local: the API server and the pods alone


@dataclass(frozen=True, slots=True)
class ServiceName:
    """One DedicatedService."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Local:
    """The embedded API server and pod runtime: where it listens, and the manifests it begins with."""

    listen: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the composition root needs. Times are seconds; ``bind`` "" is every address.

    ``election_namespace`` is where operators agree on a leader, "" where each acts; ``election_lease`` is the Lease by
    which they do. ``proxies`` is what the operator deploys them from; None where it does not.
    """

    role: Role
    local: Local | None
    connection: Connection | None
    namespaces: tuple[str, ...]
    election_namespace: str
    election_lease: str
    proxies: ProxyImage | None
    service: ServiceName | None
    bind: str
    listen: str
    metrics_listen: str
    health_listen: str
    drain_timeout: float
    proxy_grace: int
    pod_uid: str
