"""From a method, a URL and a content type to what is asked for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qsl, unquote

from isoproxy.local.apiserver.errors import (
    FieldError,
    StatusError,
    bad_request,
    invalid,
    method_not_allowed,
    no_such_path,
)
from isoproxy.local.apiserver.options import DeleteOptions, ListOptions, Validation, WriteOptions

Parameters = Mapping[str, str]

MAX_PARAMETERS = 100
MAX_SEGMENTS = 12
_TRUE = frozenset({"", "1", "t", "T", "true", "True", "TRUE"})
_FALSE = frozenset({"0", "f", "F", "false", "False", "FALSE"})


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """`/api/v1/namespaces/NS/pods/NAME/SUB` taken apart; `namespace` None means all of them, or none."""

    group: str
    version: str
    plural: str
    namespace: str | None
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is a ResourcePath, or the segments of anything else that is served."""

    method: str
    path: ResourcePath | tuple[str, ...]
    parameters: Parameters = field(default_factory=dict)

    @property
    def verb(self) -> str:
        """get, list, watch, create, update, patch, delete or deletecollection; 405 for what has none."""
        assert isinstance(self.path, ResourcePath)
        named = bool(self.path.name)
        if self.method == "GET":
            if flag(self.parameters, "watch") and not self.path.subresource:
                return "watch"
            return "get" if named else "list"
        verbs = {"PUT": "update", "PATCH": "patch", "DELETE": "delete"} if named else {"DELETE": "deletecollection"}
        if self.method == "POST" and (not named or self.path.subresource):
            return "create"
        if self.method not in verbs:
            raise method_not_allowed(self.method)
        return verbs[self.method]


def parse(method: str, uri: bytes) -> Request:
    """Take a request line apart. 400 for what is no URL of ours, 404 for a path that leads nowhere."""
    try:
        path, _, query = uri.decode("ascii").partition("?")
        segments = tuple(unquote(part, errors="strict") for part in path.split("/") if part)
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError:
        raise bad_request("the URL of the request is not understood") from None
    if len(segments) > MAX_SEGMENTS or any("/" in part or part in (".", "..") or "\0" in part for part in segments):
        raise no_such_path()
    # The first of repeated parameters counts, as on a real server.
    parameters = dict(reversed(pairs))
    return Request(method, _resource(segments) or segments, parameters)


def _resource(segments: tuple[str, ...]) -> ResourcePath | None:
    if segments[:1] == ("api",) and len(segments) > 2:
        group, version, rest = "", segments[1], segments[2:]
    elif segments[:1] == ("apis",) and len(segments) > 3:
        group, version, rest = segments[1], segments[2], segments[3:]
    else:
        return None
    # /namespaces/NS/pods is in a namespace; /namespaces, /namespaces/NS and /namespaces/NS/status are of one.
    in_namespace = rest[0] == "namespaces" and len(rest) > 2 and not (group == "" and rest[2] in ("status", "finalize"))
    namespace = rest[1] if in_namespace else None
    plural, *more = rest[2:] if in_namespace else rest
    if len(more) > 2:
        raise no_such_path()
    name, subresource = (*more, "", "")[:2]
    return ResourcePath(group, version, plural, namespace, name, subresource)


def flag(parameters: Parameters, name: str) -> bool:
    """A boolean parameter, false if absent."""
    value = parameters.get(name)
    if value is None or value in _FALSE:
        return False
    if value in _TRUE:
        return True
    raise bad_request(f"{name}: {value!r} is neither true nor false")


def number(parameters: Parameters, name: str) -> int | None:
    """A whole number that is not negative, None if absent or empty."""
    value = parameters.get(name)
    if not value:
        return None
    if not value.isascii() or not value.isdecimal() or len(value) > 18:
        raise bad_request(f"{name}: {value!r} is not a whole number from 0 on")
    return int(value)


def list_options(parameters: Parameters) -> ListOptions:
    return ListOptions(
        label_selector=parameters.get("labelSelector", ""),
        field_selector=parameters.get("fieldSelector", ""),
        resource_version=parameters.get("resourceVersion", ""),
        resource_version_match=parameters.get("resourceVersionMatch", ""),
        limit=number(parameters, "limit") or 0,
        continue_token=parameters.get("continue", ""),
    )


def write_options(parameters: Parameters, manager: str, verb: str) -> WriteOptions:
    """The options of a create, update or patch; `manager` is who writes if the request does not say."""
    kind = f"{verb.capitalize()}Options"
    validation = parameters.get("fieldValidation") or "Warn"
    if validation not in ("Strict", "Warn", "Ignore"):
        raise _no_option(kind, "fieldValidation", validation, "Ignore", "Strict", "Warn")
    manager = parameters.get("fieldManager") or manager
    if len(manager) > 128 or not manager.isprintable():
        detail = "may not be longer than 128 printable characters"
        raise invalid("meta.k8s.io", kind, "", [FieldError("Invalid value", "fieldManager", detail, manager)])
    return WriteOptions(
        validation=cast("Validation", validation),
        dry_run=_dry_run(kind, parameters),
        field_manager=manager,
        force=flag(parameters, "force"),
    )


def _dry_run(kind: str, parameters: Parameters) -> bool:
    value = parameters.get("dryRun")
    if value not in (None, "", "All"):
        raise _no_option(kind, "dryRun", [value], "All")
    return bool(value)


def _no_option(kind: str, name: str, value: object, *supported: str) -> StatusError:
    listed = ", ".join(f'"{item}"' for item in supported)
    error = FieldError("Unsupported value", name, f"supported values: {listed}", value)
    return invalid("meta.k8s.io", kind, "", [error])


def delete_options(parameters: Parameters, body: object) -> DeleteOptions:
    """The options of a DELETE: its body's, and its parameters' where the body says nothing."""
    stated = body if isinstance(body, dict) else {}
    if stated.get("kind", "DeleteOptions") != "DeleteOptions":
        raise bad_request("the body of a DELETE must be DeleteOptions")
    preconditions = stated.get("preconditions") or {}
    if not isinstance(preconditions, dict):
        raise bad_request("preconditions must be an object")
    grace = stated.get("gracePeriodSeconds")
    if grace is not None and type(grace) is not int:
        raise bad_request("gracePeriodSeconds must be an integer")
    propagation = stated.get("propagationPolicy") or parameters.get("propagationPolicy")
    if stated.get("orphanDependents") or flag(parameters, "orphanDependents"):
        propagation = propagation or "Orphan"
    if propagation not in (None, "Background", "Foreground", "Orphan"):
        raise _no_option("DeleteOptions", "propagationPolicy", propagation, "Foreground", "Background", "Orphan")
    return DeleteOptions(
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        grace_period_seconds=grace if grace is not None else number(parameters, "gracePeriodSeconds"),
        propagation=propagation or "Background",
        dry_run=_dry_run("DeleteOptions", parameters) or stated.get("dryRun") == ["All"],
    )
