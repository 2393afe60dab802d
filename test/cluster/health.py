"""Waits until a part of a cluster works."""

import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

_TRY_SECONDS = 2.0
_POLL = 0.05


class Unhealthy(Exception):
    """A part did not come to work; the message has the end of what it printed."""


def until_healthy(where: str, has_ended: Callable[[], bool], *, within: float) -> None:
    """Return once a URL (or unix:PATH) answers well; raises Unhealthy when its process has ended, or time is up."""
    deadline = time.monotonic() + within
    while not is_healthy(where):
        if has_ended():
            raise Unhealthy("it has ended")
        if time.monotonic() > deadline:
            raise Unhealthy(f"{where} did not answer well within {within:g} s")
        time.sleep(_POLL)  # it tells nobody when it works: asking again is all there is


def is_healthy(where: str) -> bool:
    """Whether it answers well now."""
    try:
        return _connects(where.removeprefix("unix:")) if where.startswith("unix:") else _answers(where)
    except (OSError, ValueError):
        return False


def _connects(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(_TRY_SECONDS)
        peer.connect(path)
    return True


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    assert parts.hostname is not None
    if parts.scheme == "https":
        # Whether it works is all that is asked of it: nothing secret is sent, and nothing believed.
        anyone = ssl._create_unverified_context()
        connection: HTTPConnection = HTTPSConnection(parts.hostname, parts.port, timeout=_TRY_SECONDS, context=anyone)
    else:
        connection = HTTPConnection(parts.hostname, parts.port, timeout=_TRY_SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    finally:
        connection.close()
