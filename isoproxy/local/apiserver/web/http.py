"""The resource that answers every request, and the site around it that bounds them."""

from collections.abc import Callable, Container
from functools import partial
from io import BytesIO
from typing import Any

import txaio
from twisted.internet.interfaces import IReactorTime
from twisted.web import http, server
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from isoproxy.boundedsite import BoundedSite
from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.errors import StatusError, method_not_allowed
from isoproxy.local.apiserver.limits import Limits
from isoproxy.local.apiserver.logs import PodLogs
from isoproxy.local.apiserver.web import guard, requests
from isoproxy.local.apiserver.web.answers import Answer, Answers, Sent, refusal
from isoproxy.local.apiserver.web.documents import Documents
from isoproxy.local.apiserver.web.podlogs import LogEndpoint
from isoproxy.local.apiserver.web.requests import ResourcePath
from isoproxy.local.apiserver.web.streams import Streams
from isoproxy.local.apiserver.web.watching import WatchEndpoint

log = txaio.make_logger()

IDLE_SECONDS = 90  # as a real server; clients keep connections for less. A request takes no longer to come, either


class ApiResource(Resource):
    """Everything below `/`. `changed` is called after each request that may have changed something."""

    isLeaf = True

    def __init__(
        self,
        core: Core,
        clock: IReactorTime,
        *,
        logs: PodLogs | None,
        changed: Callable[[], None],
        jitter: Callable[[], float],
        hosts: Container[str] = (),
    ) -> None:
        """`jitter` gives numbers from 0 to 1; `hosts` are the names, beside addresses, that it may be called by."""
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._core = core
        self._changed = changed
        self._hosts = hosts
        self.streams = Streams()
        self._answers = Answers(core)
        self._documents = Documents(core.registry)
        self._watches = WatchEndpoint(core, clock, self.streams, jitter)
        self._logs = LogEndpoint(core, logs, self.streams)

    def render(self, request: http.Request) -> Any:
        try:
            answer = self._handle(request)
        except StatusError as error:
            answer = refusal(error)
            if "retryAfterSeconds" in error.details:
                request.setHeader(b"Retry-After", b"%d" % error.details["retryAfterSeconds"])
        except Exception:
            log.failure("A request could not be answered")
            answer = refusal(StatusError(500, "InternalError", "Internal error occurred: the server's log says more"))
        return NOT_DONE_YET if answer is None else _written(request, answer)

    def _handle(self, request: http.Request) -> Answer | None:
        """The answer, or None for a stream that has begun."""
        header = request.requestHeaders.getRawHeaders

        def text(name: bytes) -> str | None:
            found = header(name)
            return found[0].decode("latin-1") if found else None

        guard.check(text(b"host"), text(b"origin"), text(b"sec-fetch-site"), self._hosts)
        if request.content is None or getattr(request, "too_large", False):
            limit = self._core.limits.body_bytes
            raise StatusError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")
        sent = Sent(
            accept=",".join(value.decode("latin-1") for value in header(b"accept") or ()),
            content_type=text(b"content-type") or "",
            agent=text(b"user-agent") or "",
            body=request.content.read(),
        )
        asked = requests.parse(request.method.decode("latin-1"), request.uri)
        path = asked.path
        if not isinstance(path, ResourcePath):
            if asked.method != "GET":
                raise method_not_allowed(asked.method)
            return self._documents.answer(path, sent.accept)
        kind = self._core.kind(path.group, path.version, path.plural)
        verb = asked.verb
        if verb == "watch":
            self._watches.begin(request, asked, path, kind, sent.accept)
            return None
        if verb == "get" and path.subresource == "log" and "log" in kind.subresources:
            return self._logs.answer(request, asked, path, kind)
        answer = self._answers.answer(asked, path, kind, sent)
        if verb not in ("get", "list"):
            self._changed()
        return answer


def _written(request: http.Request, answer: Answer) -> bytes:
    request.setResponseCode(answer.code)
    request.setHeader(b"Content-Type", answer.content_type.encode())
    request.setHeader(b"Cache-Control", b"no-cache, private")
    for warning in answer.warnings:
        printable = "".join(char if char.isprintable() else "?" for char in warning)
        quoted = printable.replace("\\", "\\\\").replace('"', '\\"')
        request.responseHeaders.addRawHeader(b"Warning", f'299 - "{quoted}"'.encode(errors="replace"))
    return answer.body


class _BoundedRequest(server.Request):
    """A request that takes in no more of its body than it may have."""

    too_large = False

    def __init__(self, *args: Any, body_bytes: int, **more: Any) -> None:
        super().__init__(*args, **more)  # type: ignore[no-untyped-call]  # Twisted's
        self._body_bytes = body_bytes

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()
        self.too_large = length is not None and length > self._body_bytes

    def handleContentChunk(self, data: bytes) -> None:
        assert self.content is not None
        if not self.too_large and self.content.tell() + len(data) > self._body_bytes:
            self.too_large = True
            self.content = BytesIO()
        if not self.too_large:
            self.content.write(data)


class ApiSite(BoundedSite):
    """Serves the resource over HTTP/1.1."""

    def __init__(self, resource: ApiResource, clock: IReactorTime, limits: Limits) -> None:
        super().__init__(
            resource,
            clock=clock,
            seconds=IDLE_SECONDS,
            connections=limits.connections,
            make_request=partial(_BoundedRequest, body_bytes=limits.body_bytes),
        )
