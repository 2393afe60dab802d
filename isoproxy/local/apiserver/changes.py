"""What a patch does to an object, as a function of it. Pure."""

from collections.abc import Callable
from typing import Any

from isoproxy.local.apiserver.errors import FieldError, StatusError, bad_request, conflict, invalid
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.limits import Limits
from isoproxy.local.apiserver.options import WriteOptions
from isoproxy.local.apiserver.patches import apply, jsonpatches, merge, strategic, typed
from isoproxy.local.apiserver.store import Key
from isoproxy.local.apiserver.writes import Writer, Written

Json = dict[str, Any]
Change = Callable[[Json], Any]

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def from_patch(kind: Kind, patch: Any, content_type: str, limits: Limits) -> Change:
    """The change that a merge, JSON or strategic merge patch asks for; 415 for a type that this kind does not take."""
    if content_type == JSON:
        return lambda obj: jsonpatches.apply(obj, patch, max_copied=limits.object_bytes, depth=limits.json_depth)
    if type(patch) is not dict:
        raise bad_request("a merge patch must be an object")
    if content_type == MERGE:
        return lambda obj: merge.merge(obj, patch)
    if content_type == STRATEGIC and not kind.custom:
        return lambda obj: strategic.merge(kind.schema, obj, patch)
    accepted = ", ".join([JSON, MERGE, APPLY] if kind.custom else [JSON, MERGE, STRATEGIC, APPLY])
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    raise StatusError(415, "UnsupportedMediaType", message)


def apply_configuration(
    writer: Writer, kind: Kind, key: Key, config: Any, subresource: str, options: WriteOptions
) -> Written:
    """Server-side apply: creates the object if there is none."""
    stated = _stated_metadata(kind, config, key.name, options)
    typed.check(kind, key.name, config)
    applier = writer.manager(kind, options, "Apply", subresource)
    ignored = _not_applied(kind, subresource)
    config = config | {"metadata": stated | {"name": key.name}}
    if subresource or writer.exists(kind, key):

        def change(obj: Json) -> Json:
            return apply.apply(kind.schema, obj, config, applier, force=options.force, ignored=ignored)

        return writer.update(kind, *key, change, options, subresource=subresource, patch=True, applied=True)
    if stated.get("uid"):
        why = f"uid mismatch: the provided object specified uid {stated['uid']}, and no object was found"
        raise conflict(kind.resource, key.name, why)
    managed = apply.create(kind.schema, config, applier, ignored)
    return writer.create(kind, key.namespace, config, options, managed)


def _stated_metadata(kind: Kind, config: Any, name: str, options: WriteOptions) -> Json:
    if type(config) is not dict:
        raise bad_request("an apply configuration must be an object")
    if (config.get("apiVersion"), config.get("kind")) != (kind.api_version, kind.kind):
        group, _, version = str(config.get("apiVersion") or "").rpartition("/")
        raise bad_request(f"invalid object type: {group}/{version}, Kind={config.get('kind') or ''}")
    stated = config.get("metadata") or {}
    if type(stated) is not dict:
        raise bad_request("metadata must be an object")
    if not options.field_manager:
        error = FieldError("Required value", "fieldManager", "is required for apply patch")
        raise invalid("meta.k8s.io", "PatchOptions", "", [error])
    if stated.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if stated.get("name", name) != name:
        raise bad_request(f"the name of the object ({stated['name']}) does not match the name on the URL ({name})")
    return stated


def _not_applied(kind: Kind, subresource: str) -> frozenset[str]:
    """The top-level fields that an apply to the object, or to its status, cannot own."""
    if subresource == "status":
        return frozenset(kind.schema.properties) - {"status", "apiVersion", "kind"}
    return frozenset({"status"}) if kind.status else frozenset()
