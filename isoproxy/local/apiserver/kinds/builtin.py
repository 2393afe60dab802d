"""The built-in kinds. Pure; the models of the `kubernetes` package are read when a table is made."""

from typing import Any

from isoproxy.local.apiserver.kinds import columns, events, podcolumns
from isoproxy.local.apiserver.kinds.crds import CrdBehaviour
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.kinds.networkpolicies import NetworkPolicyBehaviour
from isoproxy.local.apiserver.kinds.pods import PodBehaviour
from isoproxy.local.apiserver.kinds.services import ServiceBehaviour
from isoproxy.local.apiserver.kinds.simple import (
    DataBehaviour,
    LeaseBehaviour,
    NamespaceBehaviour,
    SecretBehaviour,
)
from isoproxy.local.apiserver.schema import models

CRDS = "customresourcedefinitions"


def kinds() -> list[Kind]:
    """Every built-in kind, in the order that discovery shows them."""
    return [*_core(), *_groups(), *_event_views()]


def _core() -> list[Kind]:
    return [
        _kind(
            "configmaps",
            "ConfigMap",
            "V1ConfigMap",
            short_names=("cm",),
            columns=columns.CONFIG_MAPS,
            behaviour=DataBehaviour("data", "binaryData"),
        ),
        _kind(
            "endpoints",
            "Endpoints",
            "V1Endpoints",
            singular="endpoints",
            short_names=("ep",),
            columns=columns.ENDPOINTS,
        ),
        _kind(
            "namespaces",
            "Namespace",
            "V1Namespace",
            namespaced=False,
            short_names=("ns",),
            status=True,
            selectable={"status.phase": ("status", "phase")},
            columns=columns.NAMESPACES,
            behaviour=NamespaceBehaviour(),
        ),
        _kind(
            "nodes",
            "Node",
            "V1Node",
            namespaced=False,
            short_names=("no",),
            status=True,
            selectable={"spec.unschedulable": ("spec", "unschedulable")},
            columns=columns.NODES,
        ),
        _pods(),
        _kind(
            "secrets",
            "Secret",
            "V1Secret",
            selectable={"type": ("type",)},
            columns=columns.SECRETS,
            behaviour=SecretBehaviour(),
        ),
        _kind(
            "serviceaccounts",
            "ServiceAccount",
            "V1ServiceAccount",
            short_names=("sa",),
            columns=columns.SERVICE_ACCOUNTS,
        ),
        _kind(
            "services",
            "Service",
            "V1Service",
            short_names=("svc",),
            categories=("all",),
            status=True,
            selectable={"spec.clusterIP": ("spec", "clusterIP"), "spec.type": ("spec", "type")},
            columns=columns.SERVICES,
            behaviour=ServiceBehaviour(),
            returns_deleted=True,
        ),
    ]


def _pods() -> Kind:
    return _kind(
        "pods",
        "Pod",
        "V1Pod",
        short_names=("po",),
        categories=("all",),
        status=True,
        subresources=("binding", "log"),
        generation=True,
        selectable={
            "spec.nodeName": ("spec", "nodeName"),
            "spec.restartPolicy": ("spec", "restartPolicy"),
            "spec.schedulerName": ("spec", "schedulerName"),
            "spec.serviceAccountName": ("spec", "serviceAccountName"),
            "status.phase": ("status", "phase"),
            "status.podIP": ("status", "podIP"),
        },
        columns=podcolumns.PODS,
        behaviour=PodBehaviour(),
        returns_deleted=True,
    )


def _groups() -> list[Kind]:
    return [
        _kind(
            "leases",
            "Lease",
            "V1Lease",
            group="coordination.k8s.io",
            columns=columns.LEASES,
            behaviour=LeaseBehaviour(),
            unconditional_update=False,
        ),
        _kind(
            "networkpolicies",
            "NetworkPolicy",
            "V1NetworkPolicy",
            group="networking.k8s.io",
            short_names=("netpol",),
            generation=True,
            columns=columns.NETWORK_POLICIES,
            behaviour=NetworkPolicyBehaviour(),
        ),
        _kind(
            CRDS,
            "CustomResourceDefinition",
            "V1CustomResourceDefinition",
            group="apiextensions.k8s.io",
            namespaced=False,
            short_names=("crd", "crds"),
            categories=("api-extensions",),
            status=True,
            generation=True,
            unconditional_update=False,
            columns=columns.CRDS,
            behaviour=CrdBehaviour(models.node("V1ObjectMeta")),
        ),
    ]


def _event_views() -> list[Kind]:
    return [
        _kind(
            "events",
            "Event",
            "CoreV1Event",
            short_names=("ev",),
            selectable=events.SELECTABLE_CORE,
            columns=columns.EVENTS,
            behaviour=events.EventBehaviour(new_style=False),
        ),
        _kind(
            "events",
            "Event",
            "EventsV1Event",
            group="events.k8s.io",
            short_names=("ev",),
            selectable=events.SELECTABLE_EVENTS,
            columns=columns.EVENTS,
            behaviour=events.EventBehaviour(new_style=True),
            inward=events.to_core,
            outward=events.from_core,
        ),
    ]


def _kind(plural: str, kind: str, model: str, *, group: str = "", singular: str = "", **more: Any) -> Kind:
    return Kind(
        group=group,
        version="v1",
        plural=plural,
        singular=singular or kind.lower(),
        kind=kind,
        list_kind=f"{kind}List",
        schema=models.node(model),
        bucket=plural,
        model=model,
        **more,
    )
