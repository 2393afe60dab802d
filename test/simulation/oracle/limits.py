"""I2 and I5: a connection is cut for its time only where its service bounds that, not before, and not much later."""

from isoproxy.proxy.relay.result import Ending
from test.simulation.oracle.cluster import DRIFT
from test.simulation.oracle.scene import Scene
from test.simulation.oracle.visits import Visit

MAX_DURATION = "max_duration"
IDLE_TIMEOUT = "idle_timeout"
LIMITS = {MAX_DURATION: "maxDurationSeconds", IDLE_TIMEOUT: "idleTimeoutSeconds"}
"""The field that each reason to cut a connection takes."""
LATE_SECONDS = 1.0
SWEEP_SECONDS = 5.0
"""Idle connections are looked for every so often, and have to be found idle twice."""


class Limits:
    """What holds is any value that the service has had: proxies hear of a change in their own time."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def served(self, visit: Visit) -> None:
        """A session has begun: it is over by the time at which any limit would end it."""
        for limit in LIMITS:
            bounds = self._bounds(visit, limit)
            if None not in bounds:
                longest = max(bound for bound in bounds if bound is not None) / DRIFT + LATE_SECONDS
                if limit == IDLE_TIMEOUT:
                    longest += 2 * SWEEP_SECONDS
                self._expect_end(visit, limit, longest)

    def _expect_end(self, visit: Visit, limit: str, longest: float) -> None:
        def judge() -> None:
            if not visit.is_served:
                return
            if visit.unstopped_since(self._since(visit, limit)) + longest > self._scene.now:
                self._expect_end(visit, limit, longest)  # it has said something meanwhile
            else:
                self._scene.wrong(f"I5: {visit} is still there, longer than {limit} has it")

        self._scene.look_after(longest, visit, lambda: self._since(visit, limit), judge)

    def left(self, visit: Visit) -> None:
        """A session is over."""
        if visit.ending is not Ending.ABORTED or visit.why not in LIMITS:
            return
        bounds = [bound for bound in self._bounds(visit, visit.why) if bound is not None]
        lasted = self._scene.now - self._since(visit, visit.why)
        if not bounds or lasted < min(bounds) * DRIFT:
            self._scene.wrong(f"I2: {visit} is cut by {visit.why} after {lasted:.3f} s, of {bounds or 'no limit'}")

    def _bounds(self, visit: Visit, limit: str) -> list[float | None]:
        return self._scene.cluster.bounds(visit.visitor.service, "session", LIMITS[limit])

    def _since(self, visit: Visit, limit: str) -> float:
        """From when on its time counts: the claim, or the last word."""
        assert visit.program is not None
        assert visit.visitor.relay is not None
        if limit == IDLE_TIMEOUT:
            return visit.visitor.relay.spoken_at
        return self._scene.dials.claims[self._scene.cluster.owner_of[visit.program.uid]].at
