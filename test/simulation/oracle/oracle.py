"""Judges by what it sees itself, and shares nothing with the product: I1 to I5 of the design, at each event."""

from collections.abc import Callable
from dataclasses import dataclass, field

from isoproxy.kube.resources import (
    DEDICATED_SERVICES,
    ISOLATION_PODS,
    LEASES,
    NETWORK_POLICIES,
    PODS,
    Json,
    Resource,
)
from isoproxy.proxy.relay.result import Ending
from test.simulation.history import History
from test.simulation.nodes import Program
from test.simulation.server import Server
from test.simulation.timeline import Timeline
from test.simulation.visitors import Manner, Visitor, fields_of, is_from

LEASE_SECONDS = 15.0
LONGEST_DIAL = 0.05
"""Who hangs up when its pod has been claimed already is served all the same."""
DRIFT = 0.95
"""How much less than a second of the operator's may be, by clocks that run apart."""
LIMITS = ("max_duration", "idle_timeout")


@dataclass(slots=True)
class Doings:
    """What others than the operator have ended, by uid."""

    services: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    pods: set[str] = field(default_factory=set)
    walls: set[str] = field(default_factory=set)
    """By name, until it stands again."""


class Oracle:
    """``grace`` is every proxy's. ``crowded`` says whether more than one operator may be at work."""

    def __init__(
        self, *, timeline: Timeline, history: History, server: Server, grace: float, crowded: Callable[[], bool]
    ) -> None:
        self._timeline = timeline
        self._history = history
        self._server = server
        self._grace = grace
        self._crowded = crowded
        self.doings = Doings()
        self._accepted: dict[str, str] = {}  # pod uid -> the process that connected to it
        self._sessions: dict[str, tuple[Visitor, str]] = {}  # pod uid -> who is there, by which instance's process
        self._lines: dict[int, list[str]] = {}
        self._renewed: dict[str, float] = {}
        self._records: dict[str, Json] = {}
        self._pod_of: dict[str, str] = {}  # uid of the record -> uid of the pod, once it is assigned
        self._instances: dict[str, str] = {}  # pod uid -> instance it was assigned to
        self._pods: dict[str, Json] = {}
        self._owners: dict[str, str] = {}  # uid of the pod -> uid of its record
        self._past_deadline: set[str] = set()
        self._walls: dict[str, Json] = {}
        self.counts: dict[str, int] = {}
        for resource, take in (
            (PODS, self._pod_changed),
            (ISOLATION_PODS, self._record_changed),
            (LEASES, self._lease_changed),
            (NETWORK_POLICIES, self._wall_changed),
        ):
            self._follow(resource, take)

    def _follow(self, resource: Resource, take: Callable[[str, Json], None]) -> None:
        """Be told of each change in the turn in which it is made, before anything comes of it."""

        def look() -> None:
            for event in watch.take():
                take(event.type, event.stored.object)

        watch = self._server.watch(resource, None, look)

    def excused(self, program: Program) -> bool:
        """Whether others than the operator had a hand in a pod's end."""
        return (
            program.service_uid in self.doings.services
            or program.uid in self.doings.pods
            or self._owners.get(program.uid) in self.doings.records
        )

    # I1

    def accepts(self, program: Program, record_uid: str, process: str) -> None:
        """A proxy's connection, meant for the pod of an IsolationPod, is accepted by a program."""
        if program.uid != self._pod_of[record_uid]:
            self._wrong(f"I1: {process} meant the pod {self._pod_of[record_uid]} and met {program}")
        if program.uid in self._accepted:
            self._wrong(f"I1: {program} is connected to by {process}, and was by {self._accepted[program.uid]}")
        self._accepted[program.uid] = process

    # I2

    def served(self, visitor: Visitor, program: Program) -> None:
        """A visitor has its pod."""
        self._count("served")
        self._history.note(f"{visitor} is served by {program}")
        if visitor.over:
            self._wrong(f"I3: {visitor} is served, and was over")
        began = max(visitor.shut_at or self._timeline.now, visitor.machine.resumed_at)
        if visitor.manner is Manner.HANGS_UP and self._timeline.now - began > LONGEST_DIAL:
            self._wrong(f"I5: {visitor} had hung up while it waited, and cost a pod")
        self._sessions[program.uid] = (visitor, self._instances.get(program.uid, ""))

    def left(self, visitor: Visitor, program: Program, ending: Ending, why: str) -> None:
        """A session is over."""
        self._sessions.pop(program.uid, None)
        self._history.note(f"{visitor} leaves {program}: {ending.value} {why}")
        if ending is Ending.ABORTED and why not in LIMITS and not self._may_cut(visitor, program, why):
            self._wrong(f"I2: the proxy ended the session of {visitor} with {program}: {why}")

    def _may_cut(self, visitor: Visitor, program: Program, why: str) -> bool:
        return why == "drained" and (
            program.service_uid in self.doings.services or visitor.machine.name in self._past_deadline
        )

    def deadline_came(self, process: str) -> None:
        """The time that a draining proxy gives to its connections is over."""
        self._past_deadline.add(process)

    def _pod_changed(self, event: str, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        is_new = uid not in self._pods
        self._pods[uid] = pod
        self._owners[uid] = pod["metadata"]["ownerReferences"][0]["uid"]
        if event == "DELETED":
            del self._pods[uid]
        elif is_new:
            self._check_ceiling(pod)
            self._check_walled(pod)
        if (event == "DELETED" or "deletionTimestamp" in pod["metadata"]) and uid in self._sessions:
            visitor, instance = self._sessions[uid]
            program = visitor.program
            assert program is not None
            if program.alive and not self.excused(program) and not self._was_silent(instance):
                self._wrong(f"I2: {program} is deleted under {visitor}")

    def _was_silent(self, instance: str) -> bool:
        """Whether a proxy did not renew for so long that it may be given up."""
        silent = self._timeline.now - self._renewed.get(instance, 0.0)
        return silent >= (LEASE_SECONDS + self._grace) * DRIFT

    # I3

    def line(self, text: str) -> None:
        """A proxy wrote a line of its access log."""
        number = is_from(text)
        self._history.note(text)
        self._count(text.partition("outcome=")[2].split()[0])
        self._lines.setdefault(number, []).append(text)
        if len(self._lines[number]) > 1:
            self._wrong(f"I3: visitor {number} ends twice")

    def told_of(self, visitor: Visitor) -> tuple[int, float]:
        """How many dials a visitor took, and how long it waited, as its proxy tells; no dials where it does not."""
        lines = self._lines.get(visitor.number)
        if not lines:
            return 0, 0.0
        told = fields_of(lines[0])
        return int(told["attempts"]), float(told["queued"])

    def check_told(self, visitors: list[Visitor]) -> None:
        """Every connection to a process that still lives has ended in one line."""
        for visitor in visitors:
            if visitor.accepted and visitor.machine.alive and visitor.number not in self._lines:
                self._wrong(f"I3: the end of {visitor} was never told")

    def _record_changed(self, event: str, record: Json) -> None:
        uid = record["metadata"]["uid"]
        before = self._records.get(uid)
        self._records[uid] = record
        pod_uid = record["spec"]["podUID"]
        if pod_uid:
            self._pod_of[uid] = pod_uid
            self._instances[pod_uid] = record["spec"]["proxy"]
        if before is not None and before["spec"]["proxy"] not in ("", record["spec"]["proxy"]):
            self._wrong(f"I1: {record['metadata']['name']} was assigned twice")
        if event == "DELETED":
            del self._records[uid]
            if record["status"]["phase"] == "InUse":
                self._check_unrecorded(record)

    def _check_unrecorded(self, record: Json) -> None:
        """What is in use is deleted without a word of its end only where others did that, or its pod is no more."""
        meta, pod = record["metadata"], self._pods.get(record["spec"]["podUID"])
        by_others = meta["uid"] in self.doings.records or meta["labels"]["soh.re/service-uid"] in self.doings.services
        if not by_others and pod is not None and pod["status"].get("phase") == "Running":
            self._wrong(f"I3: {meta['name']} was in use, and is deleted before its end is recorded")

    # I4

    def _check_ceiling(self, pod: Json) -> None:
        uid = pod["metadata"]["labels"]["soh.re/service-uid"]
        for service in self._server.objects(DEDICATED_SERVICES):
            most = service["spec"].get("maxPods")
            if service["metadata"]["uid"] != uid or most is None or self._crowded():
                continue
            there = sum(one["metadata"]["labels"]["soh.re/service-uid"] == uid for one in self._pods.values())
            if there > most:
                self._wrong(f"I4: {there} pods of {service['metadata']['name']}, of which there may be {most}")

    # The wall around the pods

    def _check_walled(self, pod: Json) -> None:
        meta = pod["metadata"]
        if self._owners[meta["uid"]] not in self._records:
            return  # a request that came late: nobody is given this pod, and it is collected
        name = f"{meta['labels']['soh.re/service']}-pods"
        if name not in self.doings.walls and not any(_is_around(pod, wall) for wall in self._walls.values()):
            self._wrong(f"wall: {meta['name']} is made before its wall stands")

    def _wall_changed(self, event: str, wall: Json) -> None:
        name = wall["metadata"]["name"]
        self._walls[name] = wall
        if event != "DELETED":
            self.doings.walls.discard(name)
            return
        del self._walls[name]
        behind = [pod for pod in self._pods.values() if _is_around(pod, wall) and pod["status"]["phase"] == "Running"]
        if behind and name not in self.doings.walls:
            self._wrong(f"wall: {name} is taken away, and {behind[0]['metadata']['name']} still runs behind it")

    # The Leases

    def _lease_changed(self, event: str, lease: Json) -> None:
        if event != "DELETED":
            self._renewed[lease["spec"]["holderIdentity"]] = self._timeline.now

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _wrong(self, what: str) -> None:
        self._history.wrong(what)


def _is_around(pod: Json, wall: Json) -> bool:
    selected = wall["spec"]["podSelector"].get("matchLabels", {})
    return bool(selected) and selected.items() <= pod["metadata"]["labels"].items()
