"""Begins watches."""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.web import http

from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.errors import FieldError, StatusError, invalid, no_such_path
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.web import negotiation, requests
from isoproxy.local.apiserver.web.render import Renderer
from isoproxy.local.apiserver.web.requests import Request, ResourcePath
from isoproxy.local.apiserver.web.streams import Streams, WatchStream

WATCH_TYPE = "application/json"
MAX_WATCH_SECONDS = 86_400.0
_NO_STREAMING_LISTS = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"


class WatchEndpoint:
    """`jitter` gives numbers from 0 to 1: how much longer than the least a watch lasts."""

    def __init__(self, core: Core, clock: IReactorTime, streams: Streams, jitter: Callable[[], float]) -> None:
        self._core = core
        self._clock = clock
        self._streams = streams
        self._jitter = jitter

    def begin(self, transport: http.Request, request: Request, path: ResourcePath, kind: Kind, accept: str) -> None:
        """Answer with a stream of events; what cannot be watched at all is a StatusError."""
        parameters = request.parameters
        if path.namespace is not None and not kind.namespaced:
            raise no_such_path()
        form = negotiation.choose(accept)
        if "sendInitialEvents" in parameters or "resourceVersionMatch" in parameters:
            # What a server without streaming lists says; clients then list first.
            raise invalid(
                "meta.k8s.io", "ListOptions", "", [FieldError("Forbidden", "sendInitialEvents", _NO_STREAMING_LISTS)]
            )
        limits = self._core.limits
        asked = requests.number(parameters, "timeoutSeconds") or limits.watch_seconds * (1 + self._jitter())
        bookmarks = requests.flag(parameters, "allowWatchBookmarks")
        stream = WatchStream(
            transport,
            self._clock,
            Renderer(kind, form, self._core.sources.now(), parameters.get("includeObject", "Metadata")),
            now=self._core.sources.now,
            seconds=min(asked, MAX_WATCH_SECONDS),
            bookmark_seconds=limits.bookmark_seconds if bookmarks else None,
            jitter=self._jitter,
            version=lambda: self._core.store.version,
            streams=self._streams,
        )
        fields = parameters.get("fieldSelector", "")
        if path.name:
            fields = f"metadata.name={path.name}" + (f",{fields}" if fields else "")
        try:
            watch = self._core.watch(
                kind,
                path.namespace,
                wake=stream.wake,
                resource_version=parameters.get("resourceVersion", ""),
                label_selector=parameters.get("labelSelector", ""),
                field_selector=fields,
            )
        except StatusError as error:
            if error.code != http.GONE:
                raise
            stream.refuse(WATCH_TYPE, error)
        else:
            stream.start(WATCH_TYPE, watch)
