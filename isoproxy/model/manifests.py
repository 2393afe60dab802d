"""The objects that the operator creates for a service. Each is a pure function of what it is made from."""

import hashlib
import json
from collections.abc import Collection
from typing import Any

from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.ownership import labels, labels_for_people, owned_by, pod_selector, proxy_metadata, proxy_selector
from isoproxy.model.parsing import Json
from isoproxy.model.proxysettings import ProxySettings

_DNS_PORT = 53
_CLUSTER_DNS: Json = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
"""What every common cluster calls its resolvers, whichever they are: CoreDNS or kube-dns."""


def template_hash(service: DedicatedService) -> str:
    """Return a short hash of everything of the spec that shapes a pod; equal hashes mean interchangeable pods."""
    shape = json.dumps(_pod_spec(service, pod_name="") | _asked_metadata(service), sort_keys=True, default=str)
    return hashlib.sha256(shape.encode()).hexdigest()[:12]


def isolation_pod(service: DedicatedService, name: str) -> Json:
    """Return the IsolationPod called ``name``, unassigned and owned by the service."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": "IsolationPod",
        "metadata": {
            "name": name,
            "namespace": service.metadata.namespace,
            "labels": labels(service) | {names.LABEL_TEMPLATE: template_hash(service)},
            "ownerReferences": [owned_by(service)],
        },
        "spec": {"serviceName": service.metadata.name, "podName": name, "port": service.spec.port},
    }


def pod(service: DedicatedService, record: IsolationPod) -> Json:
    """Return the Pod of ``record``, which is its only owner."""
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": "IsolationPod",
        "name": record.metadata.name,
        "uid": record.metadata.uid,
        "controller": True,
    }
    ours = {names.LABEL_ROLE: names.ROLE_POD, names.LABEL_TEMPLATE: record.template}
    asked = _asked_metadata(service)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": asked
        | {
            "name": record.metadata.name,
            "namespace": record.metadata.namespace,
            "labels": asked.get("labels", {}) | labels(service) | labels_for_people(service) | ours,
            "ownerReferences": [owner],
        },
        "spec": _pod_spec(service, pod_name=record.metadata.name),
    }


def network_policy(service: DedicatedService, *, ports_in_use: Collection[int] = ()) -> Json:
    """Return the wall around the service's pods: in only from its proxies on its port, out only as opened.

    ``ports_in_use`` are those of pods that were made before the service's port was changed.
    """
    spec = service.spec
    ports = sorted({spec.port, *ports_in_use})
    from_proxies = {"podSelector": proxy_selector(service)}
    egress: list[Json] = []
    if spec.network.allow_dns:
        ports_of_dns = [{"protocol": protocol, "port": _DNS_PORT} for protocol in ("UDP", "TCP")]
        egress.append({"to": [_CLUSTER_DNS], "ports": ports_of_dns})
    if spec.network.allowed_cidrs:
        egress.append({"to": [{"ipBlock": {"cidr": cidr}} for cidr in spec.network.allowed_cidrs]})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": names.policy_name(service.metadata.name),
            "namespace": service.metadata.namespace,
            # No owner: garbage collection would take it away while pods behind it still end. The operator deletes it.
            "labels": labels(service),
        },
        "spec": {
            "podSelector": pod_selector(service),
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [from_proxies], "ports": [{"protocol": "TCP", "port": port} for port in ports]}],
            "egress": egress,
        },
    }


def settings_config_map(service: DedicatedService, *, listen_port: int | None = None) -> Json:
    """Return the ConfigMap that tells the service's proxies their limits, and where to listen if not on its port."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": proxy_metadata(service),
        "data": ProxySettings.of(service, listen_port=listen_port).to_data(),
    }


def _asked_metadata(service: DedicatedService) -> Json:
    """Return what a service's pods have on them beside what is ours: no more than was asked for."""
    asked = {"labels": service.spec.pod_labels, "annotations": service.spec.pod_annotations}
    return {field: value for field, value in asked.items() if value}


def _pod_spec(service: DedicatedService, *, pod_name: str) -> Json:
    spec = service.spec
    optional: dict[str, Any] = {
        "imagePullSecrets": list(spec.image_pull_secrets),
        "nodeSelector": spec.node_selector,
        "tolerations": list(spec.tolerations),
        "affinity": spec.affinity,
        "runtimeClassName": spec.runtime_class_name,
        "volumes": list(spec.volumes),
        "priorityClassName": spec.priority_class_name,
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": spec.termination_grace_period_seconds,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}} | spec.security_context,
        "containers": [_container(service, pod_name=pod_name)],
    } | {field: value for field, value in optional.items() if value}


def _container(service: DedicatedService, *, pod_name: str) -> Json:
    spec = service.spec
    policy = spec.image_pull_policy
    optional: dict[str, Any] = {
        "imagePullPolicy": policy.value if policy is not None else "",
        "command": list(spec.command),
        "args": list(spec.args),
        "resources": spec.resources,
        "volumeMounts": list(spec.volume_mounts),
        "readinessProbe": spec.readiness_probe,
    }
    # Programs learn where to listen the same way on a cluster and on one machine. Ours come first, so that the
    # user's own entries may refer to them as $(POD_IP).
    ours: list[Json] = [
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "POD_NAME", "value": pod_name},
        {"name": "PORT", "value": str(spec.port)},
    ]
    return {
        "name": names.CONTAINER_NAME,
        "image": spec.image,
        "ports": [{"name": "main", "containerPort": spec.port, "protocol": "TCP"}],
        "env": ours + list(spec.env),
        "securityContext": {"allowPrivilegeEscalation": False} | spec.container_security_context,
    } | {field: value for field, value in optional.items() if value}
