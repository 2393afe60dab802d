"""Everything that is served beside objects: discovery, OpenAPI, version, health. Pure; documents are made once."""

from collections.abc import Callable
from typing import Any

from isoproxy.local.apiserver.errors import no_such_path
from isoproxy.local.apiserver.kinds.registry import Registry
from isoproxy.local.apiserver.store import encode
from isoproxy.local.apiserver.web import discovery, negotiation, openapi, protobuf
from isoproxy.local.apiserver.web.answers import Answer

Json = dict[str, Any]
Segments = tuple[str, ...]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
OPENAPI_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
# What is asked for is no media type by the rules, and old kubectls refuse an answer that repeats it.
OPENAPI_PROTOBUF_ANSWER = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_PATHS = ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
_HEALTH = ("healthz", "livez", "readyz")


class Documents:
    """Answers by path, from what the registry serves now."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._made: dict[tuple[str, Segments], bytes] = {}
        self._revision = -1

    def answer(self, segments: Segments, accept: str) -> Answer:
        """404 for a path that leads nowhere, 406 for a form that there is not."""
        if segments[:1] and segments[0] in _HEALTH:
            return Answer(200, b"ok", "text/plain; charset=utf-8")
        if segments[:2] == ("openapi", "v2") and len(segments) == 2:
            return self._openapi_v2(accept)
        if segments in (("api",), ("apis",)) and _wants_aggregated(accept):
            body = self._once("aggregated", segments, self._aggregated)
            return Answer(200, body, AGGREGATED)
        negotiation.choose(accept, shapes=False)
        return Answer(200, self._once("json", segments, self._plain))

    def _once(self, form: str, segments: Segments, make: Callable[[Segments], Json | None]) -> bytes:
        if self._revision != self._registry.revision:
            self._made.clear()
            self._revision = self._registry.revision
        found = self._made.get((form, segments))
        if found is None:
            document = make(segments)
            if document is None:
                raise no_such_path()
            found = self._made[form, segments] = encode(document)
        return found

    def _aggregated(self, segments: Segments) -> Json:
        return discovery.aggregated(self._registry, core=segments == ("api",))

    def _plain(self, segments: Segments) -> Json | None:
        fixed: dict[Segments, Callable[[], Json]] = {
            (): lambda: {"paths": _PATHS},
            ("version",): lambda: discovery.VERSION,
            ("api",): discovery.api_versions,
            ("apis",): lambda: discovery.group_list(self._registry),
            ("openapi", "v3"): lambda: openapi.version_3_index(self._registry),
        }
        if segments in fixed:
            return fixed[segments]()
        if segments[:2] == ("openapi", "v3"):
            return (
                openapi.version_3(self._registry, *group_version) if (group_version := _group(segments[2:])) else None
            )
        if len(segments) == 2 and segments[0] == "apis":
            versions = discovery.groups(self._registry).get(segments[1])
            return discovery.group(segments[1], versions) if versions else None
        group_version = _group(segments)
        return discovery.resource_list(self._registry, *group_version) if group_version else None

    def _openapi_v2(self, accept: str) -> Answer:
        wanted = negotiation.accepted(accept)
        if any(item.media == OPENAPI_PROTOBUF for item in wanted):
            key = ("protobuf", ("openapi", "v2"))
            self._once("json", ("openapi", "v2"), lambda _: openapi.version_2(self._registry))  # clears what is old
            if key not in self._made:
                self._made[key] = protobuf.document(openapi.version_2(self._registry))
            return Answer(200, self._made[key], OPENAPI_PROTOBUF_ANSWER)
        if not any(item.admits(negotiation.JSON) for item in wanted):
            raise negotiation.not_acceptable(negotiation.JSON, OPENAPI_PROTOBUF)
        return Answer(200, self._once("json", ("openapi", "v2"), lambda _: openapi.version_2(self._registry)))


def _group(segments: Segments) -> tuple[str, str] | None:
    """The group and version of `api/v1` and `apis/GROUP/VERSION`."""
    if len(segments) == 2 and segments[0] == "api":
        return "", segments[1]
    if len(segments) == 3 and segments[0] == "apis" and segments[1]:
        return segments[1], segments[2]
    return None


def _wants_aggregated(accept: str) -> bool:
    """Whether the aggregated form, in the version that is made here, is accepted before the plain one."""
    for wanted in negotiation.accepted(accept):
        stated = wanted.parameters
        if wanted.media == negotiation.JSON and stated.get("as") == "APIGroupDiscoveryList":
            if stated.get("g") == discovery.AGGREGATED and stated.get("v") == "v2":
                return True
        elif wanted.admits(negotiation.JSON) and "as" not in stated:
            return False
    return False
