"""One request over HTTP, and what its failure says about whether it was carried out."""

from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from isoproxy import __version__
from isoproxy.kube.config import Connection
from isoproxy.kube.errors import NotSent, UnknownOutcome
from isoproxy.kube.resources import Resource

USER_AGENT = f"isoproxy/{__version__}"  # what is before the slash becomes the field manager of our writes
JSON_TYPE = "application/json"


@dataclass(slots=True, kw_only=True)
class Request:
    """What is sent, again and again if need be."""

    verb: str
    resource: Resource
    method: str
    target: str  # path and query, quoted
    content: bytes | None = None
    media_type: str = JSON_TYPE
    authorization: bytes | None = None  # what it was last sent with

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, however often it is carried out."""
        return self.method == "GET"


class Exchange:
    """Sends requests to one server; cookies and redirects, which an API server has none of, are not followed."""

    def __init__(self, reactor: IReactorTime, connection: Connection, agent: IAgent) -> None:
        self._reactor = reactor
        self._url = connection.url
        refused = IndexableCookieJar(policy=DefaultCookiePolicy(allowed_domains=()))
        self._http = HTTPClient(agent, cookiejar=refused, data_to_body_producer=_Content)
        self._cookies = refused
        self._headers: dict[str, Headers] = {}  # by media type, all with this authorization:
        self._authorization: bytes | None = None

    async def send(self, request: Request, authorization: bytes | None) -> IResponse:
        """The reply, whose body must be taken. Raises NotSent or UnknownOutcome; to cancel it drops the connection."""
        request.authorization = authorization
        try:
            return await self._http.request(
                request.method,
                self._url + request.target,
                headers=self._headers_for(request.media_type, authorization),
                data=request.content,
                cookies=self._cookies,
                allow_redirects=False,
                unbuffered=True,
                reactor=self._reactor,  # type: ignore[arg-type]  # its type is private to treq
            )
        except NotSent:
            raise
        except Exception as error:  # Twisted has many; that none of them is read as "not sent" is what counts
            raise UnknownOutcome(f"no reply: {type(error).__name__}") from error

    def _headers_for(self, media_type: str, authorization: bytes | None) -> Headers:
        """Shared by all requests that have the same: whoever adds to them down the line makes a copy."""
        if authorization != self._authorization:
            self._headers.clear()
            self._authorization = authorization
        headers = self._headers.get(media_type)
        if headers is None:
            headers = Headers({"Accept": [JSON_TYPE], "Content-Type": [media_type], "User-Agent": [USER_AGENT]})
            if authorization is not None:
                headers.setRawHeaders("Authorization", [authorization])
            self._headers[media_type] = headers
        return headers


@implementer(IBodyProducer)
class _Content:
    """A body that is written at once. (Twisted's own for bytes takes turns of the global reactor.)"""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.length = len(content)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._content)
        return succeed(None)

    def stopProducing(self) -> None:
        pass

    def pauseProducing(self) -> None:
        pass

    def resumeProducing(self) -> None:
        pass
