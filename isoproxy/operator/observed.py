"""What a plan is made from: one service's objects as last seen, overlaid with writes not seen yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.parsing import Json
from isoproxy.model.pod import Condition, Pod
from isoproxy.model.proxies import ProxyImage
from isoproxy.model.proxylease import ProxyLease
from isoproxy.operator.actions import Child
from isoproxy.operator.durations import Fact
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.pacing import Pacing


@dataclass(frozen=True, slots=True)
class ChildObject:
    """An object that a service has one of: its identity, a fingerprint of what is in it, how its controller says
    that it fares, and, of a Service, the port that clients connect to."""

    metadata: ObjectMeta
    content: str
    conditions: tuple[Condition, ...] = ()
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What was last applied of a child, as a fingerprint of the manifest, and what the API server made of it.

    ``created`` is whether it was not there before.
    """

    manifest: str
    result: ChildObject
    created: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a child is to be: its metadata, and a fingerprint of all of its manifest."""

    metadata: Json
    manifest: str


@dataclass(frozen=True, slots=True)
class Family:
    """What a service's children are to be and its pods' template is, and what both were worked out from."""

    source: tuple[object, ...]
    children: Mapping[Child, Wanted]
    template: str


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a child cannot be applied: a condition's reason and message."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy instance: what it says in its Lease, and whether it lives."""

    instance: str
    verdict: Verdict
    lease: ProxyLease | None = None

    @property
    def _word(self) -> ProxyLease | None:
        """Its Lease, as long as it is alive to mean what that says."""
        return self.lease if self.verdict is Verdict.ALIVE else None

    @property
    def accepting(self) -> bool:
        """Whether pods may be assigned to it."""
        return self._word is not None and not (self._word.draining or self._word.listen_error)

    @property
    def queued(self) -> int:
        """Connections that wait at it."""
        return self._word.queued if self._word is not None else 0

    @property
    def held(self) -> int:
        """Pods it has taken in of which it has not written anything yet."""
        return self._word.held if self._word is not None else 0

    @property
    def claimed(self) -> int:
        """How many of those left its stock all the same: claimed, or given back."""
        return min(self._word.claimed, self.held) if self._word is not None else 0


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that is known of one service.

    ``pods`` and ``proxies`` are keyed by name and by instance; ``since`` tells from when (monotonic seconds) each fact
    has held; ``being_made`` are the names of pods whose making is under way; ``unseen_pods`` counts those of them, and
    creations of unknown outcome, whose records are not seen; ``untaken`` says why a Pod was not taken, by the uid of
    its record, ``refused`` why one was refused since the plan before, and ``taken`` is whether one was taken since;
    ``paused`` is whether none is to be made yet.
    ``obstacles`` are of children not to
    be tried again yet, ``contested`` are those not to be put right again yet, ``remade`` those not to be made again
    yet; ``family`` is what the last pass found them to be, ``owed`` how much of a pod it found each proxy's queue to be
    owed. ``proxy_image`` is None where the service's proxies are somebody else's business; ``proxy_pods`` are known
    only where they are not.
    """

    service: DedicatedService
    records: tuple[IsolationPod, ...] = ()
    pods: Mapping[str, Pod] = field(default_factory=dict)
    proxies: Mapping[str, Proxy] = field(default_factory=dict)
    children: Mapping[Child, ChildObject] = field(default_factory=dict)
    applied: Mapping[Child, Applied] = field(default_factory=dict)
    obstacles: Mapping[Child, Obstacle] = field(default_factory=dict)
    contested: frozenset[Child] = frozenset()
    remade: frozenset[Child] = frozenset()
    owed: Mapping[str, float] = field(default_factory=dict)
    proxy_image: ProxyImage | None = None
    proxy_pods: tuple[Pod, ...] = ()
    family: Family | None = None
    pacing: Pacing = field(default_factory=Pacing)
    since: Mapping[Fact, float] = field(default_factory=dict)
    being_made: frozenset[str] = frozenset()
    unseen_pods: int = 0
    untaken: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    taken: bool = False
    paused: bool = False

    def awaits_pod(self, record: IsolationPod) -> bool:
        """Whether the record's Pod is just being made: it may come whatever becomes of the record."""
        return record.metadata.name in self.being_made and self.pod_of(record) is None

    def pod_of(self, record: IsolationPod) -> Pod | None:
        """Return the record's own Pod, if it is seen: same name, and owned by this very record."""
        pod = self.pods.get(record.spec.pod_name)
        if pod is None or pod.metadata.owner_uid("IsolationPod") != record.metadata.uid:
            return None
        if record.assigned and pod.metadata.uid != record.spec.pod_uid:
            return None
        return pod
