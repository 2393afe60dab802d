"""``/metrics``, ``/healthz`` and ``/readyz`` over HTTP, bounded in what a client can make it hold."""

from collections.abc import Callable
from io import BytesIO

from prometheus_client.exposition import choose_encoder
from twisted.internet.interfaces import IReactorTime
from twisted.web import http
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from isoproxy.boundedsite import BoundedSite
from isoproxy.observe.health import Health
from isoproxy.observe.metrics import Metrics

MAX_CONNECTIONS = 256
IDLE_SECONDS = 15.0
"""How long a request may take to come, and a connection may stay without one."""


def web_factory(*, metrics: Metrics | None, health: Health, clock: IReactorTime) -> BoundedSite:
    """Return what to listen with: 200 or 503 for the probes, Prometheus text or OpenMetrics for ``/metrics``.

    ``metrics`` None: the probes alone.
    """
    root = _Folder()  # type: ignore[no-untyped-call]  # twisted.web is not typed
    if metrics is not None:
        root.putChild(b"metrics", _Page(_exposition(metrics)))
    root.putChild(b"healthz", _Page(_probe(lambda: [] if health.alive else ["reactor"])))
    root.putChild(b"readyz", _Page(_probe(health.missing)))
    return _Site(root, clock=clock, seconds=IDLE_SECONDS, connections=MAX_CONNECTIONS)


class _Site(BoundedSite):
    def getContentFile(self, _length: int | None) -> BytesIO:
        return _Nowhere()


class _Nowhere(BytesIO):
    """Takes the body of a request, which nobody here reads, and keeps nothing."""

    def write(self, _: object, /) -> int:
        return 0


class _Folder(Resource):
    """Answers every method, for everything below: Twisted's own answer fails where a URL is no ASCII."""

    def getChild(self, _path: bytes, _request: Request) -> IResource:
        return _Folder()  # type: ignore[no-untyped-call]  # twisted.web is not typed

    def render(self, request: Request) -> bytes:
        return _refusal(request, http.NOT_FOUND)


class _Page(_Folder):
    def __init__(self, show: Callable[[Request], bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self._show = show

    def render(self, request: Request) -> bytes:
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"Allow", b"GET, HEAD")
            return _refusal(request, http.NOT_ALLOWED)
        content = self._show(request)
        if request.method == b"HEAD":
            request.setHeader(b"Content-Length", b"%d" % len(content))
            return b""
        return content


def _refusal(request: Request, code: int) -> bytes:
    request.setResponseCode(code)
    request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
    return b"%d\n" % code if request.method != b"HEAD" else b""


def _exposition(metrics: Metrics) -> Callable[[Request], bytes]:
    def show(request: Request) -> bytes:
        accepted = request.getHeader(b"accept") or b""  # as bytes: it may be no text
        try:
            content, content_type = _encoded(metrics, accepted.decode("latin-1"))
        except TypeError:  # the library compares a version that is no number with one that is
            content, content_type = _encoded(metrics, "")
        request.responseHeaders.setRawHeaders("Content-Type", [content_type])
        return content

    return show


def _encoded(metrics: Metrics, accepted: str) -> tuple[bytes, str]:
    encode, content_type = choose_encoder(accepted)
    return encode(metrics.registry), content_type


def _probe(missing: Callable[[], list[str]]) -> Callable[[Request], bytes]:
    def show(request: Request) -> bytes:
        names = missing()
        request.responseHeaders.setRawHeaders("Content-Type", ["text/plain; charset=utf-8"])
        if not names:
            return b"ok\n"
        request.setResponseCode(http.SERVICE_UNAVAILABLE)
        return "".join(f"not ready: {name}\n" for name in names).encode()

    return show
