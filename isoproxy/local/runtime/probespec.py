"""What a readiness probe asks, parsed at the edge, and whether it can be asked here. Pure."""

import re
from collections.abc import Callable

from pydantic import Field

from isoproxy.local.runtime.arguments import CannotBePassed, check, words
from isoproxy.local.runtime.facts import CONFIG_ERROR, CannotRun
from isoproxy.model.parsing import model

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_PATH = re.compile(r"[!-~]*")


@model
class ExecAction:
    """Run a command; exit code 0 is success."""

    command: tuple[str, ...] = Field(min_length=1)


@model
class TcpAction:
    """A port, by number or name, that takes connections."""

    port: int | str


@model
class HttpHeader:
    """One header of a request."""

    name: str
    value: str


@model
class HttpAction:
    """GET a path; a status from 200 to 399 is success."""

    port: int | str
    path: str = "/"
    scheme: str = "HTTP"
    http_headers: tuple[HttpHeader, ...] = ()


@model
class Probe:
    """How to find out that a program is Ready; exactly one of the actions is set, if it is one that we know."""

    exec_: ExecAction | None = Field(default=None, alias="exec")
    tcp_socket: TcpAction | None = None
    http_get: HttpAction | None = None
    initial_delay_seconds: int = Field(default=0, ge=0, lt=1 << 31)
    period_seconds: int = Field(default=10, ge=1, lt=1 << 31)
    timeout_seconds: int = Field(default=1, ge=1, lt=1 << 31)
    success_threshold: int = Field(default=1, ge=1)
    failure_threshold: int = Field(default=3, ge=1)


def check_probe(probe: Probe, port_number: Callable[[int | str], int]) -> None:
    """`port_number` raises CannotRun for a port that is none of the container's. Raises CannotRun."""
    if probe.http_get is not None:
        _check_request(probe.http_get)
        port_number(probe.http_get.port)
    elif probe.tcp_socket is not None:
        port_number(probe.tcp_socket.port)
    elif probe.exec_ is not None:
        _check_command(probe.exec_)
    else:
        raise CannotRun(CONFIG_ERROR, "the readiness probe can be an exec, a tcpSocket or an httpGet here")


def _check_request(action: HttpAction) -> None:
    if action.scheme != "HTTP":
        raise CannotRun(CONFIG_ERROR, "the readiness probe's httpGet can be over plain HTTP only here")
    if not _PATH.fullmatch(action.path):
        raise CannotRun(CONFIG_ERROR, f"the readiness probe's path {action.path!r}: no request can have it")
    for header in action.http_headers:
        if not _HEADER_NAME.match(header.name):
            raise CannotRun(CONFIG_ERROR, f"the readiness probe's header {header.name!r}: no request can have it")


def _check_command(action: ExecAction) -> None:
    try:
        check(words(action.command, "the readiness probe's command"))
    except CannotBePassed as error:
        raise CannotRun(CONFIG_ERROR, str(error)) from error
