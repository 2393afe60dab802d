"""From what was sent to what may be stored: decoded, pruned, defaulted, validated. Pure."""

from typing import Any

from isoproxy.local.apiserver import metadata, scale
from isoproxy.local.apiserver.errors import FieldError, StatusError, bad_request, invalid
from isoproxy.local.apiserver.kinds.kind import Kind, dig
from isoproxy.local.apiserver.options import WriteOptions
from isoproxy.local.apiserver.schema.defaults import fill
from isoproxy.local.apiserver.schema.prune import prune
from isoproxy.local.apiserver.schema.rules import check_rules
from isoproxy.local.apiserver.schema.validate import validate
from isoproxy.local.apiserver.store import encode

Json = dict[str, Any]

_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


def decode(
    kind: Kind,
    body: Any,
    options: WriteOptions,
    warnings: list[str],
    *,
    patched: bool = False,
    applied: bool = False,
) -> Json:
    """The object that a body describes, in the form of the kind's own view, without unknown fields.

    Types that a real server could not read are refused with 400. Unknown fields are refused (400, or 422 if a
    patch brought them), warned of, or dropped silently, as the options say. `applied`: by a server-side apply,
    which means the nulls that it says.
    """
    unknown: list[str] = []
    obj: Json = prune(kind.schema, _envelope(kind, body, patched), "", unknown, nulls=applied)
    _check_types(kind, obj, patched)
    if unknown and options.validation != "Ignore":
        found = [f'unknown field "{path}"' for path in sorted(unknown, key=_metadata_first)]
        if options.validation == "Strict" and patched:
            raise _no_patch(obj, _strict(found))
        if options.validation == "Strict":
            raise cannot_be_handled(kind, _strict(found))
        warnings += found
    return obj


def _metadata_first(path: str) -> tuple[bool, str]:
    return not path.startswith("metadata."), path


def _no_patch(obj: Json, why: str) -> StatusError:
    return invalid("", "", "", [FieldError("Invalid value", "patch", why, encode(obj).decode())])


def _strict(found: list[str]) -> str:
    return f"strict decoding error: {', '.join(found)}"


def _envelope(kind: Kind, body: Any, patched: bool) -> Json:
    if type(body) is not dict:
        raise bad_request("the body of the request must be an object")
    api_version = body.get("apiVersion") or ("" if kind.custom else kind.api_version)
    name = body.get("kind") or ("" if kind.custom else kind.kind)
    if not name or not api_version:
        raise bad_request(f"Object '{'Kind' if not name else 'apiVersion'}' is missing in the body")
    if api_version != kind.api_version and patched:
        raise _of_another(kind, body, "apiVersion", kind.api_version)
    if api_version != kind.api_version:
        message = f"the API version in the data ({api_version}) does not match the expected API version"
        raise bad_request(f"{message} ({kind.api_version})")
    if name != kind.kind and (patched or kind.custom):
        raise _of_another(kind, body, "kind", kind.kind)
    if name != kind.kind:
        raise bad_request(f"the kind in the data ({name}) does not match the expected kind ({kind.kind})")
    # The envelope comes first in what is stored, however it was sent.
    return {"apiVersion": api_version, "kind": name, **body, "metadata": body.get("metadata") or {}}


def _of_another(kind: Kind, body: Json, field: str, expected: str) -> StatusError:
    error = FieldError("Invalid value", field, f"must be {expected}", body[field])
    return invalid(kind.group, body.get("kind") or kind.kind, dig(body, ("metadata", "name")) or "", [error])


def _check_types(kind: Kind, obj: Json, patched: bool) -> None:
    """Refuse what does not fit the types: of built-in kinds all of it, of custom ones the metadata only."""
    errors: list[FieldError] = []
    if kind.custom:
        validate(kind.schema.properties["metadata"], obj["metadata"], "metadata", errors)
    else:
        validate(kind.schema, obj, "", errors)
    wrong = next((error for error in errors if error.type_error), None)
    if wrong is not None and patched:
        raise _no_patch(obj, wrong.detail)
    if wrong is not None:
        raise cannot_be_handled(kind, f"json: cannot unmarshal: {wrong.detail}")
    if errors:
        raise invalid(kind.group, kind.kind, obj["metadata"].get("name", ""), errors)


def cannot_be_handled(kind: Kind, why: str) -> StatusError:
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}')


def default(kind: Kind, obj: Json) -> Json:
    """The object with the defaults of its schema."""
    filled: Json = fill(kind.schema, obj)
    return filled


def check(kind: Kind, obj: Json, old: Json | None) -> None:
    """Refuse with 422 what may not be stored; `old` is what it replaces, None for a create."""
    errors: list[FieldError] = []
    if old is None:
        errors += metadata.validate(obj["metadata"], label_names=kind.bucket == "namespaces")
    elif obj["metadata"] != old["metadata"]:
        errors += metadata.validate_update(obj["metadata"], old["metadata"])
        errors += metadata.validate(obj["metadata"], label_names=kind.bucket == "namespaces")
    if kind.custom:
        validate(kind.schema, obj, "", errors)
        errors += scale.validate(obj, kind.scale) if kind.scale is not None else []
        if kind.schema.has_rules and any(error.blocking for error in errors):
            errors.append(FieldError("Invalid value", "", _UNCHECKED, None))
        else:
            check_rules(kind.schema, obj, old, "", errors)
    errors += kind.behaviour.validate(obj, old)
    if errors:
        raise invalid(kind.group, kind.kind, obj["metadata"].get("name", ""), errors)
