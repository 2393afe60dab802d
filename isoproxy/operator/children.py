"""What to do about the objects that a service has one of: made stage by stage, and put right where others changed them.

Pure. An API server normalises what it is given and fills in the rest. So an object is never compared with what was
applied, but with what the API server made of it.
"""

from collections.abc import Iterable, Mapping

from isoproxy.model import manifests, proxies, proxyaccess
from isoproxy.model.parsing import Json
from isoproxy.operator.actions import ApplyChild, Child
from isoproxy.operator.childkinds import STAGES, WALLS, fingerprint, made_from, title
from isoproxy.operator.observed import ChildObject, Observed, Obstacle


def actions(observed: Observed) -> list[ApplyChild]:
    """Return what is to be applied of the first stage that is not as it should be.

    Names that others hold are left alone, and keep the later stages waiting.
    """
    wanted, met = _wanted(observed), obstacles(observed)
    for stage in STAGES:
        applies = [
            ApplyChild(child, wanted[child], _version(observed.children.get(child)))
            for child in stage
            if child in wanted and child not in met and _differs(child, wanted[child], observed)
        ]
        if applies or not met.keys().isdisjoint(stage):
            return applies
    return []


def walled(observed: Observed, applies: Iterable[ApplyChild]) -> bool:
    """Return whether the wall around the pods stands, where ``applies`` are what is still to be done."""
    changing = {action.child for action in applies}
    return (changing | obstacles(observed).keys()).isdisjoint(WALLS)


def obstacles(observed: Observed) -> Mapping[Child, Obstacle]:
    """Return why children cannot be applied: what was met lately, and objects seen to be someone else's."""
    uid = observed.service.metadata.uid
    foreign = {
        child: taken(title(child, observed.service))
        for child, seen in observed.children.items()
        if seen.metadata.owner_uid("DedicatedService") != uid
    }
    return {**observed.obstacles, **foreign}


def taken(title: str) -> Obstacle:
    """Return the obstacle that a child's name is someone else's; ``title`` is its kind and name."""
    return Obstacle("NameTaken", f"{title} belongs to someone else")


def refused(title: str, why: str) -> Obstacle:
    """Return the obstacle that the API server does not accept a child as it is to be."""
    return Obstacle("ChildRefused", f"{title} is refused: {why}")


def _wanted(observed: Observed) -> dict[Child, Json]:
    service, image = observed.service, observed.proxy_image
    ports = {record.spec.port for record in observed.records}
    wall = manifests.network_policy(service, ports_in_use=ports)
    if image is None:
        return {Child.NETWORK_POLICY: wall, Child.SETTINGS: manifests.settings_config_map(service)}
    wanted = {
        Child.NETWORK_POLICY: wall,
        Child.SETTINGS: manifests.settings_config_map(service, listen_port=proxyaccess.CLIENTS_PORT),
        Child.PROXY_POLICY: proxyaccess.network_policy(service, ports_in_use=ports),
        Child.SERVICE_ACCOUNT: proxyaccess.service_account(service),
        Child.ROLE: proxyaccess.role(service),
        Child.ROLE_BINDING: proxyaccess.role_binding(service),
        Child.DEPLOYMENT: proxies.deployment(service, image),
        Child.SERVICE: proxies.client_service(service),
        Child.DISRUPTION_BUDGET: proxies.disruption_budget(service),
    }
    return {child: wanted[child] for child in made_from(image)}


def _differs(child: Child, manifest: Json, observed: Observed) -> bool:
    """Whether it must be applied: it is not there, was not applied by us yet, is to be another, or was changed."""
    seen, applied = observed.children.get(child), observed.applied.get(child)
    if seen is None or applied is None or applied.manifest != fingerprint(manifest):
        return True
    return _decided(seen, manifest) != _decided(applied.result, manifest)


def _decided(child: ChildObject, manifest: Json) -> tuple[str, str, dict[str, str | None], dict[str, str | None]]:
    """What of an object is ours to decide. Of its labels and annotations it is some, the rest is everybody's."""
    said, meta = manifest["metadata"], child.metadata
    labels = {key: meta.labels.get(key) for key in said.get("labels", {})}
    annotations = {key: meta.annotations.get(key) for key in said.get("annotations", {})}
    return meta.uid, child.content, labels, annotations


def _version(seen: ChildObject | None) -> str | None:
    return seen.metadata.resource_version if seen is not None else None
