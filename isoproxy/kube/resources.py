"""The kinds isoproxy reads and writes, and the URL paths of their objects. Pure."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """What a URL needs to know of one kind."""

    group: str  # "" for the core group
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The `apiVersion` its objects carry."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str | None = None, subresource: str = "") -> str:
        """The quoted absolute path of one object, of its subresource, or (without `name`) of the collection.

        `namespace` None on a namespaced kind means the collection of all namespaces, which can only be listed
        and watched. Raises ValueError for what the API server could not route, or would route elsewhere.
        """
        if namespace is not None and not self.namespaced:
            raise ValueError(f"{self.kind} has no namespace")
        if name is None and subresource:
            raise ValueError("a subresource needs a name")
        if name is not None and namespace is None and self.namespaced:
            raise ValueError(f"{self.kind} {name} needs a namespace")
        segments = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace is not None:
            segments += ["namespaces", namespace]
        segments.append(self.plural)
        if name is not None:
            segments.append(name)
        if subresource:
            segments.append(subresource)
        return "".join(f"/{_segment(segment)}" for segment in segments)


def _segment(text: str) -> str:
    """One path segment, quoted; an empty one or a dot segment would name another object."""
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} is no name")
    return quote(text, safe="")


DEDICATED_SERVICES = Resource("soh.re", "v1alpha1", "dedicatedservices", "DedicatedService")
ISOLATION_PODS = Resource("soh.re", "v1alpha1", "isolationpods", "IsolationPod")
PODS = Resource("", "v1", "pods", "Pod")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
NETWORK_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
SERVICES = Resource("", "v1", "services", "Service")
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
POD_DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
CUSTOM_RESOURCE_DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
