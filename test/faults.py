"""What goes wrong with the requests of one API client: with the next of a kind, or with all until it is over."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from isoproxy.kube.errors import KubeError, UnknownOutcome
from isoproxy.kube.resources import Resource


@dataclass(frozen=True, slots=True)
class Fault:
    """Of one request: it waits for ``gate``, or for ever; it fails with ``error``, before its effect or ``after``."""

    error: KubeError | None = None
    after: bool = False
    gate: Deferred[None] | None = None
    hangs: bool = False


REPLY_LOST = Fault(UnknownOutcome("the reply was lost"), after=True)
HANGS = Fault(hangs=True)


class Faults:
    """None, until the test says so."""

    def __init__(self) -> None:
        self.down: Exception | None = None
        """How every request fails that is made from now on."""
        self.holds: Callable[[str, Resource, str], bool] = lambda verb, resource, name: False
        """Whether a request (verb, resource, name) waits until the test lets it go on, or fail."""
        self.held: list[Deferred[None]] = []
        """What those wait for, in their order; one that was given up has been ``called`` too."""
        self._ordered: dict[tuple[str, str], deque[Fault]] = {}

    def order(self, fault: Fault, verb: str, plural: str = "", *, times: int = 1) -> None:
        """Let the next requests of a verb, and of a kind if one is named, meet a fault each, in this order."""
        self._ordered.setdefault((verb, plural), deque()).extend([fault] * times)

    def left(self, verb: str, plural: str = "") -> int:
        """Return how many of those that were ordered have not been met yet."""
        return len(self._ordered.get((verb, plural), ()))

    def clear(self) -> None:
        """Let all that is asked from now on go well."""
        self.down = None
        self._ordered.clear()

    async def meet(self, verb: str, resource: Resource, name: str) -> KubeError | None:
        """Let a request get to the server, or raise; return the error that its sender hears in place of an answer."""
        if self.down is not None:
            raise self.down
        if self.holds(verb, resource, name):
            self.held.append(Deferred())
            await self.held[-1]
        fault = self._next(verb, resource.plural)
        if fault.hangs:
            await Deferred()
        if fault.gate is not None:
            await fault.gate
        if fault.error is not None and not fault.after:
            raise fault.error
        return fault.error

    def _next(self, verb: str, plural: str) -> Fault:
        ordered = self._ordered.get((verb, plural)) or self._ordered.get((verb, ""))
        return ordered.popleft() if ordered else Fault()
