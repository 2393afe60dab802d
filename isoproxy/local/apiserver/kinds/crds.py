"""CustomResourceDefinitions: validated, and turned into the kinds that they define. Pure."""

from collections.abc import Callable
from functools import cache
from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.kinds.columns import DEFAULT, NAME
from isoproxy.local.apiserver.kinds.durations import since
from isoproxy.local.apiserver.kinds.jsonpath import compile_path, simple_path
from isoproxy.local.apiserver.kinds.kind import Behaviour, Column, Kind, Path, Scale
from isoproxy.local.apiserver.metadata import is_label, is_subdomain
from isoproxy.local.apiserver.schema.node import Node
from isoproxy.local.apiserver.schema.structural import parse
from isoproxy.local.apiserver.store import encode

Json = dict[str, Any]

_PROTECTED = (".k8s.io", ".kubernetes.io")
_APPROVAL = "api-approved.kubernetes.io"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class CrdBehaviour(Behaviour):
    """`metadata` is the schema of every object's metadata."""

    def __init__(self, metadata: Node) -> None:
        self.metadata = metadata

    def prepare_create(self, obj: Json) -> Json:
        spec = _spec(obj.get("spec") or {})
        finalizers = [*(obj["metadata"].get("finalizers") or ()), CLEANUP]
        made = obj | {"metadata": obj["metadata"] | {"finalizers": finalizers}, "spec": spec}
        return made | {"status": _status(spec, obj["metadata"]["creationTimestamp"])}

    def prepare_update(self, obj: Json, old: Json) -> Json:
        del old
        spec = _spec(obj.get("spec") or {})
        names = spec["names"]
        status = obj.get("status") or {}
        stored = list(dict.fromkeys([*(status.get("storedVersions") or ()), *_storage_versions(spec)]))
        return obj | {"spec": spec, "status": status | {"acceptedNames": names, "storedVersions": stored}}

    def validate(self, obj: Json, old: Json | None) -> list[FieldError]:
        errors: list[FieldError] = []
        spec = obj["spec"]
        _check_names(obj, errors)
        if old is not None:
            for path in (("group",), ("scope",), ("names", "plural"), ("names", "kind")):
                before, after = _at(old["spec"], path), _at(spec, path)
                if before != after:
                    errors.append(FieldError("Invalid value", f"spec.{'.'.join(path)}", "field is immutable", after))
        if not errors:
            kinds_of(obj, self.metadata, errors)
        return errors


def kinds_of(crd: Json, metadata: Node, errors: list[FieldError]) -> list[Kind]:
    """The served versions of a CRD as kinds; what is wrong with the CRD is appended to `errors`."""
    found = []
    names = [version.get("name", "") for version in crd["spec"].get("versions") or ()]
    if len(set(names)) != len(names) or not names:
        errors.append(FieldError("Invalid value", "spec.versions", "must be one or more, with different names", names))
    storage = _storage_versions(crd["spec"])
    if len(storage) != 1:
        errors.append(
            FieldError("Invalid value", "spec.versions", "must have exactly one version marked as storage version")
        )
        return []
    for index, version in enumerate(crd["spec"]["versions"]):
        kind = _kind(crd["spec"], version, storage[0], f"spec.versions[{index}]", metadata, errors)
        if kind is not None and version.get("served"):
            found.append(kind)
    return found


def _kind(spec: Json, version: Json, storage: str, where: str, metadata: Node, errors: list[FieldError]) -> Kind | None:
    stated = (version.get("schema") or {}).get("openAPIV3Schema")
    if not stated:
        errors.append(FieldError("Required value", f"{where}.schema.openAPIV3Schema", "schemas are required"))
        return None
    schema = parse(stated, f"{where}.schema.openAPIV3Schema", metadata, errors)
    names = spec["names"]
    group = spec["group"]
    subresources = version.get("subresources") or {}
    status = subresources.get("status") is not None
    view = None if version["name"] == storage else _view(f"{group}/{version['name']}")
    return Kind(
        group=group,
        version=version["name"],
        plural=names["plural"],
        singular=names["singular"],
        kind=names["kind"],
        list_kind=names["listKind"],
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        schema=schema,
        bucket=f"{names['plural']}.{group}",
        custom=True,
        status=status,
        scale=_scale(subresources.get("scale"), f"{where}.subresources.scale", errors),
        generation=True,
        unconditional_update=False,
        selectable=_selectable(version, where, errors),
        columns=_columns(version, where, errors),
        inward=None if view is None else _view(f"{group}/{storage}"),
        outward=view,
    )


@cache
def _view(api_version: str) -> Callable[[Json], Json]:
    """Versions of a CRD differ in the name only: there are no conversion webhooks here."""
    return lambda obj: obj | {"apiVersion": api_version}


def _scale(stated: Json | None, where: str, errors: list[FieldError]) -> Scale | None:
    if stated is None:
        return None
    spec = _path(stated.get("specReplicasPath", ""), f"{where}.specReplicasPath", errors)
    status = _path(stated.get("statusReplicasPath", ""), f"{where}.statusReplicasPath", errors)
    selector = stated.get("labelSelectorPath")
    return Scale(spec, status, _path(selector, f"{where}.labelSelectorPath", errors) if selector else None)


def _path(text: str, where: str, errors: list[FieldError]) -> Path:
    try:
        return simple_path(text)
    except ValueError as error:
        errors.append(FieldError("Invalid value", where, str(error), text))
        return ()


def _selectable(version: Json, where: str, errors: list[FieldError]) -> dict[str, Path]:
    found = {}
    for index, field in enumerate(version.get("selectableFields") or ()):
        text = field.get("jsonPath", "")
        found[text.removeprefix(".")] = _path(text, f"{where}.selectableFields[{index}].jsonPath", errors)
    return found


def _columns(version: Json, where: str, errors: list[FieldError]) -> tuple[Column, ...]:
    stated = version.get("additionalPrinterColumns")
    if not stated:
        return DEFAULT
    columns = [NAME]
    for index, column in enumerate(stated):
        try:
            columns.append(_column(column))
        except ValueError as error:
            place = f"{where}.additionalPrinterColumns[{index}].jsonPath"
            errors.append(FieldError("Invalid value", place, str(error), column.get("jsonPath")))
    return tuple(columns)


def _column(stated: Json) -> Column:
    find = compile_path(stated.get("jsonPath", ""))
    kind = stated.get("type", "string")

    def value(obj: Json, now: float) -> Any:
        found = find(obj)
        if kind == "date":
            return since(found[0], now) if found else None
        return _cell(found, kind)

    more = {"format": stated.get("format", ""), "description": stated.get("description", "")}
    return Column(stated.get("name", ""), value, kind, priority=stated.get("priority", 0), **more)


def _cell(found: list[Any], kind: str) -> Any:
    if not found or found[0] is None:
        return None
    first = found[0]
    if kind == "string":
        return first if type(first) is str else _text(first)
    wanted: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,)}
    return first if type(first) in wanted.get(kind, ()) else None


def _text(value: Any) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    return encode(value).decode() if type(value) in (dict, list) else str(value)


def _storage_versions(spec: Json) -> list[str]:
    return [version["name"] for version in spec.get("versions") or () if version.get("storage")]


def _spec(spec: Json) -> Json:
    names = dict(spec.get("names") or {})
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    return {"conversion": {"strategy": "None"}} | spec | {"names": names}


def _status(spec: Json, now: str) -> Json:
    def condition(kind: str, reason: str, message: str) -> Json:
        return {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}

    return {
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "acceptedNames": spec["names"],
        "storedVersions": _storage_versions(spec),
    }


def _check_names(crd: Json, errors: list[FieldError]) -> None:
    spec = crd["spec"]
    names = spec["names"]
    group = spec.get("group", "")
    if not is_subdomain(group) or "." not in group:
        errors.append(FieldError("Invalid value", "spec.group", "should be a domain with at least one dot", group))
    if group.endswith(_PROTECTED) and _APPROVAL not in (crd["metadata"].get("annotations") or {}):
        detail = f"protected groups must have approval annotation {_APPROVAL!r}"
        errors.append(FieldError("Required value", f"metadata.annotations[{_APPROVAL}]", detail))
    for key in ("plural", "kind"):
        if not names.get(key):
            errors.append(FieldError("Required value", f"spec.names.{key}"))
        elif not is_label(names[key].lower()):
            errors.append(FieldError("Invalid value", f"spec.names.{key}", "must be a DNS label", names[key]))
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        detail = 'supported values: "Cluster", "Namespaced"'
        errors.append(FieldError("Unsupported value", "spec.scope", detail, spec.get("scope", "")))
    expected = f"{names.get('plural')}.{group}"
    if crd["metadata"]["name"] != expected:
        detail = f'must be spec.names.plural+"."+spec.group: {expected}'
        errors.append(FieldError("Invalid value", "metadata.name", detail, crd["metadata"]["name"]))
    if spec["conversion"].get("strategy") != "None":
        detail = "only conversion strategy None is supported by this server"
        errors.append(
            FieldError("Invalid value", "spec.conversion.strategy", detail, spec["conversion"].get("strategy"))
        )


def _at(value: Json, path: Path) -> Any:
    for key in path:
        value = value.get(key) or {}
    return value
