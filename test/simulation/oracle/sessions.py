"""I2: a connection in progress is ended only by its peers, its own limits, others' deletions, or its proxy's end."""

from isoproxy.kube.resources import PODS
from isoproxy.proxy.relay.result import Ending
from test.simulation.oracle.cluster import Change
from test.simulation.oracle.limits import LIMITS
from test.simulation.oracle.scene import Scene
from test.simulation.oracle.visits import Visit


class Sessions:
    """No proxy cuts a session without a reason, and no pod is deleted under one."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._past_deadline: set[str] = set()
        scene.cluster.tell(PODS, self._pod_changed)

    def deadline_came(self, process: str) -> None:
        """The time that a draining proxy gives to its connections is over."""
        self._past_deadline.add(process)

    def left(self, visit: Visit) -> None:
        """A session is over."""
        if visit.ending is Ending.FAILED:
            self._scene.wrong(f"I2: {visit} failed")
        if visit.ending is Ending.ABORTED and visit.why not in LIMITS and not self._may_cut(visit):
            self._scene.wrong(f"I2: the proxy ended the session of {visit} with {visit.program}: {visit.why}")

    def _may_cut(self, visit: Visit) -> bool:
        assert visit.program is not None
        is_deleted = visit.program.service_uid in self._scene.cluster.doings.services
        return visit.why == "drained" and (is_deleted or visit.process in self._past_deadline)

    def _pod_changed(self, change: Change) -> None:
        uid = change.now["metadata"]["uid"]
        visit = self._scene.visits.at(uid)
        is_ending = change.gone or "deletionTimestamp" in change.now["metadata"]
        if not is_ending or visit is None or not visit.is_served or visit.program is None:
            return
        cluster, program = self._scene.cluster, visit.program
        is_given_up = cluster.was_silent(cluster.instance_of.get(uid, ""))
        if program.alive and not cluster.excuses(program) and not is_given_up:
            self._scene.wrong(f"I2: {program} is deleted under {visit}")
