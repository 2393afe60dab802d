"""I5: whoever waits does so for no longer, and with no more others, than may be; nobody is turned away before that."""

from isoproxy.kube.resources import ISOLATION_PODS
from test.simulation.oracle.cluster import DRIFT, Change
from test.simulation.oracle.scene import Scene
from test.simulation.oracle.visits import Visit
from test.simulation.visitors import Manner

MOST_PODS = 3
"""How many pods one connection may try."""
LATE_SECONDS = 0.2
LONGEST_DIAL = 0.05
"""Who hangs up when its pod has been claimed already is served all the same."""


class Queues:
    """The queue of each proxy, as it is seen from outside: who was accepted, and has not been served.

    Who has claimed a pod and dials is no longer, or once more, in the queue beyond its bound. A claim is known by its
    first dial, but not whose it is, until its record names the client: until then it may be anybody's.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._settled: set[str] = set()  # records' uids, of claims whose clients are no longer waiting
        scene.cluster.tell(ISOLATION_PODS, self._record_changed)

    def has_arrived(self, visit: Visit) -> None:
        """It was accepted, and what comes of that at once has come of it."""
        if not visit.waits:
            return
        waiting = sum(1 for _ in self._scene.visits.waiting(visit.desk)) - self._most_claims(visit.process)
        allowed = max(self._bounds(visit, "maxLength"))
        if waiting > allowed:
            self._scene.wrong(f"I5: {waiting} wait at {visit.process}, of which there may be {allowed}")
        longest = self._longest(visit, MOST_PODS)
        self._scene.look_after(longest, visit, lambda: visit.accepted_at, lambda: self._check_done(visit))

    def served(self, visit: Visit) -> None:
        """It has its pod."""
        assert visit.program is not None
        self._settled.add(self._scene.cluster.owner_of[visit.program.uid])
        visitor = visit.visitor
        since = visit.unstopped_since(visitor.shut_at or self._scene.now)
        if visitor.manner is Manner.HANGS_UP and self._scene.now - since > LONGEST_DIAL:
            self._scene.wrong(f"I5: {visit} had hung up while it waited, and cost a pod")

    def line(self, visit: Visit, told: dict[str, str]) -> None:
        """A proxy wrote a line of its access log."""
        if visit.program is None:
            waited = self._scene.now - visit.unstopped_since(visit.accepted_at)
            dialled = told["attempts"] != "0"
            if waited > self._longest(visit, MOST_PODS if dialled else 0):
                self._scene.wrong(f"I5: {visit} waited {waited:.3f} s, and is told as {told['outcome']}")
        if told["outcome"] == "queue_full":
            self._check_full(visit)
        elif told["outcome"] == "queue_timeout":
            waited = self._scene.now - visit.accepted_at
            if waited < min(self._bounds(visit, "timeoutSeconds")) * DRIFT:
                self._scene.wrong(f"I5: {visit} is turned away after {waited:.3f} s, and might have waited")

    def _check_full(self, visit: Visit) -> None:
        if self._scene.now > visit.accepted_at:
            self._scene.wrong(f"I5: {visit} is turned away {self._scene.now - visit.accepted_at:.3f} s after it came")
        others = sum(other is not visit for other in self._scene.visits.waiting(visit.desk))
        waiting = others - self._scene.dials.open(visit.process, visit.desk)
        allowed = min(self._bounds(visit, "maxLength"))
        if waiting < allowed:
            self._scene.wrong(f"I5: {visit} is turned away, where {waiting} wait and {allowed} may")

    def _check_done(self, visit: Visit) -> None:
        if visit.waits:
            self._scene.wrong(f"I5: {visit} still waits, {self._scene.now - visit.accepted_at:.3f} s after it came")

    def _longest(self, visit: Visit, dials: int) -> float:
        connect = max(self._known(visit, "session", "connectTimeoutSeconds"))
        return (max(self._bounds(visit, "timeoutSeconds")) + dials * connect) / DRIFT + LATE_SECONDS

    def _bounds(self, visit: Visit, name: str) -> list[float]:
        return self._known(visit, "queue", name)

    def _known(self, visit: Visit, part: str, name: str) -> list[float]:
        bounds = self._scene.cluster.bounds(visit.visitor.service, part, name)
        return [bound for bound in bounds if bound is not None]  # they have defaults

    def _most_claims(self, process: str) -> int:
        """How many of those who wait may have claimed a pod."""
        return len(self._scene.dials.of[process] - self._settled)

    def _record_changed(self, change: Change) -> None:
        client = change.now["status"].get("client", "")
        visit = self._scene.visits.find(int(client.rpartition(":")[2])) if client else None
        if visit is not None and not visit.waits:
            self._settled.add(change.now["metadata"]["uid"])
