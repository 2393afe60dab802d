"""I3: the access log tells of a connection what was seen of it: where it was, for how long, at what cost."""

from collections import Counter

from test.simulation.oracle.cluster import DRIFT
from test.simulation.oracle.scene import Scene
from test.simulation.oracle.visits import Visit

_ROUNDED = 0.002
"""Times are told in thousandths of a second."""
NEVER = "-"


class Lines:
    """How a connection ended is judged by ``outcomes``, this is the rest of its line."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._attempts: Counter[str] = Counter()

    def line(self, visit: Visit, told: dict[str, str]) -> None:
        """A proxy wrote a line of its access log."""
        scene = self._scene
        self._attempts[visit.process] += int(told["attempts"])
        queued, connect = float(told["queued"]), float(told["connect"])
        self._check_time(visit, "duration", float(told["duration"]), scene.now - visit.accepted_at)
        if visit.program is None:
            if (told["attempts"] == "0") != (told["pod"] == NEVER):
                scene.wrong(f"I3: {visit} is told to have dialled {told['attempts']} times, at last {told['pod']}")
        elif told["pod"] != visit.program.name:
            scene.wrong(f"I3: {visit} is told to have been served by {told['pod']}, and was by {visit.program.name}")
        elif told["attempts"] == "1":
            self._check_time(visit, "wait and dial", queued + connect, visit.served_at - visit.accepted_at)

    def _check_time(self, visit: Visit, what: str, told: float, was: float) -> None:
        if not was * DRIFT - _ROUNDED <= told <= was / DRIFT + _ROUNDED:
            self._scene.wrong(f"I3: the {what} of {visit} is told as {told:.3f} s, and was {was:.3f} s")

    def check_all(self, process: str) -> None:
        """Everybody has left a process that lives: each of its dials was somebody's."""
        told, made = self._attempts[process], self._scene.dials.begun[process]
        if told != made:
            self._scene.wrong(f"I3: {process} tells of {told} dials, and made {made}")
