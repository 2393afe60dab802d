"""The objects that a service has one of: the wall around its pods, and what its proxies are told."""

from collections.abc import Iterable

from isoproxy.model import manifests, names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.parsing import Json
from isoproxy.operator.actions import Action, Child, CreateChild, RepairChild
from isoproxy.operator.observed import ChildObject, Observed


def actions(observed: Observed) -> list[Action]:
    """Return what is missing or was changed by another hand; names that others hold are left alone."""
    ports = {record.spec.port for record in observed.records}
    wanted: dict[Child, Json] = {
        Child.NETWORK_POLICY: manifests.network_policy(observed.service, ports_in_use=ports),
        Child.SETTINGS: manifests.settings_config_map(observed.service),
    }
    found: list[Action] = []
    for child, manifest in wanted.items():
        seen = observed.children.get(child)
        if seen is None:
            if child not in observed.taken:
                found.append(CreateChild(child, manifest))
        elif seen.content != content(manifest):
            found.append(RepairChild(child, manifest, seen.metadata.resource_version))
    return found


def child_name(child: Child, service: DedicatedService) -> str:
    """Return the name that a service's child has."""
    name = service.metadata.name
    return names.policy_name(name) if child is Child.NETWORK_POLICY else names.settings_name(name)


def find(child: Child, service: DedicatedService, among: Iterable[ChildObject]) -> ChildObject | None:
    """Return the service's child of that sort, if it is there."""
    name = child_name(child, service)
    return next((seen for seen in among if seen.metadata.name == name), None)


def content(manifest: Json) -> Json:
    """Return the part of a child that is compared: its spec or data, without what is empty (servers leave it out)."""
    return {key: _pruned(manifest[key]) for key in ("spec", "data") if key in manifest}


def _pruned(part: object) -> object:
    if isinstance(part, dict):
        pruned = {key: _pruned(item) for key, item in part.items()}
        return {key: item for key, item in pruned.items() if item not in ({}, [], None)}
    return [_pruned(item) for item in part] if isinstance(part, list) else part
