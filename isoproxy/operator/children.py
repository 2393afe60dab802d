"""What to do about the objects that a service has one of: made stage by stage, and put right where others changed them.

Pure. An API server normalises what it is given and fills in the rest. So an object is never compared with what was
applied, but with what the API server made of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from isoproxy.kube.errors import AlreadyExists, ApiError, Conflict, Forbidden, Invalid, NotFound
from isoproxy.model import manifests, proxies, proxyaccess
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.parsing import Json
from isoproxy.operator.actions import ApplyChild, Child
from isoproxy.operator.childkinds import STAGES, WALLS, fingerprint, is_own, made_from, title
from isoproxy.operator.observed import ChildObject, Observed, Obstacle


@dataclass(frozen=True, slots=True)
class ChildrenPlan:
    """What is to be applied now, what keeps other children from it, and whether the wall around the pods stands."""

    applies: tuple[ApplyChild, ...]
    obstacles: Mapping[Child, Obstacle]
    walled: bool


def plan(observed: Observed) -> ChildrenPlan:
    """Return what brings the first stage into shape that is not.

    A child that meets an obstacle is left alone, and keeps the later stages waiting.
    """
    found = {child: _due(child, manifest, observed) for child, manifest in _wanted(observed).items()}
    obstacles = {child: due for child, due in found.items() if isinstance(due, Obstacle)}
    applies: tuple[ApplyChild, ...] = ()
    for stage in STAGES:
        applies = tuple(due for child in stage if isinstance(due := found.get(child), ApplyChild))
        if applies or not obstacles.keys().isdisjoint(stage):
            break
    walled = all(_stands(child, found[child], observed.service) for child in WALLS)
    return ChildrenPlan(applies, obstacles, walled)


def _stands(child: Child, due: ApplyChild | Obstacle | None, service: DedicatedService) -> bool:
    """Whether pods may be made as far as ``child`` is concerned."""
    if child is Child.SETTINGS and due == contested(title(child, service)):
        return True  # pods do not read them, and proxies go on by those they have
    return due is None


def _due(child: Child, manifest: Json, observed: Observed) -> ApplyChild | Obstacle | None:
    """What there is to do about one child: apply it, wait because of an obstacle, or nothing."""
    seen, applied = observed.children.get(child), observed.applied.get(child)
    if seen is not None and not is_own(child, manifest, seen.metadata):
        return taken(title(child, observed.service))
    if child in observed.obstacles:
        return observed.obstacles[child]
    if seen is None:
        return ApplyChild(child, manifest, None)
    # Not by us yet, or another: what is there is not compared.
    if applied is None or applied.manifest != fingerprint(manifest):
        return ApplyChild(child, manifest, seen.metadata.resource_version)
    if _decided(seen, manifest) == _decided(applied.result, manifest):
        return None
    if child in observed.contested:
        return contested(title(child, observed.service))
    return ApplyChild(child, manifest, seen.metadata.resource_version, repairs=True)


def put_right(action: ApplyChild, seen: ChildObject | None, made: ChildObject) -> bool:
    """Return whether an apply undid what others had changed: what they add beside what is ours stays as it is."""
    return action.repairs and seen is not None and _decided(seen, action.manifest) != _decided(made, action.manifest)


def taken(title: str) -> Obstacle:
    """Return the obstacle that a child's name is someone else's; ``title`` is its kind and name."""
    return Obstacle("NameTaken", f"{title} belongs to someone else")


def refused(title: str, why: str) -> Obstacle:
    """Return the obstacle that the API server does not accept a child as it is to be."""
    return Obstacle("ChildRefused", f"{title} is refused: {why}")


def contested(title: str) -> Obstacle:
    """Return the obstacle that others undo what is put right of a child."""
    return Obstacle("Contested", f"{title} is changed by others again and again")


def is_obstacle(child: Child, error: ApiError) -> bool:
    """Return whether an answer keeps just this child from being made, which holds up nothing else.

    What stands before the pods is otherwise to be tried again soon.
    """
    if isinstance(error, AlreadyExists | Conflict | NotFound):
        return False  # somebody was faster
    return child not in WALLS or isinstance(error, Forbidden | Invalid)


def _wanted(observed: Observed) -> dict[Child, Json]:
    service, image = observed.service, observed.proxy_image
    ports = {record.spec.port for record in observed.records}
    wall = manifests.network_policy(service, ports_in_use=ports)
    if image is None:
        return {Child.NETWORK_POLICY: wall, Child.SETTINGS: manifests.settings_config_map(service)}
    wanted = {
        Child.NETWORK_POLICY: wall,
        Child.SETTINGS: manifests.settings_config_map(service, listen_port=proxyaccess.CLIENTS_PORT),
        Child.PROXY_POLICY: proxyaccess.network_policy(
            service, api_server_ports=image.api_server_ports, ports_in_use=ports
        ),
        Child.SERVICE_ACCOUNT: proxyaccess.service_account(service),
        Child.ROLE: proxyaccess.role(service),
        Child.ROLE_BINDING: proxyaccess.role_binding(service),
        Child.DEPLOYMENT: proxies.deployment(service, image),
        Child.SERVICE: proxies.client_service(service),
        Child.DISRUPTION_BUDGET: proxies.disruption_budget(service),
    }
    return {child: wanted[child] for child in made_from(image)}


def _decided(child: ChildObject, manifest: Json) -> tuple[str, str, dict[str, str | None], dict[str, str | None]]:
    """What of an object is ours to decide. Of its labels and annotations it is some, the rest is everybody's."""
    said, meta = manifest["metadata"], child.metadata
    labels = {key: meta.labels.get(key) for key in said.get("labels", {})}
    annotations = {key: meta.annotations.get(key) for key in said.get("annotations", {})}
    return meta.uid, child.content, labels, annotations
