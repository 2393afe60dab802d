"""What twistd and its supervisor say to each other: one JSON array to a line, `["Start", 7, ...]`. Pure."""

import base64
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

MAX_LINE = 4 * 1024 * 1024  # bytes; what a program can be given has less (arguments.MOST_BYTES), but for escapes


class WireError(Exception):
    """The other side said something that is no message."""


# Requests, from twistd. `pod` is a number that twistd gives and never uses again.


class Start(NamedTuple):
    """Run the pod's program, in the pod's folder or in `working_directory` if that is not empty."""

    pod: int
    argv: list[str]
    env: dict[str, str]
    working_directory: str


class Stop(NamedTuple):
    """SIGTERM now, SIGKILL `grace` seconds later; of several, the earliest SIGKILL holds."""

    pod: int
    grace: float


class Run(NamedTuple):
    """Run a command beside the pod's running program; answered by `Ran`."""

    run: int
    pod: int
    argv: list[str]


class Kill(NamedTuple):
    """SIGKILL a command of `Run`; its `Ran` follows."""

    run: int


class Finish(NamedTuple):
    """The pod will not be started again: forget it and remove its folder, once its program has ended."""

    pod: int


class Shutdown(NamedTuple):
    """Stop all with that grace, remove every folder, exit."""

    grace: float


# Reports, from the supervisor.


class Hello(NamedTuple):
    """It is up; pod 7 lives in `folder`/7."""

    pid: int
    folder: str


class Started(NamedTuple):
    """The pod's program runs (its exec succeeded)."""

    pod: int
    pid: int


class Ended(NamedTuple):
    """The program has ended and nothing it left behind is running.

    `started` False: there was no program; `message` says why. Else `code` is the exit code, 128 + `signal`
    when a signal ended it (`signal` 0: none did).
    """

    pod: int
    started: bool
    code: int
    signal: int
    message: str


class Ran(NamedTuple):
    """A `Run` is over, `code` as in `Ended`; `message` is not empty when it could not be run."""

    run: int
    code: int
    message: str


class Output(NamedTuple):
    """What the program printed since the last report; `left_out` bytes before it were too much to send."""

    pod: int
    data: str  # base64
    left_out: int

    @property
    def octets(self) -> bytes:
        return base64.b64decode(self.data)


Request = Start | Stop | Run | Kill | Finish | Shutdown
Report = Hello | Started | Ended | Ran | Output
Message = Request | Report

_KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (Start, Stop, Run, Kill, Finish, Shutdown, Hello, Started, Ended, Ran, Output)
}


def encode(message: Message) -> bytes:
    """One line, its end included. Raises WireError when it would be longer than the other side takes."""
    text = json.dumps([type(message).__name__, *message], ensure_ascii=False, separators=(",", ":"))
    line = text.encode(errors="surrogatepass")
    if len(line) > MAX_LINE:
        raise WireError(f"a message of {len(line)} bytes, which is more than {MAX_LINE}")
    return line + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line, its end left off. Raises WireError."""
    try:
        name, *fields = json.loads(line)
        message: Message = _KINDS[name](*fields)
    except (ValueError, TypeError, KeyError) as error:
        raise WireError(f"no message: {line[:100]!r}") from error
    return message


class LineReader:
    """Puts lines together from the pieces in which they arrive."""

    def __init__(self) -> None:
        self._partial = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages completed by `data`. Raises WireError, also for a line longer than MAX_LINE."""
        self._partial += data
        if b"\n" in data:
            *lines, rest = self._partial.split(b"\n")
            self._partial = rest
            for line in lines:
                yield decode(bytes(line))
        if len(self._partial) > MAX_LINE:
            raise WireError(f"a line of more than {MAX_LINE} bytes")
