"""What is served, as clients discover it: the old way group by group, and the aggregated way at once. Pure."""

from collections.abc import Iterable
from typing import Any

from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.kinds.registry import Registry

Json = dict[str, Any]

VERSION: Json = {
    "major": "1",
    "minor": "35",
    "gitVersion": "v1.35.0+isoproxy",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}
AGGREGATED = "apidiscovery.k8s.io"
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_READ_WRITE = ["get", "patch", "update"]


def groups(registry: Registry) -> dict[str, list[str]]:
    """The versions of each group, the core group ("") first."""
    found: dict[str, list[str]] = {"": []}
    for kind in registry:
        versions = found.setdefault(kind.group, [])
        if kind.version not in versions:
            versions.append(kind.version)
    return found


def api_versions() -> Json:
    """`/api`"""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def group(name: str, versions: list[str]) -> Json:
    """`/apis/GROUP`"""
    shown = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": shown, "preferredVersion": shown[0]}


def group_list(registry: Registry) -> Json:
    """`/apis`"""
    found = [group(name, versions) for name, versions in groups(registry).items() if name]
    shown = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in found]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": shown}


def resource_list(registry: Registry, group: str, version: str) -> Json | None:
    """`/api/v1` and `/apis/GROUP/VERSION`; None if there is no such group version."""
    kinds = [kind for kind in registry if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": [item for kind in kinds for item in _resources(kind)],
    }


def _resources(kind: Kind) -> Iterable[Json]:
    shown: Json = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _VERBS,
    }
    if kind.short_names:
        shown["shortNames"] = list(kind.short_names)
    if kind.categories:
        shown["categories"] = list(kind.categories)
    yield shown
    for name, verbs, extra in _subresources(kind):
        below = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
        yield below | {"kind": extra.get("kind", kind.kind), "verbs": verbs} | extra


def _subresources(kind: Kind) -> Iterable[tuple[str, list[str], Json]]:
    """Name, verbs, and the kind where it is another than the object's."""
    if kind.status:
        yield "status", _READ_WRITE, {}
    if kind.scale is not None:
        yield "scale", _READ_WRITE, {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    if "binding" in kind.subresources:
        yield "binding", ["create"], {"kind": "Binding"}
    if "log" in kind.subresources:
        yield "log", ["get"], {}


def aggregated(registry: Registry, *, core: bool) -> Json:
    """`/api` (core) or `/apis`, everything at once: an APIGroupDiscoveryList."""
    items = []
    for name, versions in groups(registry).items():
        if (name == "") is not core:
            continue
        shown = [{"version": version, "resources": _discovered(registry, name, version)} for version in versions]
        items.append(
            {
                "metadata": {"name": name} if name else {},
                "versions": [item | {"freshness": "Current"} for item in shown],
            }
        )
    return {"kind": "APIGroupDiscoveryList", "apiVersion": f"{AGGREGATED}/v2", "metadata": {}, "items": items}


def _discovered(registry: Registry, group: str, version: str) -> list[Json]:
    found = []
    for kind in registry:
        if (kind.group, kind.version) != (group, version):
            continue
        shown: Json = {
            "resource": kind.plural,
            "responseKind": {"group": group, "version": version, "kind": kind.kind},
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "singularResource": kind.singular,
            "verbs": _VERBS,
        }
        if kind.short_names:
            shown["shortNames"] = list(kind.short_names)
        if kind.categories:
            shown["categories"] = list(kind.categories)
        below = [
            {"subresource": name, "responseKind": _response_kind(kind, extra), "verbs": verbs}
            for name, verbs, extra in _subresources(kind)
        ]
        found.append(shown | ({"subresources": below} if below else {}))
    return found


def _response_kind(kind: Kind, extra: Json) -> Json:
    own = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    return own | {key: extra[key] for key in ("group", "version", "kind") if key in extra}
