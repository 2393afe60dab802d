"""What the API server holds, followed in the turn in which it changes, and what others than the operator ended."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, LEASES, PODS, Json, Resource
from test.simulation.nodes import Program
from test.simulation.server import Server
from test.simulation.timeline import Timeline

LEASE_SECONDS = 15.0
DRIFT = 0.95
"""How much less than a second of one clock's another's may be."""


@dataclass(slots=True)
class Doings:
    """What others than the operator have ended, by uid."""

    services: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    pods: set[str] = field(default_factory=set)
    walls: set[str] = field(default_factory=set)
    """By name, until it stands again."""


@dataclass(frozen=True, slots=True)
class Change:
    """Of one object: ``before`` is None for one that is new, ``gone`` is whether ``now`` is its last state."""

    before: Json | None
    now: Json
    gone: bool


class Cluster:
    """Everything by its uid. ``grace`` is every proxy's."""

    def __init__(self, timeline: Timeline, server: Server, grace: float) -> None:
        self._timeline = timeline
        self._server = server
        self._grace = grace
        self.doings = Doings()
        self.records: dict[str, Json] = {}
        self.pods: dict[str, Json] = {}
        self.pod_of: dict[str, str] = {}
        """The uid of the pod by the uid of its record, once it is assigned."""
        self.instance_of: dict[str, str] = {}
        """The instance that a pod was assigned to, by the pod's uid."""
        self.owner_of: dict[str, str] = {}
        """The uid of its record, by the uid of the pod."""
        self.specs: dict[str, list[tuple[float, Json]]] = defaultdict(list)
        """What each service has been asked for since when, by its name: of all that ever had that name."""
        self.deleted: set[str] = set()
        """Names of services of which one was deleted."""
        self.service_of: dict[str, str] = {}
        """The uid of the service that an instance is of, as its Lease says."""
        self.ended: set[str] = set()
        """The instances that have said their last word: see ``Sessions`` for when they may."""
        self._renewed: dict[str, float] = {}
        self.tell(DEDICATED_SERVICES, self._service_changed)
        self.tell(ISOLATION_PODS, self._record_changed)
        self.tell(PODS, self._pod_changed)
        self.tell(LEASES, self._lease_changed)

    def tell(self, resource: Resource, take: Callable[[Change], None]) -> None:
        """Have ``take`` called at each change, before anything comes of it, and after this cluster has taken it in."""
        known: dict[str, Json] = {}

        def look() -> None:
            for event in watch.take():
                obj, gone = event.stored.object, event.type == "DELETED"
                before = known.pop(obj["metadata"]["uid"], None)
                if not gone:
                    known[obj["metadata"]["uid"]] = obj
                take(Change(before, obj, gone))

        watch = self._server.watch(resource, None, look)

    def excuses(self, program: Program) -> bool:
        """Whether others than the operator had a hand in a pod's end."""
        return (
            program.service_uid in self.doings.services
            or program.uid in self.doings.pods
            or self.owner_of.get(program.uid) in self.doings.records
        )

    def has_record(self, pod_uid: str) -> bool:
        """Whether the record that a pod was made for is there."""
        return self.owner_of[pod_uid] in self.records

    def is_given_up(self, instance: str) -> bool:
        """Whether a proxy did not renew for so long that its connections may be taken for lost."""
        return self._silent(instance) >= (LEASE_SECONDS + self._grace) * DRIFT

    def was_silent(self, instance: str, *, is_over: bool = False) -> bool:
        """Whether what a proxy has not recorded may be given up: it has said its last word, which it may before all is
        recorded, or is silent for long.

        Who is waited for has no grace where the pod in question ``is_over``: nothing can be lost by it any more.
        """
        is_silent = is_over and self._silent(instance) >= LEASE_SECONDS * DRIFT
        return is_silent or instance in self.ended or self.is_given_up(instance)

    def is_gone(self, instance: str) -> bool:
        """Whether what a proxy has not used may be ended: it has said its last word, is silent for long, or another one
        has been heard of since in its home."""
        return self.was_silent(instance) or self._has_successor(instance)

    def _has_successor(self, instance: str) -> bool:
        home, service = instance.rpartition("-")[0], self.service_of.get(instance)
        renewed = self._renewed.get(instance, 0.0)
        return any(
            one.rpartition("-")[0] == home and self.service_of[one] == service and at > renewed
            for one, at in self._renewed.items()
        )

    def _silent(self, instance: str) -> float:
        return self._timeline.now - self._renewed.get(instance, 0.0)

    def bounds(self, service: str, part: str, name: str) -> list[float | None]:
        """Every value that a field of ``queue`` or ``session`` has had for a service: any of them may still hold."""
        return [spec[part].get(name) for _, spec in self.specs[service]]

    def _service_changed(self, change: Change) -> None:
        name, spec = change.now["metadata"]["name"], change.now["spec"]
        if change.gone:
            self.deleted.add(name)
        elif change.before is None or change.before["spec"] != spec:
            self.specs[name].append((self._timeline.now, spec))

    def _record_changed(self, change: Change) -> None:
        uid, spec = change.now["metadata"]["uid"], change.now["spec"]
        self.records[uid] = change.now
        if spec["podUID"]:
            self.pod_of[uid] = spec["podUID"]
            self.instance_of[spec["podUID"]] = spec["proxy"]
        if change.gone:
            del self.records[uid]

    def _pod_changed(self, change: Change) -> None:
        meta = change.now["metadata"]
        self.pods[meta["uid"]] = change.now
        self.owner_of[meta["uid"]] = meta["ownerReferences"][0]["uid"]
        if change.gone:
            del self.pods[meta["uid"]]

    def _lease_changed(self, change: Change) -> None:
        if change.gone:
            return
        instance = change.now["spec"]["holderIdentity"]
        self.service_of[instance] = change.now["metadata"].get("labels", {}).get("soh.re/service-uid", "")
        self._renewed[instance] = self._timeline.now
        if "soh.re/ended" in change.now["metadata"].get("annotations", {}):
            self.ended.add(instance)
