"""The sorts of objects that a service has one of: their kinds and names, and what is compared of them. Pure."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import Field

from isoproxy.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
)
from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.parsing import Json, model, parse
from isoproxy.model.pod import SaidCondition
from isoproxy.model.proxies import CLIENTS, ProxyImage
from isoproxy.operator.actions import Child
from isoproxy.operator.kept import trimmed
from isoproxy.operator.observed import ChildObject

MAX_ANNOTATIONS = 100
MAX_VALUE = 100  # characters of an annotation; of a longer one a fingerprint is kept, which changes whenever it does
_OWNER = "DedicatedService"
_OUR_LABELS = frozenset(
    (
        names.LABEL_SERVICE,
        names.LABEL_SERVICE_UID,
        names.LABEL_APP_NAME,
        names.LABEL_APP_MANAGED_BY,
        names.LABEL_APP_COMPONENT,
    )
)


@dataclass(frozen=True, slots=True)
class _Sort:
    resource: Resource
    name: Callable[[str], str] = names.proxy_name


@model
class _Status:
    conditions: tuple[SaidCondition, ...] = ()


@model
class _Port:
    port: int
    name: str = ""


@model
class _Spec:
    ports: tuple[_Port, ...] = ()


@model
class _Seen:
    metadata: ObjectMeta
    spec: _Spec = Field(default_factory=_Spec)
    status: _Status = Field(default_factory=_Status)


_SORTS = {
    Child.NETWORK_POLICY: _Sort(NETWORK_POLICIES, names.policy_name),
    Child.SETTINGS: _Sort(CONFIG_MAPS),
    Child.PROXY_POLICY: _Sort(NETWORK_POLICIES),
    Child.SERVICE_ACCOUNT: _Sort(SERVICE_ACCOUNTS),
    Child.ROLE: _Sort(ROLES),
    Child.ROLE_BINDING: _Sort(ROLE_BINDINGS),
    Child.DEPLOYMENT: _Sort(DEPLOYMENTS),
    Child.SERVICE: _Sort(SERVICES),
    Child.DISRUPTION_BUDGET: _Sort(POD_DISRUPTION_BUDGETS),
}
STAGES = (
    (Child.NETWORK_POLICY, Child.SETTINGS),
    (Child.PROXY_POLICY, Child.SERVICE_ACCOUNT, Child.ROLE),
    (Child.ROLE_BINDING,),  # an API server refuses to bind a Role that is not there
    (Child.DEPLOYMENT, Child.SERVICE, Child.DISRUPTION_BUDGET),
)
"""Each stage stands before the next is made: the pods' wall first, and the proxies' own wall and rights before them."""
WALLS = STAGES[0]
"""What every service has, whoever runs its proxies, and what stands before its pods."""


def made_from(image: ProxyImage | None) -> tuple[Child, ...]:
    """Return the children that a service has whose proxies are deployed from ``image``, or by others."""
    if image is None:
        return WALLS
    return tuple(child for child in Child if image.budgets or child is not Child.DISRUPTION_BUDGET)


def resources(image: ProxyImage | None) -> tuple[Resource, ...]:
    """Return the kinds of those children, each once."""
    return tuple(dict.fromkeys(resource_of(child) for child in made_from(image)))


def resource_of(child: Child) -> Resource:
    """Return the kind of a child."""
    return _SORTS[child].resource


def name_of(child: Child, service: DedicatedService) -> str:
    """Return the name that a service's child has."""
    return _SORTS[child].name(service.metadata.name)


def names_of(resource: Resource, service_name: str) -> set[str]:
    """Return the names that the children of one kind have."""
    return {sort.name(service_name) for sort in _SORTS.values() if sort.resource == resource}


def title(child: Child, service: DedicatedService) -> str:
    """Return kind and name of a service's child, as people would say them."""
    return f"{resource_of(child).kind} {name_of(child, service)}"


def is_own(child: Child, said: Json, seen: ObjectMeta) -> bool:
    """Whether the object of a child's name is the one whose manifest has the metadata ``said``."""
    uid: str = said["labels"][names.LABEL_SERVICE_UID]
    if child is Child.NETWORK_POLICY and not seen.owner_references:
        return seen.service_uid == uid  # garbage collection must not know it: it has no owner
    return seen.owner_uid(_OWNER) == uid


def find(child: Child, service: DedicatedService, among: Iterable[ChildObject]) -> ChildObject | None:
    """Return the object that has the name of the service's child, if it is there."""
    name = name_of(child, service)
    return next((seen for seen in among if seen.metadata.name == name), None)


def parse_child(obj: Json) -> ChildObject:
    """Return the identity of an object, and a fingerprint of all that its maker may have decided: not of its status."""
    content = {key: part for key, part in obj.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    seen = parse(_Seen, obj)
    # Others may add ports of their own.
    port = next((port.port for port in seen.spec.ports if port.name == CLIENTS), None)
    return ChildObject(_trimmed(seen.metadata), fingerprint(content), seen.status.conditions, port)


def _trimmed(meta: ObjectMeta) -> ObjectMeta:
    """Return what is kept of a child; of a service's own any annotations, for users may ask for any."""
    kept = sorted(meta.annotations.items())[:MAX_ANNOTATIONS] if meta.owner_uid(_OWNER) else ()
    annotations = {key: value if len(value) <= MAX_VALUE else fingerprint({key: value}) for key, value in kept}
    return trimmed(meta, labels=_OUR_LABELS, annotations=annotations, owner=_OWNER)


def fingerprint(part: Json) -> str:
    """Return a short text that is the same for the same content alone: whole objects would fill the memory."""
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:32]
