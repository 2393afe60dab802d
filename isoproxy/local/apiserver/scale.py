"""The scale subresource: replicas of any kind, seen and set as an autoscaling/v1 Scale. Pure."""

from typing import Any

from isoproxy.local.apiserver.errors import FieldError, bad_request
from isoproxy.local.apiserver.kinds.kind import Path, Scale, dig

Json = dict[str, Any]

API_VERSION = "autoscaling/v1"


def view(obj: Json, scale: Scale) -> Json:
    """The Scale of an object."""
    metadata = obj["metadata"]
    shown = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Json = {"replicas": dig(obj, scale.status_replicas) or 0}
    if scale.selector is not None:
        status["selector"] = dig(obj, scale.selector) or ""
    return {
        "kind": "Scale",
        "apiVersion": API_VERSION,
        "metadata": {key: metadata[key] for key in shown if key in metadata},
        "spec": {"replicas": dig(obj, scale.spec_replicas) or 0},
        "status": status,
    }


def validate(obj: Json, scale: Scale) -> list[FieldError]:
    """What keeps an object from being seen as a Scale: counts below zero."""
    errors = []
    for path in (scale.spec_replicas, scale.status_replicas):
        count = dig(obj, path)
        if type(count) is int and count < 0:
            errors.append(FieldError("Invalid value", f".{'.'.join(path)}", "should be a non-negative integer", count))
    return errors


def changed(scale: Scale, obj: Json, wanted: Any) -> Json:
    """The object with the replicas that a Scale asks for, and the Scale's guard."""
    if type(wanted) is not dict or wanted.get("kind", "Scale") != "Scale":
        raise bad_request("the body of the request must be a Scale")
    replicas = dig(wanted, ("spec", "replicas"))
    replicas = 0 if replicas is None else replicas
    if type(replicas) is not int:
        raise bad_request("spec.replicas of a Scale must be an integer")
    guard = {key: value for key in ("resourceVersion", "uid") if (value := dig(wanted, ("metadata", key)))}
    changed = obj | {"metadata": obj["metadata"] | guard}
    return _with(changed, scale.spec_replicas, replicas)


def _with(obj: Json, path: Path, value: Any) -> Json:
    if len(path) == 1:
        return obj | {path[0]: value}
    below = obj.get(path[0])
    return obj | {path[0]: _with(below if type(below) is dict else {}, path[1:], value)}
