"""A real web server on a loopback port that answers each request with the next step of a test's script."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from isoproxy.kube.resources import Json

BOUND = 40.0  # seconds that anything here may take on a busy machine


async def until(condition: Callable[[], object]) -> None:
    """Return once the condition holds; fail when it does not within the bound."""
    deadline = reactor.seconds() + BOUND
    while not condition():
        assert reactor.seconds() < deadline, "it did not come to pass"
        await deferLater(reactor, 0.002)


@dataclass
class Seen:
    """A request as the server got it."""

    method: str
    path: str  # as sent, quoted
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


WebRequest = Any  # twisted.web.http.Request, whose types say that it may have lost its transport
Step = Callable[[WebRequest], None]


def reply(status: int = 200, body: Any = None, **headers: str) -> Step:
    """Answer with JSON, or with bytes as they are; `Retry_After="1"` gives that header."""

    def step(request: WebRequest) -> None:
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name.replace("_", "-"), value)
        request.write(body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode())
        request.finish()

    return step


def refuse(status: int, reason: str = "", **headers: str) -> Step:
    """Answer with a failure as an API server words it."""
    body = {"kind": "Status", "status": "Failure", "code": status, "reason": reason, "message": f"no: {reason}"}
    return reply(status, body, **headers)


def hang(request: WebRequest) -> None:
    """Never answer."""


def hang_up(request: WebRequest) -> None:
    """Read the request and close the connection without a word."""
    request.transport.abortConnection()


def cut_short(request: WebRequest) -> None:
    """Promise a hundred bytes and close after a few."""
    request.setHeader("Content-Length", "100")
    request.write(b'{"kind":')
    request.transport.loseConnection()


class Stream:
    """A step that grants a watch and leaves it to the test what comes, and when."""

    def __init__(self) -> None:
        self.request: WebRequest = None
        self.gone = False  # the client closed it

    def __call__(self, request: WebRequest) -> None:
        request.notifyFinish().addErrback(self._lost)
        request.setHeader("Content-Type", "application/json")
        request.write(b"")  # the head goes out at once
        self.request = request

    def _lost(self, _: Failure) -> None:
        self.gone = True

    def write(self, data: bytes) -> None:
        self.request.write(data)

    def send(self, *events: Json) -> None:
        self.write(b"".join(json.dumps(event).encode() + b"\n" for event in events))

    def end(self) -> None:
        self.request.finish()

    def cut(self) -> None:
        self.request.transport.abortConnection()


class _Counted(ProtocolWrapper):
    """Lets the server tell how many connections it had, and has."""

    def makeConnection(self, transport: Any) -> None:
        self.factory.total += 1
        ProtocolWrapper.makeConnection(self, transport)


class _Root(Resource):
    isLeaf = True

    def __init__(self, server: "ScriptedServer") -> None:
        Resource.__init__(self)
        self.scripted = server

    def render(self, request: WebRequest) -> int:
        path, _, query = request.uri.decode("ascii").partition("?")
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        self.scripted.seen.append(
            Seen(
                method=request.method.decode(),
                path=path,
                query={unquote(key): unquote(value) for key, _, value in pairs},
                headers={k.decode().lower(): v[-1].decode() for k, v in request.requestHeaders.getAllRawHeaders()},
                body=request.content.read(),
            )
        )
        step = self.scripted.script.popleft() if self.scripted.script else refuse(500, "the script is at its end")
        step(request)
        return NOT_DONE_YET


class ScriptedServer:
    """Plain HTTP, or TLS where a creator is given. What it got is in `seen`."""

    def __init__(self, tls: IOpenSSLServerConnectionCreator | None = None) -> None:
        self.script: deque[Step] = deque()
        self.seen: list[Seen] = []
        site = Site(_Root(self))
        site.noisy = False
        counting: Any = WrappingFactory(site)
        counting.protocol, counting.noisy, counting.total = _Counted, False, 0
        self._factory = counting
        factory: Any = self._factory if tls is None else TLSMemoryBIOFactory(tls, False, self._factory)
        listening: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self._port = listening
        self.port: int = listening.getHost().port
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"

    def then(self, *steps: Step) -> None:
        self.script.extend(steps)

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._factory.protocols)

    @property
    def accepted(self) -> int:
        """How many there ever were."""
        return int(self._factory.total)

    def stop_listening(self) -> Deferred[Any]:
        return maybeDeferred(self._port.stopListening)

    def stop(self) -> Deferred[Any]:
        for connection in list(self._factory.protocols):
            connection.abortConnection()
        return self.stop_listening()


class RawServer(Protocol):
    """A server that says exactly these bytes once the first of a request came; for what no web server would say."""

    transport: Any = None

    def __init__(self, said: bytes, *, forever: bytes = b"") -> None:
        self.said = said
        self.forever = forever  # repeated as long as the peer is there
        self.sent = 0
        self.lost = False
        factory: Any = Factory.forProtocol(lambda: self)
        factory.noisy = False
        listening: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self._port = listening
        self.url = f"http://127.0.0.1:{listening.getHost().port}"
        self._started = False

    def dataReceived(self, data: bytes) -> None:
        if not self._started:
            self._started = True
            self.transport.write(self.said)
            if self.forever:
                self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self.sent += len(self.forever)
        self.transport.write(self.forever)

    def stopProducing(self) -> None:
        self.lost = True

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True

    def stop(self) -> Deferred[Any]:
        if self.transport is not None:
            self.transport.abortConnection()
        return maybeDeferred(self._port.stopListening)
