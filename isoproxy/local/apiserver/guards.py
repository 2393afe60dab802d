"""What an update says of the object that it is for, its metadata against the stored one's. Pure."""

from typing import Any

from isoproxy.local.apiserver.errors import MODIFIED, FieldError, bad_request, conflict, invalid
from isoproxy.local.apiserver.kinds.kind import Kind

Json = dict[str, Any]


def check_place(new: Json, old: Json) -> None:
    """Refuse an update that says it is of another object than the one that the URL names."""
    if not new.get("name"):
        raise bad_request(f"the name of the object ({old['name']} based on URL) was undeterminable")
    if new["name"] != old["name"]:
        message = f"the name of the object ({new['name']}) does not match the name on the URL ({old['name']})"
        raise bad_request(message)
    if new.get("namespace") and new["namespace"] != old.get("namespace"):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def check(kind: Kind, new: Json, old: Json, patch: bool) -> None:
    """Refuse an update that was made of another version or another object; `patch`: it need not name a version."""
    version = new.get("resourceVersion")
    if version in (None, "", "0"):
        if not patch and not kind.unconditional_update:
            error = FieldError("Invalid value", "metadata.resourceVersion", "must be specified for an update", 0)
            raise invalid(kind.group, kind.plural, old["name"], [error])
    elif version != old["resourceVersion"]:
        raise conflict(kind.resource, old["name"], MODIFIED)
    if not patch and new.get("uid") not in (None, "", old["uid"]):
        raise conflict(kind.resource, old["name"], precondition("UID", new["uid"], old["uid"]))


def precondition(what: str, wanted: str, found: str) -> str:
    return f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
