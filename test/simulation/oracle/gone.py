"""I2, I5: that its pod is gone is told to a session only if it is; then it is over once its program has closed."""

from isoproxy.kube.resources import ISOLATION_PODS
from test.simulation.oracle.cluster import Change
from test.simulation.oracle.scene import Scene
from test.simulation.oracle.visits import Visit

SOON_SECONDS = 120.0
"""Whoever cannot hear of it, for as long as a fault may last, hears of it after that."""


class Gone:
    """Sessions whose pods are no more."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._closed: set[Visit] = set()
        scene.cluster.tell(ISOLATION_PODS, self._record_changed)

    def told(self, visit: Visit) -> None:
        """A proxy says of a session's pod that it is no more."""
        program = visit.program
        assert program is not None
        if program.alive and not self._is_gone(visit):
            self._scene.wrong(f"I2: {visit} is told that {program} is gone, which is there")

    def program_closed(self, visit: Visit) -> None:
        """A session's program has closed its side, and the client has not."""
        self._closed.add(visit)
        if self._is_gone(visit):
            self._expect_end(visit)

    def _is_gone(self, visit: Visit) -> bool:
        assert visit.program is not None
        return not self._scene.cluster.has_record(visit.program.uid)

    def _record_changed(self, change: Change) -> None:
        visit = self._scene.visits.at(change.now["spec"]["podUID"])
        if change.gone and visit in self._closed:
            self._expect_end(visit)

    def _expect_end(self, visit: Visit) -> None:
        since = self._scene.now

        def judge() -> None:
            if visit.is_served:
                self._scene.wrong(f"I5: {visit} holds on to {visit.program}, which had closed and is gone")

        self._scene.look_after(SOON_SECONDS, visit, lambda: since, judge)
