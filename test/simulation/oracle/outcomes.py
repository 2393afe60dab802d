"""I3: every accepted connection ends in exactly one outcome, told once, and it is what became of it."""

from isoproxy.proxy.relay.result import Ending
from test.simulation.oracle.scene import Scene
from test.simulation.oracle.visits import Visit

_OF = {
    Ending.BOTH_CLOSED: "completed",
    Ending.CLIENT_RESET: "client_reset",
    Ending.BACKEND_RESET: "backend_reset",
    Ending.BACKEND_GONE: "backend_reset",
}
UNSERVED = {"client_gone", "queue_full", "queue_timeout", "dial_failed", "drained"}
"""Nothing in a simulated world is an ``error`` of the proxy's own."""


class Outcomes:
    """The access log, against what was seen."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def line(self, visit: Visit, told: dict[str, str]) -> None:
        """A proxy wrote a line of its access log."""
        if visit.line is not None:
            self._scene.wrong(f"I3: {visit} ends twice")
        elif visit.program is None:
            self._check_unserved(visit, told)
        elif visit.ending is None:
            self._scene.wrong(f"I3: {visit} is told as {told['outcome']}, and is still there")
        elif told["outcome"] != (expected := _OF.get(visit.ending, visit.why)):
            self._scene.wrong(f"I3: {visit} is told as {told['outcome']}, and was {expected}")

    def _check_unserved(self, visit: Visit, told: dict[str, str]) -> None:
        """Of the queue's own outcomes see ``queues``."""
        outcome, visitor = told["outcome"], visit.visitor
        if outcome not in UNSERVED:
            self._scene.wrong(f"I3: {visit} is told as {outcome}, and was never served")
        # Who has asked something before it shut down wants its answer.
        went = visitor.broke_off or (visitor.shut_at is not None and not visitor.asks)
        if outcome == "client_gone" and not went:
            self._scene.wrong(f"I3: {visit} is told as gone, and was there")
        if outcome == "dial_failed" and not self._scene.dials.of[visit.process]:
            self._scene.wrong(f"I3: {visit} is told as having got no answer, and nobody was asked")
        if outcome == "drained" and not self._scene.is_ending(visit):
            self._scene.wrong(f"I3: {visit} is told as drained, by a proxy that was to go on")

    def check_told(self, visit: Visit) -> None:
        """Every connection to a process that still lives has ended in one line."""
        if not visit.is_lost and visit.line is None:
            self._scene.wrong(f"I3: the end of {visit} was never told")
