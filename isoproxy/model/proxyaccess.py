"""What a service's proxies may do: at the API server, and on the network. They face the internet, so it is little."""

from collections.abc import Collection

from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.ownership import pod_selector, proxy_metadata, proxy_selector
from isoproxy.model.parsing import Json

CLIENTS_PORT = 9090
"""Where a proxy accepts clients in its pod, whatever port its Service has: a changed one then starts nothing anew."""
METRICS_PORT = 8080
HEALTH_PORT = 8081
API_SERVER_PORTS = (443, 6443, 8443, 16443)
"""Where API servers listen: of clouds, of kubeadm and k3s, of minikube, of microk8s.

Their addresses cannot be known beforehand, and a policy is judged by the one behind the Service ``kubernetes``.
"""
RBAC = "rbac.authorization.k8s.io"


def rules(service_name: str) -> list[Json]:
    """Return all that a proxy is granted, in its own namespace. The operator, who grants it, must hold it too."""
    return [
        {"apiGroups": [names.GROUP], "resources": ["isolationpods"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [names.GROUP], "resources": ["isolationpods/status"], "verbs": ["patch"]},
        # By name it could not be narrowed: each start of a proxy has a Lease of its own, with a name never used before.
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "patch"]},
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": [names.proxy_name(service_name)],
            "verbs": ["list", "watch"],
        },
    ]


def service_account(service: DedicatedService) -> Json:
    """Return the account that the proxies of ``service`` alone run under."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": proxy_metadata(service)}


def role(service: DedicatedService) -> Json:
    """Return the Role that has the proxies' rights."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role",
        "metadata": proxy_metadata(service),
        "rules": rules(service.metadata.name),
    }


def role_binding(service: DedicatedService) -> Json:
    """Return what gives the Role to the account."""
    name, namespace = names.proxy_name(service.metadata.name), service.metadata.namespace
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": proxy_metadata(service),
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }


def network_policy(
    service: DedicatedService,
    *,
    api_server_ports: Collection[int] = API_SERVER_PORTS,
    ports_in_use: Collection[int] = (),
) -> Json:
    """Return the wall around the proxies: in from everywhere on their own ports, out to their pods and API servers.

    ``ports_in_use`` are those of pods that were made before the service's port was changed.
    """
    to_pods = {
        "to": [{"podSelector": pod_selector(service)}],
        "ports": _tcp(sorted({service.spec.port, *ports_in_use})),
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": proxy_metadata(service),
        "spec": {
            "podSelector": proxy_selector(service),
            "policyTypes": ["Ingress", "Egress"],
            # Clients, the kubelet's probes and whoever collects metrics may be anywhere.
            "ingress": [{"ports": _tcp([CLIENTS_PORT, METRICS_PORT, HEALTH_PORT])}],
            "egress": [to_pods, {"ports": _tcp(api_server_ports)}],
        },
    }


def _tcp(ports: Collection[int]) -> list[Json]:
    return [{"protocol": "TCP", "port": port} for port in ports]
