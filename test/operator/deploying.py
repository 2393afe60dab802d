"""A world around a reconciler that deploys proxies."""

import random

from isoproxy.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    SERVICES,
    Json,
    Resource,
)
from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.schema import models
from isoproxy.model.proxies import ProxyImage
from isoproxy.observe.metrics import Metrics
from isoproxy.operator.reconciler import Reconciler
from isoproxy.timesource import TimeSource
from test.memoryapi import MemoryApi
from test.operator.reconciling import World

CHILDREN = {
    NETWORK_POLICIES: {"s-pods", "s-proxy"},
    CONFIG_MAPS: {"s-proxy"},
    SERVICE_ACCOUNTS: {"s-proxy"},
    ROLES: {"s-proxy"},
    ROLE_BINDINGS: {"s-proxy"},
    DEPLOYMENTS: {"s-proxy"},
    SERVICES: {"s-proxy"},
    POD_DISRUPTION_BUDGETS: {"s-proxy"},
}


class DeployingWorld(World):
    """A world whose API server knows what proxies are made of, and whose operator makes them."""

    def start_operator(self, api: MemoryApi | None = None, image: str = "isoproxy:1") -> Reconciler:
        if not self.operators:
            serve_what_proxies_are_made_of(self.core)
        operator = Reconciler(
            time=TimeSource.simulated(self.clock),
            api=api or self.api,
            random=random.Random(len(self.operators) + 1),
            metrics=Metrics(),
            proxy_image=ProxyImage(image),
        )
        operator.startService()
        self.operators.append(operator)
        return operator

    def restart_operator(self) -> None:
        self.operators[-1].stopService()
        self.settle(1)
        self.api.requests.clear()
        self.start_operator()

    def one(self, resource: Resource, name: str = "s-proxy") -> Json:
        found: Json = self.do(self.hand.get(resource, name, namespace="n"))
        return found

    def change(self, resource: Resource, patch: Json, name: str = "s-proxy") -> None:
        self.do(self.hand.patch(resource, name, patch, namespace="n"))

    def applied(self) -> list[tuple[str, str]]:
        """What the operator has applied so far, in order: kinds and names."""
        plurals = {resource.plural for resource in CHILDREN}
        return [(kind, name) for verb, kind, name in self.api.requests if verb == "patch" and kind in plurals]


def serve_what_proxies_are_made_of(core: Core) -> None:
    """Add the kinds that the embedded server has no use for, as far as every kind is alike."""
    for resource in (DEPLOYMENTS, ROLES, ROLE_BINDINGS, POD_DISRUPTION_BUDGETS):
        core._serve(
            Kind(
                group=resource.group,
                version=resource.version,
                plural=resource.plural,
                singular=resource.kind.lower(),
                kind=resource.kind,
                list_kind=f"{resource.kind}List",
                schema=models.node(f"V1{resource.kind}"),
                bucket=resource.plural,
                model=f"V1{resource.kind}",
                status="status" in models.node(f"V1{resource.kind}").properties,
            )
        )
