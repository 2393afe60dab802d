"""I1: a pod is assigned to one proxy, and serves at most one connection, ever: the one that was meant for it."""

from isoproxy.kube.resources import ISOLATION_PODS, Json
from test.simulation.nodes import Program
from test.simulation.oracle.cluster import Change
from test.simulation.oracle.scene import Scene


class Assignments:
    """Who was assigned what, and who was connected to by whom."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._accepted: dict[str, str] = {}  # pod uid -> the process that connected to it
        scene.cluster.tell(ISOLATION_PODS, self._record_changed)

    def accepts(self, program: Program, record_uid: str, process: str) -> None:
        """A proxy's connection, meant for the pod of an IsolationPod, is accepted by a program."""
        meant = self._scene.cluster.pod_of[record_uid]
        if program.uid != meant:
            self._scene.wrong(f"I1: {process} meant the pod {meant} and met {program}")
        if program.uid in self._accepted:
            self._scene.wrong(f"I1: {program} is connected to by {process}, and was by {self._accepted[program.uid]}")
        self._accepted[program.uid] = process

    def _record_changed(self, change: Change) -> None:
        if change.before is None:
            return
        before, now = change.before["spec"], change.now["spec"]
        if now["proxy"] and not before["proxy"]:
            self._check_same_service(change.now)
        if before["proxy"] and any(before[name] != now[name] for name in ("proxy", "podIP", "podUID")):
            self._scene.wrong(f"I1: {change.now['metadata']['name']} was assigned twice")

    def _check_same_service(self, record: Json) -> None:
        """Another service of the name, from before or after, is another."""
        meta, instance = record["metadata"], record["spec"]["proxy"]
        made_for, of = meta["labels"]["soh.re/service-uid"], self._scene.cluster.service_of[instance]
        if made_for != of:
            self._scene.wrong(f"I1: {meta['name']} was made for {made_for}, and is assigned to {instance} of {of}")
