"""What to do about the objects that a service has one of: made stage by stage, and put right where others changed them.

Pure. An API server normalises what it is given and fills in the rest. So an object is never compared with what was
applied, but with what the API server made of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from isoproxy.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NamespaceTerminating,
    NotFound,
)
from isoproxy.model.parsing import Json
from isoproxy.operator.actions import ApplyChild, Child
from isoproxy.operator.childkinds import STAGES, WALLS, is_own, title
from isoproxy.operator.family import spelt_out
from isoproxy.operator.observed import ChildObject, Family, Observed, Obstacle, Wanted


@dataclass(frozen=True, slots=True)
class ChildrenPlan:
    """What is to be applied now, what keeps other children from it, and whether pods may be made."""

    applies: tuple[ApplyChild, ...]
    obstacles: Mapping[Child, Obstacle]
    walled: bool


@dataclass(frozen=True, slots=True)
class _Due:
    """A child is to be applied over ``version`` of it; None: it is not there."""

    version: str | None
    repairs: bool = False


def plan(observed: Observed, family: Family) -> ChildrenPlan:
    """Return what brings the first stage into shape that is not.

    A child that meets an obstacle is left alone, and what needs it waits: see ``_stands``.
    """
    found = {child: _due(child, wanted, observed) for child, wanted in family.children.items()}
    due: dict[Child, _Due] = {}
    for stage in STAGES:
        due = {child: what for child in stage if isinstance(what := found.get(child), _Due)}
        if due or not all(_stands(child, found[child], family, observed) for child in stage if child in found):
            break
    manifests = spelt_out(observed) if due else {}
    return ChildrenPlan(
        tuple(ApplyChild(child, manifests[child], what.version, what.repairs) for child, what in due.items()),
        {child: what for child, what in found.items() if isinstance(what, Obstacle)},
        all(_stands(child, found[child], family, observed) for child in WALLS),
    )


def _stands(child: Child, due: _Due | Obstacle | None, family: Family, observed: Observed) -> bool:
    """Whether a child is as whatever comes after it needs it."""
    if due is None:
        return True
    # Proxies go on by the settings that they have, and pods do not read them: any of our own will do.
    seen = observed.children.get(child)
    return (
        child is Child.SETTINGS and seen is not None and is_own(child, family.children[child].metadata, seen.metadata)
    )


def _due(child: Child, wanted: Wanted, observed: Observed) -> _Due | Obstacle | None:
    """Return what there is to do about one child: apply it, wait because of an obstacle, or nothing."""
    seen, applied, said = observed.children.get(child), observed.applied.get(child), wanted.metadata
    if seen is not None and not is_own(child, said, seen.metadata):
        return taken(title(child, observed.service))
    if child in observed.obstacles:
        return observed.obstacles[child]
    if seen is None and child in observed.remade:
        return contested(title(child, observed.service))
    if seen is None:
        return _Due(None, repairs=applied is not None)
    # Not by us yet, or another: what is there is not compared.
    if applied is None or applied.manifest != wanted.manifest:
        return _Due(seen.metadata.resource_version)
    if _decided(seen, said) == _decided(applied.result, said):
        return None
    if child in observed.contested:
        return contested(title(child, observed.service))
    return _Due(seen.metadata.resource_version, repairs=True)


def put_right(action: ApplyChild, seen: ChildObject | None, made: ChildObject) -> bool:
    """Return whether an apply undid what others had changed: what they add beside what is ours stays as it is."""
    said = action.manifest["metadata"]
    return action.repairs and seen is not None and _decided(seen, said) != _decided(made, said)


def made_again(action: ApplyChild, seen: ChildObject | None) -> bool:
    """Return whether an apply made what others had deleted."""
    return action.repairs and seen is None


def taken(title: str) -> Obstacle:
    """Return the obstacle that a child's name is someone else's; ``title`` is its kind and name."""
    return Obstacle("NameTaken", f"{title} belongs to someone else")


def refused(title: str, why: str) -> Obstacle:
    """Return the obstacle that the API server does not accept a child as it is to be."""
    return Obstacle("ChildRefused", f"{title} is refused: {why}")


def contested(title: str) -> Obstacle:
    """Return the obstacle that others undo what is put right of a child, or delete it whenever it is made."""
    return Obstacle("Contested", f"{title} is changed or deleted by others again and again")


def is_obstacle(child: Child, error: ApiError) -> bool:
    """Return whether an answer keeps just this child from being made, which holds up nothing else.

    What stands before the pods is otherwise to be tried again soon.
    """
    if isinstance(error, AlreadyExists | Conflict | NotFound | NamespaceTerminating):
        return False  # somebody was faster, or there is nothing to wait for
    return child not in WALLS or isinstance(error, Forbidden | Invalid)


def _decided(child: ChildObject, said: Json) -> tuple[str, str, dict[str, str | None], dict[str, str | None]]:
    """What of an object is ours to decide: of its labels and annotations those ``said``, the rest is everybody's."""
    meta = child.metadata
    labels = {key: meta.labels.get(key) for key in said.get("labels", {})}
    annotations = {key: meta.annotations.get(key) for key in said.get("annotations", {})}
    return meta.uid, child.content, labels, annotations
