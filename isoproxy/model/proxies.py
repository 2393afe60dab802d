"""The proxies of a service on a cluster: the Deployment, the Service that clients connect to, and what guards both."""

from dataclasses import dataclass

from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService, PullPolicy
from isoproxy.model.ownership import proxy_labels, proxy_metadata, proxy_selector
from isoproxy.model.parsing import Json
from isoproxy.model.proxyaccess import API_SERVER_PORTS, CLIENTS_PORT, HEALTH_PORT, METRICS_PORT

CLIENTS = "clients"
LONGEST_SESSION_SECONDS = 86400
"""What connections without a ``maxDurationSeconds`` get to end when their proxy is to."""
LINGER_SECONDS = 5
"""A connection may still come in so long after the drain has begun, and have all its time."""
LONGEST_DRAIN_SECONDS = 604800
LAST_WORDS_SECONDS = 30
"""What is left after the drain for records and for the Lease, before the kubelet kills the process."""
HUNG_SECONDS = 30
"""What a proxy that does not answer its liveness probe gets to end: it will not drain, and so has no use for a day."""
START_SECONDS = 300
"""A Deployment whose new proxies are not ready by then is told to fail: to pull the image may take minutes, and the
startup probe alone waits for two."""
BACKLOG = 1024
"""Connections that may arrive between two turns of a proxy's reactor."""
DEFAULT_RESOURCES: Json = {"requests": {"cpu": "100m", "memory": "128Mi"}}
"""Without any a proxy would be the first to be killed where memory is short, with everybody's connections."""


@dataclass(frozen=True, slots=True)
class ProxyImage:
    """What an operator runs proxies from, and how; the image's entry point is ``twistd isoproxy``.

    ``grace_seconds`` is how long past its Lease's expiry a proxy may use its stock; ``budgets`` is whether the cluster
    is of 1.21 or newer: it has policy/v1, and proxies so get a PodDisruptionBudget, and liveness probes know a grace
    of their own; ``evicts_unready`` is whether it is of 1.27 or newer, and a budget can let go of a proxy that is not
    ready. ``api_server_ports`` is where proxies are let out to besides their pods; ``ipv6`` is whether they
    listen on IPv6 addresses, too.
    """

    image: str
    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    pull_secrets: tuple[str, ...] = ()
    grace_seconds: int = 300
    budgets: bool = True
    evicts_unready: bool = True
    api_server_ports: tuple[int, ...] = API_SERVER_PORTS
    ipv6: bool = False


def drain_seconds(service: DedicatedService) -> int:
    """Return how long a proxy that is to end waits for its connections: as long as one may last."""
    longest = service.spec.session.max_duration_seconds or LONGEST_SESSION_SECONDS
    return min(longest + LINGER_SECONDS, LONGEST_DRAIN_SECONDS)


def deployment(service: DedicatedService, image: ProxyImage) -> Json:
    """Return the Deployment of the proxies.

    Limits are not in it, they come by the ConfigMap: what changes the pod template ends every proxy, if gently.
    """
    selector = proxy_selector(service)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": proxy_metadata(service),
        "spec": {
            "replicas": service.spec.proxy.replicas,
            "selector": selector,
            "progressDeadlineSeconds": START_SECONDS,
            # One more first, then one less: clients always find as many as were asked for.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": _pod_metadata(service), "spec": _pod_spec(service, image)},
        },
    }


def client_service(service: DedicatedService) -> Json:
    """Return the Service that clients connect to."""
    spec = service.spec.service
    port = {"name": CLIENTS, "protocol": "TCP", "port": spec.port or CLIENTS_PORT, "targetPort": CLIENTS}
    if spec.node_port is not None:
        port["nodePort"] = spec.node_port
    policy = spec.external_traffic_policy
    optional = {
        "loadBalancerClass": spec.load_balancer_class,
        "loadBalancerSourceRanges": list(spec.load_balancer_source_ranges),
        "externalTrafficPolicy": policy.value if policy is not None else "",
    }
    annotations = {"annotations": dict(spec.annotations)} if spec.annotations else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": proxy_metadata(service) | annotations,
        "spec": {
            "type": spec.type.value,
            "selector": proxy_selector(service)["matchLabels"],
            "ports": [port],
        }
        | {field: value for field, value in optional.items() if value},
    }


def disruption_budget(service: DedicatedService, image: ProxyImage) -> Json:
    """Return what lets evictions take one proxy at a time.

    A connection is protected by its proxy's drain, which an eviction grants; this protects the pool, whose shares move
    on as proxies go. The only proxy may be evicted too, and one that is not ready at any time: a budget that forbade it
    would hold up a node's drain for ever.
    """
    unready = {"unhealthyPodEvictionPolicy": "AlwaysAllow"} if image.evicts_unready else {}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": proxy_metadata(service),
        "spec": {"maxUnavailable": 1, "selector": proxy_selector(service)} | unready,
    }


def _pod_metadata(service: DedicatedService) -> Json:
    asked = service.spec.proxy
    ours = proxy_labels(service) | proxy_selector(service)["matchLabels"]
    annotations = {"annotations": asked.pod_annotations} if asked.pod_annotations else {}
    return {"labels": asked.pod_labels | ours} | annotations


def _pod_spec(service: DedicatedService, image: ProxyImage) -> Json:
    asked = service.spec.proxy
    optional = {
        "imagePullSecrets": [{"name": name} for name in image.pull_secrets],
        "nodeSelector": asked.node_selector,
        "tolerations": list(asked.tolerations),
        "priorityClassName": asked.priority_class_name,
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": proxy_selector(service),
    }
    return {
        "serviceAccountName": names.proxy_name(service.metadata.name),
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": drain_seconds(service) + LAST_WORDS_SECONDS,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": [spread],
        "containers": [_container(service, image)],
    } | {field: value for field, value in optional.items() if value}


def _container(service: DedicatedService, image: ProxyImage) -> Json:
    ports = {CLIENTS: CLIENTS_PORT, "metrics": METRICS_PORT, "health": HEALTH_PORT}
    # The kernel gives a socket of IPv6 what comes by IPv4 too; but there may be none, so it is not for every cluster.
    tcp = "tcp6" if image.ipv6 else "tcp"
    hung = {"terminationGracePeriodSeconds": HUNG_SECONDS} if image.budgets else {}
    return {
        "name": "proxy",
        "image": image.image,
        "imagePullPolicy": image.pull_policy.value,
        "args": [
            "--role=proxy",
            f"--service={service.metadata.namespace}/{service.metadata.name}",
            f"--listen={tcp}:{CLIENTS_PORT}:backlog={BACKLOG}",
            f"--metrics-listen={tcp}:{METRICS_PORT}",
            f"--health-listen={tcp}:{HEALTH_PORT}",
            f"--drain-timeout={drain_seconds(service)}",
            f"--proxy-grace={image.grace_seconds}",
        ],
        "env": [{"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}],
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()],
        "resources": service.spec.proxy.resources or DEFAULT_RESOURCES,
        # Python and its libraries may take a while to load where the CPU is short.
        "startupProbe": _probe("/healthz", periodSeconds=2, failureThreshold=60, timeoutSeconds=5),
        "readinessProbe": _probe("/readyz", periodSeconds=2, failureThreshold=2, timeoutSeconds=5),
        # A restart cuts every connection: only what has certainly come to a stop is worth it.
        "livenessProbe": _probe("/healthz", periodSeconds=10, failureThreshold=6, timeoutSeconds=5, **hung),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _probe(path: str, **bounds: int) -> Json:
    return {"httpGet": {"path": path, "port": "health"}} | bounds
