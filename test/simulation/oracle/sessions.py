"""I2: a connection in progress is ended only by its peers, its own limits, others' deletions, or its proxy's end."""

from isoproxy.kube.resources import LEASES, PODS, Json
from isoproxy.proxy.relay.result import Ending
from test.simulation.oracle.cluster import Change
from test.simulation.oracle.limits import LIMITS
from test.simulation.oracle.scene import Scene
from test.simulation.oracle.visits import Visit


class Sessions:
    """No proxy cuts a session without a reason or says its last word during one, and no pod is deleted under one."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._past_deadline: set[str] = set()
        self._given_up: set[str] = set()
        """The uids of pods that were deleted when their proxies could be taken for dead."""
        scene.cluster.tell(PODS, self._pod_changed)
        scene.cluster.tell(LEASES, self._lease_changed)

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
        if not change.gone and not _is_ending(change.now):
            return
        cluster, visit = self._scene.cluster, self._scene.visits.at(uid)
        if cluster.is_given_up(cluster.instance_of.get(uid, "")):
            self._given_up.add(uid)
        if visit is not None and visit.is_served:
            self._check_kept(visit)

    def served(self, visit: Visit) -> None:
        """A session begins: its pod must not have been deleted while it was dialled."""
        assert visit.program is not None
        pod = self._scene.cluster.pods.get(visit.program.uid)
        if pod is None or _is_ending(pod):
            self._check_kept(visit)

    def _check_kept(self, visit: Visit) -> None:
        """A pod is deleted that serves somebody: by others, or its proxy was given up."""
        program = visit.program
        assert program is not None
        if program.alive and not self._scene.cluster.excuses(program) and program.uid not in self._given_up:
            self._scene.wrong(f"I2: {program} is deleted under {visit}")

    def _lease_changed(self, change: Change) -> None:
        """Who has said its last word holds nothing: the operator ends what was assigned to it without a look."""
        instance = change.now["spec"].get("holderIdentity", "")
        if change.gone or instance not in self._scene.cluster.ended:
            return
        for visit in self._held_by(instance):
            self._scene.wrong(f"I2: {instance} says that it holds nothing, and has {visit}")

    def _held_by(self, instance: str) -> list[Visit]:
        """Who is served by an instance, or waits at it as far as is known: whose process it is, is told by its dials.

        A process whose service is deleted may have another instance already, at which others wait.
        """
        cluster, dials = self._scene.cluster, self._scene.dials
        records = [uid for uid, pod in cluster.pod_of.items() if cluster.instance_of[pod] == instance]
        met = [visit for uid in records if (visit := self._scene.visits.at(cluster.pod_of[uid])) is not None]
        served = [visit for visit in met if visit.is_served]
        if cluster.service_of[instance] in cluster.doings.services:
            return served
        processes = {dials.claims[uid].process for uid in records if uid in dials.claims}
        return served + [visit for process in processes for visit in self._scene.visits.waiting_at(process)]


def _is_ending(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]
