"""Lists: of now, of an earlier version, and in pages of one version. Pure."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from isoproxy.local.apiserver.errors import FieldError, StatusError, bad_request, expired, invalid
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.options import ListOptions
from isoproxy.local.apiserver.selectors import Selection, parse
from isoproxy.local.apiserver.store import Bucket, Key, Store, Stored

Json = dict[str, Any]

_ALWAYS_SELECTABLE = {"metadata.name": ("metadata", "name"), "metadata.namespace": ("metadata", "namespace")}


@dataclass(frozen=True, slots=True)
class Page:
    """Objects as they were at `version`; `continue_token` asks for the next ones, "" at the end."""

    items: list[Stored]
    version: int
    continue_token: str = ""
    remaining: int | None = None


def selection(kind: Kind, label_selector: str, field_selector: str) -> Selection:
    return parse(label_selector, field_selector, _ALWAYS_SELECTABLE | dict(kind.selectable))


def read_list(store: Store, kind: Kind, namespace: str | None, options: ListOptions) -> Page:
    """One page of the objects of a kind in a namespace, or in all (None).

    400 for options that make no sense, 410 for a version that is no longer known, 504 for one that is not yet.
    """
    bucket = store.bucket(kind.bucket)
    selected = selection(kind, options.label_selector, options.field_selector)
    version, start = _where(store, options)
    if version is None:
        found = _now(bucket, namespace, selected)
        version = store.version
    else:
        found = _then(bucket, namespace, selected, version, continued=bool(options.continue_token))
    if start is not None:
        found = [item for item in found if item[0] > start]
    items = [stored for _, stored in found]
    if not options.limit or len(found) <= options.limit:
        return Page(items, version)
    left = len(found) - options.limit if selected.everything else None
    return Page(items[: options.limit], version, _token(version, found[options.limit - 1][0]), left)


def _now(bucket: Bucket, namespace: str | None, selected: Selection) -> list[tuple[Key, Stored]]:
    name = selected.one_name
    if name is not None and namespace is not None:
        stored = bucket.objects.get(Key(namespace, name))
        return [(Key(namespace, name), stored)] if stored is not None and selected.matches(stored.object) else []
    found = bucket.select(namespace)
    return found if selected.everything else [item for item in found if selected.matches(item[1].object)]


def _then(
    bucket: Bucket, namespace: str | None, selected: Selection, version: int, *, continued: bool
) -> list[tuple[Key, Stored]]:
    objects = bucket.at(version)
    if objects is None:
        if continued:
            raise _token_expired()
        raise expired(f"The resourceVersion for the provided list is too old: {version}")
    chosen = (item for item in objects.items() if namespace is None or item[0].namespace == namespace)
    return sorted(item for item in chosen if selected.matches(item[1].object))


def _where(store: Store, options: ListOptions) -> tuple[int | None, Key | None]:
    """The version to list (None for now), and the key after which the page begins."""
    match = options.resource_version_match
    if match:
        _check_match(match, options)
    if options.continue_token:
        if options.resource_version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        version, last = _read_token(options.continue_token)
        if version > store.version:
            raise _token_expired()
        return version, last
    asked = parse_version(options.resource_version)
    refuse_future(store, asked)
    exact = match == "Exact" or (asked and options.limit and not match)
    return (asked if exact else None), None


def _check_match(match: str, options: ListOptions) -> None:
    """Refuse with 422 a resourceVersionMatch that does not go with the rest."""
    field = "resourceVersionMatch"
    if match not in ("Exact", "NotOlderThan"):
        error = FieldError("Unsupported value", field, 'supported values: "Exact", "NotOlderThan", ""', match)
    elif not options.resource_version:
        error = FieldError("Forbidden", field, "resourceVersionMatch is forbidden unless resourceVersion is provided")
    elif options.continue_token:
        error = FieldError("Forbidden", field, "resourceVersionMatch is forbidden when continue is provided")
    elif match == "Exact" and options.resource_version == "0":
        error = FieldError("Forbidden", field, 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"')
    else:
        return
    raise invalid("meta.k8s.io", "ListOptions", "", [error])


def parse_version(text: str) -> int:
    """A resourceVersion parameter; "" and "0" are 0."""
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal() or len(text) > 19:
        raise bad_request(f'Invalid value: "{text}": the resourceVersion is not a number')
    return int(text)


def refuse_future(store: Store, asked: int) -> None:
    if asked > store.version:
        details: Json = {
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }
        message = f"Timeout: Too large resource version: {asked}, current: {store.version}"
        raise StatusError(504, "Timeout", message, details)


def _token(version: int, last: Key) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": list(last)}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _token_expired() -> StatusError:
    return expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a "
        "new list without the continue parameter."
    )


def _read_token(token: str) -> tuple[int, Key]:
    try:
        content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = map(str, content["start"])
        return int(content["rv"]), Key(namespace, name)
    except (binascii.Error, ValueError, OverflowError, KeyError, TypeError, RecursionError):
        raise bad_request("continue key is not valid: the token was not made by this server") from None
