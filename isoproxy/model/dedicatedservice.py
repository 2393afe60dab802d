"""DedicatedService: what a user asks for. Defaults and bounds here are the CRD's; a test holds the two together."""

from enum import Enum
from typing import Any

from pydantic import Field

from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.networks import Network
from isoproxy.model.parsing import InvalidObject, OpenObject, model, parse
from isoproxy.model.pod import Condition
from isoproxy.model.podmetadata import PodAnnotations, PodLabels

UNLIMITED_POOL_CEILING = 1000
"""The bound on pods of a service that names none: clients must not be able to make a cluster grow without limit."""
WEEK_SECONDS = 604_800


class ServiceType(Enum):
    """How the proxies are reached on a cluster."""

    CLUSTER_IP = "ClusterIP"
    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"


class ExternalTrafficPolicy(Enum):
    """Whether connections from outside may pass through nodes that have no proxy, which hides who they come from."""

    CLUSTER = "Cluster"
    LOCAL = "Local"


class PullPolicy(Enum):
    """When a node asks for an image anew."""

    IF_NOT_PRESENT = "IfNotPresent"
    ALWAYS = "Always"
    NEVER = "Never"


@model
class ServiceSpec:
    """Where clients connect. All but the port is for the proxies' Service on a cluster."""

    type: ServiceType = ServiceType.CLUSTER_IP
    port: int = Field(default=9090, ge=0, le=65535)
    annotations: dict[str, str] = Field(default_factory=dict)
    node_port: int | None = Field(default=None, ge=1, le=65535)
    load_balancer_class: str = ""
    load_balancer_source_ranges: tuple[Network, ...] = ()
    external_traffic_policy: ExternalTrafficPolicy | None = None


@model
class ProxySpec:
    """The proxies that an operator deploys."""

    replicas: int = Field(default=1, ge=1, le=1000)
    resources: OpenObject = Field(default_factory=dict)
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[OpenObject, ...] = ()
    priority_class_name: str = ""
    pod_labels: PodLabels = Field(default_factory=dict)
    pod_annotations: PodAnnotations = Field(default_factory=dict)


@model
class QueueSpec:
    """How long, and how many, connections may wait for a pod."""

    timeout_seconds: int = Field(default=30, ge=1, le=3600)
    max_length: int = Field(default=1000, ge=0, le=100_000)


@model
class SessionSpec:
    """Limits of one connection; unset means none."""

    connect_timeout_seconds: int = Field(default=5, ge=1, le=300)
    idle_timeout_seconds: int | None = Field(default=None, ge=1, le=WEEK_SECONDS)
    max_duration_seconds: int | None = Field(default=None, ge=1, le=WEEK_SECONDS)


@model
class NetworkSpec:
    """What the pods may reach; nothing unless opened."""

    allow_dns: bool = Field(default=False, alias="allowDNS")
    allowed_cidrs: tuple[Network, ...] = Field(default=(), alias="allowedCIDRs")


@model
class DedicatedServiceSpec:
    """The program, how many to keep warm, and the limits. The Kubernetes pod fields are passed on as they are."""

    image: str
    port: int = Field(default=8080, ge=1, le=65535)
    replicas: int = Field(default=1, ge=0, le=10_000)
    max_pods: int | None = Field(default=None, ge=1, le=100_000)
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[OpenObject, ...] = ()
    resources: OpenObject = Field(default_factory=dict)
    image_pull_policy: PullPolicy | None = None
    image_pull_secrets: tuple[OpenObject, ...] = ()
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[OpenObject, ...] = ()
    affinity: OpenObject = Field(default_factory=dict)
    runtime_class_name: str = ""
    volumes: tuple[OpenObject, ...] = ()
    volume_mounts: tuple[OpenObject, ...] = ()
    readiness_probe: OpenObject = Field(default_factory=dict)
    security_context: OpenObject = Field(default_factory=dict)
    container_security_context: OpenObject = Field(default_factory=dict)
    priority_class_name: str = ""
    pod_labels: PodLabels = Field(default_factory=dict)
    pod_annotations: PodAnnotations = Field(default_factory=dict)
    termination_grace_period_seconds: int = Field(default=1, ge=0, le=3600)
    service: ServiceSpec = Field(default_factory=ServiceSpec)
    proxy: ProxySpec = Field(default_factory=ProxySpec)
    queue: QueueSpec = Field(default_factory=QueueSpec)
    session: SessionSpec = Field(default_factory=SessionSpec)
    network: NetworkSpec = Field(default_factory=NetworkSpec)

    @property
    def pod_ceiling(self) -> int:
        """How many of its Pods may exist at once, ending ones included."""
        return self.max_pods if self.max_pods is not None else max(UNLIMITED_POOL_CEILING, 2 * self.replicas)


@model
class DedicatedServiceStatus:
    """What the operator reports. ``total_targets`` and ``available_targets`` are the older operator's names."""

    total_targets: int = 0
    available_targets: int = 0
    in_use: int = 0
    queued: int = 0
    endpoints: tuple[str, ...] = ()
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()


@model
class DedicatedService:
    """One DedicatedService as last seen."""

    metadata: ObjectMeta
    spec: DedicatedServiceSpec
    status: DedicatedServiceStatus = Field(default_factory=DedicatedServiceStatus)


@model
class InvalidService:
    """A DedicatedService whose spec cannot be understood: reported on the object, its pods left as they are."""

    metadata: ObjectMeta
    problem: str
    status: DedicatedServiceStatus = Field(default_factory=DedicatedServiceStatus)


def parse_service(obj: dict[str, Any]) -> DedicatedService | InvalidService:
    """Return the service, or what is wrong with its spec; raises InvalidObject only if it has no usable metadata."""
    try:
        return parse(DedicatedService, obj)
    except InvalidObject as error:
        return InvalidService(metadata=parse(ObjectMeta, obj.get("metadata", {})), problem=str(error))
