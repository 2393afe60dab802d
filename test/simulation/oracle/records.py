"""I3: the record of a pod goes only forward, is final once it is over, and says whose connection it had, and what
became of that. I2: what is not used is ended only once its proxy has given it back."""

from isoproxy.kube.resources import ISOLATION_PODS, Json
from isoproxy.proxy.addresses import host_and_port
from test.simulation.oracle.cluster import Change
from test.simulation.oracle.outcomes import UNSERVED
from test.simulation.oracle.scene import Scene

FORWARD = {("Idle", "InUse"), ("Idle", "Released"), ("Idle", "Returned"), ("InUse", "Released")}
FINAL = {"Released", "Returned"}
LOST = "proxy_lost"


class Records:
    """The status of every IsolationPod."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        scene.cluster.tell(ISOLATION_PODS, self._record_changed)

    def _record_changed(self, change: Change) -> None:
        before = change.before["status"] if change.before is not None else {"phase": "Idle"}
        now, name = change.now["status"], change.now["metadata"]["name"]
        if change.gone:
            self._check_ended(change.now)
        if before["phase"] == now["phase"]:
            if now["phase"] in FINAL and before != now:
                self._scene.wrong(f"I3: {name} was {_say(before)}, for good, and is {_say(now)}")
            elif (named := before.get("client", "")) != (names := now.get("client", "")):
                self._scene.wrong(f"I3: {name} named {named or 'nobody'}, and names {names or 'nobody'}")
            return
        if (before["phase"], now["phase"]) not in FORWARD:
            self._scene.wrong(f"I3: {name} was {_say(before)}, and is {_say(now)}")
        self._check_true(change.now)
        self._check_client(change.now)

    def _check_true(self, record: Json) -> None:
        """What is written is what happened."""
        meta, spec, status = record["metadata"], record["spec"], record["status"]
        claimed = meta["uid"] in self._scene.dials.claims
        visit = self._scene.visits.at(spec["podUID"])
        if status["phase"] == "Returned" and claimed:
            self._scene.wrong(f"I3: {meta['name']} is returned as unused, and was dialled")
        elif status["phase"] != "Returned" and not claimed:
            self._scene.wrong(f"I3: {meta['name']} is {_say(status)}, and was never dialled")
        elif status["phase"] == "Released" and status["outcome"] == LOST:
            if not self._is_lost(record):
                self._scene.wrong(f"I3: {meta['name']} is given up as lost, and its proxy lives")
        elif status["phase"] == "Released" and visit is None:
            if status["outcome"] not in UNSERVED:
                self._scene.wrong(f"I3: {meta['name']} is {_say(status)}, and served nobody")
        elif status["phase"] == "Released" and visit is not None:
            told = visit.line["outcome"] if visit.line is not None else "nothing"
            if status["outcome"] != told:
                self._scene.wrong(f"I3: {meta['name']} is {_say(status)}, and of {visit} is told {told}")

    def _check_client(self, record: Json) -> None:
        """Whoever is served by a pod is named; who is given up may have been so before its proxy had written that."""
        status, visit = record["status"], self._scene.visits.at(record["spec"]["podUID"])
        is_named = "client" in status or status.get("outcome") != LOST
        if visit is not None and is_named and status.get("client") != (name := host_and_port(visit.visitor.address)):
            self._scene.wrong(f"I3: {record['metadata']['name']} names {status.get('client')} for {visit}, {name}")

    def _is_lost(self, record: Json) -> bool:
        """Whether the proxy is dead, or was silent for so long that it may be given up."""
        cluster, spec = self._scene.cluster, record["spec"]
        process = self._scene.dials.claims[record["metadata"]["uid"]].process
        pod = cluster.pods.get(spec["podUID"])
        is_over = pod is not None and pod["status"]["phase"] in ("Failed", "Succeeded")
        return process in self._scene.dead or cluster.was_silent(spec["proxy"], is_over=is_over)

    def _check_ended(self, record: Json) -> None:
        """What is assigned is deleted without a word of its end only where others did that, or its pod is no more.

        If no use was written, also where others have told its pod to end, or its proxy is no more.
        """
        meta, spec, phase, cluster = record["metadata"], record["spec"], record["status"]["phase"], self._scene.cluster
        service_uid = meta["labels"]["soh.re/service-uid"]
        by_others = meta["uid"] in cluster.doings.records or service_uid in cluster.doings.services
        if not spec["proxy"] or phase in FINAL or by_others or self._is_pod_over(spec):
            return
        if phase == "InUse":
            self._scene.wrong(f"I3: {meta['name']} was in use, and is deleted before its end is recorded")
        elif spec["podUID"] not in cluster.doings.pods and not cluster.is_gone(spec["proxy"]):
            self._end_of_idle(meta)

    def _end_of_idle(self, meta: Json) -> None:
        """A record is deleted in the first of its phases, and its pod and its proxy were to go on."""
        if meta["uid"] in self._scene.dials.claims:
            self._scene.wrong(f"I3: {meta['name']} was dialled, and is deleted before its end is recorded")
        else:
            self._scene.wrong(f"I2: {meta['name']} is in stock, and is deleted before it is given back")

    def _is_pod_over(self, spec: Json) -> bool:
        pod = self._scene.cluster.pods.get(spec["podUID"])
        return pod is None or pod["status"].get("phase") != "Running"


def _say(status: Json) -> str:
    return f"{status['phase']} {status.get('outcome', '')}".strip()
