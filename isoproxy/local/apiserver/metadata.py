"""The metadata every object has: names, versions, owners, and what of it a write may change. Pure."""

import re
from datetime import UTC, datetime
from typing import Any

from isoproxy.local.apiserver.errors import FieldError

Json = dict[str, Any]

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_QUALIFIED = re.compile(r"(?:(?P<prefix>[^/]+)/)?(?P<name>[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)\Z")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?\Z")
MAX_ANNOTATIONS = 256 * 1024  # bytes of all of an object's annotations
MAX_GENERATED_PREFIX = 58  # characters of generateName that are kept
SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def timestamp(now: float) -> str:
    """Seconds since the epoch as a metav1.Time."""
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(now: float) -> str:
    """Seconds since the epoch as a metav1.MicroTime."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(text: Any) -> float | None:
    """The time that a timestamp names, None if it names none."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def is_subdomain(name: str) -> bool:
    return len(name) <= 253 and _SUBDOMAIN.match(name) is not None


def is_label(name: str) -> bool:
    return len(name) <= 63 and _LABEL.match(name) is not None


def validate(metadata: Json, *, label_names: bool = False) -> list[FieldError]:
    """What is wrong with the metadata of a new object; `label_names` for kinds whose names are single labels."""
    errors: list[FieldError] = []
    name = metadata["name"]
    if not (is_label(name) if label_names else is_subdomain(name)):
        errors.append(
            FieldError("Invalid value", "metadata.name", LABEL_WORDS if label_names else SUBDOMAIN_WORDS, name)
        )
    errors += validate_labels(metadata.get("labels") or {}, "metadata.labels")
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        errors += _qualified(key.lower(), "metadata.annotations")
    if annotations and sum(len(key) + len(value.encode()) for key, value in annotations.items()) > MAX_ANNOTATIONS:
        detail = f"may not be more than {MAX_ANNOTATIONS} bytes"
        errors.append(FieldError("Too long", "metadata.annotations", detail))
    owners = metadata.get("ownerReferences") or ()
    for owner in owners:
        errors += _owner(owner)
    if sum(owner.get("controller") is True for owner in owners) > 1:
        detail = "Only one reference can have Controller set to true"
        errors.append(FieldError("Invalid value", "metadata.ownerReferences", detail, owners))
    for finalizer in metadata.get("finalizers") or ():
        errors += _qualified(finalizer, "metadata.finalizers")
    return errors


def validate_labels(labels: Json, path: str) -> list[FieldError]:
    """What is wrong with labels, or with what a selector wants them to be."""
    errors: list[FieldError] = []
    for key, value in labels.items():
        errors += _qualified(key, path)
        if len(value) > 63:
            errors.append(FieldError("Invalid value", path, "must be no more than 63 bytes", value))
        elif not _LABEL_VALUE.match(value):
            errors.append(FieldError("Invalid value", path, LABEL_VALUE_WORDS, value))
    return errors


def _qualified(key: str, path: str) -> list[FieldError]:
    found = _QUALIFIED.match(key)
    if found is not None and len(found["name"]) <= 63 and (found["prefix"] is None or is_subdomain(found["prefix"])):
        return []
    detail = "name part must consist of alphanumeric characters, '-', '_' or '.', with an optional DNS prefix and '/'"
    return [FieldError("Invalid value", path, detail, key)]


def _owner(owner: Json) -> list[FieldError]:
    return [
        FieldError("Invalid value", f"metadata.ownerReferences.{key}", "must not be empty", owner.get(key, ""))
        for key in ("apiVersion", "kind", "name", "uid")
        if not owner.get(key)
    ]


# Set by the server alone: an update that leaves one of the first out keeps it, one that changes it is refused; whatever
# it says of the second is ignored.
_FIXED = ("uid", "deletionTimestamp", "deletionGracePeriodSeconds", "namespace", "name")
_KEPT = ("creationTimestamp", "generation", "selfLink")


def carry_over(metadata: Json, old: Json) -> Json:
    """The metadata of an update with what the server alone sets put back where it was left out."""
    merged = dict(metadata)
    for key in _FIXED:
        if key in old and not merged.get(key):
            merged[key] = old[key]
    for key in _KEPT:
        if key in old:
            merged[key] = old[key]
        else:
            merged.pop(key, None)
    merged["resourceVersion"] = old["resourceVersion"]
    return merged


def validate_update(metadata: Json, old: Json) -> list[FieldError]:
    """What an update may not do to the metadata; both sides after `carry_over`."""
    errors = [
        FieldError("Invalid value", f"metadata.{key}", "field is immutable", metadata.get(key))
        for key in _FIXED
        if metadata.get(key) != old.get(key)
    ]
    if old.get("deletionTimestamp"):
        added = [item for item in metadata.get("finalizers") or () if item not in (old.get("finalizers") or ())]
        if added:
            detail = f"no new finalizers can be added if the object is being deleted, found new finalizers {added}"
            errors.append(FieldError("Forbidden", "metadata.finalizers", detail))
    return errors
