"""Events: one store, two views: core/v1 (as stored) and events.k8s.io/v1. Pure."""

from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.kinds.kind import Behaviour

Json = dict[str, Any]

# core/v1 name -> events.k8s.io/v1 name, where they differ.
_RENAMED = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_BACK = {new: old for old, new in _RENAMED.items()}

CORE = "v1"
EVENTS = "events.k8s.io/v1"


def to_core(obj: Json) -> Json:
    """An events.k8s.io/v1 Event as core/v1 has it."""
    return {_BACK.get(key, key): value for key, value in obj.items()} | {"apiVersion": CORE}


def from_core(obj: Json) -> Json:
    """And back."""
    return {_RENAMED.get(key, key): value for key, value in obj.items()} | {"apiVersion": EVENTS}


SELECTABLE_CORE = {
    f"involvedObject.{key}": ("involvedObject", key)
    for key in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
} | {
    "reason": ("reason",),
    "type": ("type",),
    "reportingComponent": ("reportingComponent",),
    "source": ("source", "component"),
}
# Selectors are matched on what is stored.
SELECTABLE_EVENTS = {
    name.replace("involvedObject", "regarding"): path
    for name, path in SELECTABLE_CORE.items()
    if "Component" not in name
} | {"reportingController": ("reportingComponent",)}


class EventBehaviour(Behaviour):
    """`new_style`: an event written through events.k8s.io, of which more is asked."""

    def __init__(self, *, new_style: bool) -> None:
        self._new_style = new_style

    def validate(self, obj: Json, old: Json | None) -> list[FieldError]:
        errors = _namespace(obj)
        if obj.get("type", "Normal") not in ("Normal", "Warning") and self._new_style:
            errors.append(
                FieldError("Invalid value", "type", "has invalid value: must be Normal or Warning", obj["type"])
            )
        if self._new_style and old is None:
            # An old-style event that is only passed on has no eventTime; one made here must have all of them.
            wanted = {"eventTime": "eventTime", "reportingComponent": "reportingController", "action": "action"}
            wanted |= {"reportingInstance": "reportingInstance", "reason": "reason"}
            errors += [FieldError("Required value", shown) for key, shown in wanted.items() if not obj.get(key)]
            if len(obj.get("message", "")) > 1024:
                errors.append(FieldError("Too long", "note", "may not be more than 1024 bytes"))
        return errors


def _namespace(obj: Json) -> list[FieldError]:
    named = obj["involvedObject"].get("namespace", "")
    own = obj["metadata"].get("namespace", "")
    if named == own or (not named and own == "default"):
        return []
    detail = "does not match event.namespace"
    return [FieldError("Invalid value", "involvedObject.namespace", detail, named)]
