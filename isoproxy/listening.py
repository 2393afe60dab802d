"""Listeners of the process's own: they work at once, or the process says in one line why not and ends."""

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.python.failure import Failure


def listen_now(reactor: Any, description: str, factory: IProtocolFactory, option: str) -> IListeningPort:
    """Listen on an endpoint; raises SystemExit naming ``option`` where that fails.

    Binding is immediate for every kind of endpoint that a server description can name, only the interface is deferred.
    """
    outcome: list[IListeningPort | Failure] = []
    serverFromString(reactor, description).listen(factory).addBoth(outcome.append)
    if not outcome:
        raise SystemExit(f"isoproxy: {option} {description}: does not listen at once")
    if isinstance(outcome[0], Failure):
        error = outcome[0].value
        problem = error.socketError.strerror if isinstance(error, CannotListenError) else str(error)
        raise SystemExit(f"isoproxy: {option} {description}: {problem}")
    return outcome[0]


def url_of(port: IListeningPort, description: str) -> str:
    """Return where to find what a port serves by HTTP, as seen from this machine.

    ``description`` is what it was made from, and what is returned where that is no TCP: such a socket has no URL.
    """
    address: Any = port.getHost()
    if not isinstance(address, (IPv4Address, IPv6Address)):
        return description
    host = as_seen_here(address.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{address.port}"


def as_seen_here(host: str) -> str:
    """Return where to connect to from this machine what listens on ``host``: the loopback for every address."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
