"""The words this project writes on Kubernetes objects, each in one place."""

from typing import Final

GROUP: Final = "soh.re"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

LABEL_SERVICE: Final = f"{GROUP}/service"
LABEL_SERVICE_UID: Final = f"{GROUP}/service-uid"
LABEL_PROXY: Final = f"{GROUP}/proxy"
LABEL_TEMPLATE: Final = f"{GROUP}/template"
"""A hash of the pod template, so that pods of an older one can be told apart."""
LABEL_ROLE: Final = f"{GROUP}/role"
"""``pod`` on isolated pods, ``proxy`` on the pods of a proxy Deployment: what NetworkPolicies select on."""

LABEL_APP_NAME: Final = "app.kubernetes.io/name"
LABEL_APP_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_APP_COMPONENT: Final = "app.kubernetes.io/component"
"""The usual labels, for people to select on."""

ANNOTATION_RECALL: Final = f"{GROUP}/recall"
ANNOTATION_QUEUED: Final = f"{GROUP}/queued"
ANNOTATION_HELD: Final = f"{GROUP}/held"
ANNOTATION_CLAIMED: Final = f"{GROUP}/claimed"
"""On a Lease: how many of the held pods have a connection that is not written down yet."""
ANNOTATION_DRAINING: Final = f"{GROUP}/draining"
ANNOTATION_ENDED: Final = f"{GROUP}/ended"
ANNOTATION_GRACE: Final = f"{GROUP}/grace-seconds"
"""On a Lease: for how long past its expiry the proxy may still use its stock; the operator waits at least as long."""
ANNOTATION_LISTEN: Final = f"{GROUP}/listen"
ANNOTATION_LISTEN_ERROR: Final = f"{GROUP}/listen-error"

ROLE_POD: Final = "pod"
ROLE_PROXY: Final = "proxy"

CONTAINER_NAME: Final = "main"

ServiceKey = tuple[str, str]
"""Namespace and name of a DedicatedService, whichever has that name at the time."""


def proxy_name(service_name: str) -> str:
    """Return the name of all that a service's proxies have one of: their ConfigMap, and what they are made of."""
    return f"{service_name}-proxy"


def policy_name(service_name: str) -> str:
    """Return the name of the NetworkPolicy around a service's pods."""
    return f"{service_name}-pods"


def lease_name(service_name: str, instance: str) -> str:
    """Return the name of the Lease of one proxy instance."""
    return f"{service_name}-{instance}"
