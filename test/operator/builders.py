"""One service's objects in every standing, and plans made of them pass by pass."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from isoproxy.model import manifests, names
from isoproxy.model.dedicatedservice import DedicatedService, DedicatedServiceSpec
from isoproxy.model.isolationpod import IsolationPod, IsolationPodSpec, IsolationPodStatus, Phase
from isoproxy.model.metadata import ObjectMeta, OwnerReference
from isoproxy.model.pod import Condition, ContainerState, ContainerStatus, Pod, PodStatus, StateDetail
from isoproxy.model.proxies import ProxyImage
from isoproxy.model.proxylease import LeaseSpec, ProxyLease
from isoproxy.operator import childkinds, children, planner
from isoproxy.operator.actions import (
    ApplyChild,
    Assign,
    Child,
    DeleteOrphan,
    End,
    EndReason,
    MakePod,
    Recall,
    RecordLost,
)
from isoproxy.operator.durations import Fact
from isoproxy.operator.family import family
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.observed import Applied, ChildObject, Family, Observed, Obstacle, Proxy
from isoproxy.operator.pacing import Pacing
from isoproxy.operator.planner import Plan

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
NAMESPACE = "games"
SERVICE = "chess"
SERVICE_UID = "service-uid"


def service(**spec: Any) -> DedicatedService:
    """A DedicatedService of which only ``spec`` differs from the defaults."""
    return DedicatedService(
        metadata=ObjectMeta(name=SERVICE, namespace=NAMESPACE, uid=SERVICE_UID, generation=1),
        spec=DedicatedServiceSpec(**({"image": "chess:1"} | spec)),
    )


def record(
    name: str,
    *,
    template: str = "",
    proxy: str = "",
    phase: Phase = Phase.IDLE,
    recalled: bool = False,
    deleting: bool = False,
    outcome: str = "",
    port: int = 8080,
) -> IsolationPod:
    """An IsolationPod; if it has a proxy, its Pod is the one that ``pod`` makes for it."""
    return IsolationPod(
        metadata=ObjectMeta(
            name=name,
            namespace=NAMESPACE,
            uid=f"record-{name}",
            resource_version="1",
            labels={names.LABEL_SERVICE_UID: SERVICE_UID, names.LABEL_TEMPLATE: template},
            annotations={names.ANNOTATION_RECALL: "now"} if recalled else {},
            deletion_timestamp=EPOCH if deleting else None,
        ),
        spec=IsolationPodSpec(
            service_name=SERVICE,
            pod_name=name,
            port=port,
            proxy=proxy,
            podIP="10.0.0.1" if proxy else "",
            podUID=f"pod-{name}" if proxy else "",
        ),
        status=IsolationPodStatus(phase=phase, in_use=phase is Phase.IN_USE, outcome=outcome),
    )


def pod(
    name: str,
    *,
    uid: str | None = None,
    owner: str | None = None,
    role: str = names.ROLE_POD,
    ready: bool = True,
    phase: str = "Running",
    restarts: int = 0,
    ending: bool = False,
    grace: int = 1,
    trouble: str = "",
    ip: str = "10.0.0.1",
) -> Pod:
    """The Pod of the record called ``name``; ``owner`` overrides the record's uid, "" leaves the owner out."""
    owner_uid = f"record-{name}" if owner is None else owner
    state = ContainerState(terminated=StateDetail(reason=trouble)) if trouble else ContainerState()
    return Pod(
        metadata=ObjectMeta(
            name=name,
            namespace=NAMESPACE,
            uid=f"pod-{name}" if uid is None else uid,
            labels={names.LABEL_SERVICE_UID: SERVICE_UID, names.LABEL_ROLE: role},
            owner_references=(OwnerReference(kind="IsolationPod", name=name, uid=owner_uid),) if owner_uid else (),
            deletion_timestamp=EPOCH + timedelta(seconds=grace) if ending else None,
            deletion_grace_period_seconds=grace if ending else None,
        ),
        status=PodStatus(
            phase=phase,
            podIP=ip,
            conditions=(Condition(type="Ready", status="True" if ready else "False"),),
            container_statuses=(ContainerStatus(restart_count=restarts, state=state),),
        ),
    )


def lease(
    instance: str,
    *,
    version: int = 1,
    created: float = 0.0,
    service_uid: str = SERVICE_UID,
    **words: int | bool | str,
) -> ProxyLease:
    """A proxy's Lease; ``words`` are its annotations without the group: queued, held, claimed, draining, ended, ..."""
    annotations = {
        f"{names.GROUP}/{word.replace('_', '-')}": "true" if value is True else str(value)
        for word, value in words.items()
        if value is not False
    }
    return ProxyLease(
        metadata=ObjectMeta(
            name=names.lease_name(SERVICE, instance),
            namespace=NAMESPACE,
            uid=f"lease-{instance}",
            resource_version=str(version),
            creation_timestamp=EPOCH + timedelta(seconds=created),
            labels={names.LABEL_SERVICE_UID: service_uid},
            annotations=annotations,
        ),
        spec=LeaseSpec(holder_identity=instance),
    )


def applied_children(of: DedicatedService, proxy_image: ProxyImage | None = None) -> dict[Child, Applied]:
    """The objects that a service has one of, as they are once the operator has applied them."""
    bare = Observed(service=of, proxy_image=proxy_image)
    applied: dict[Child, Applied] = {}
    while applies := children.plan(replace(bare, children=results(applied), applied=applied), family(bare)).applies:
        applied |= {action.child: applied_by(action) for action in applies}
    return applied


def applied_by(action: ApplyChild) -> Applied:
    """What comes of an apply at a server that fills in a field of its own."""
    meta = action.manifest["metadata"] | {"uid": f"uid-{action.child.name}", "resourceVersion": "7"}
    return Applied(
        childkinds.fingerprint(action.manifest),
        childkinds.parse_child(action.manifest | {"metadata": meta, "filledIn": True}),
    )


def results(applied: Mapping[Child, Applied]) -> dict[Child, ChildObject]:
    return {child: one.result for child, one in applied.items()}


class Scene:
    """What is observed of one service, to be set up in a few words, and planned for pass by pass.

    Time stands still but for ``wait``. Proxies hold all that is assigned to them unless told otherwise.
    """

    def __init__(self, **spec: Any) -> None:
        self.service = service(**spec)
        self.records: dict[str, IsolationPod] = {}
        self.pods: dict[str, Pod] = {}
        self.proxy_image: ProxyImage | None = None
        self.obstacles: dict[Child, Obstacle] = {}
        self.contested: frozenset[Child] = frozenset()
        self.remade: frozenset[Child] = frozenset()
        self.proxy_pods: list[Pod] = []
        self.stand()
        self.unseen_pods = 0
        self.refused = ""
        self.taken = False
        self.paused = False
        self.now = 1000.0
        self.jitter = 0.0
        self.pacing = Pacing()
        self.since: Mapping[Fact, float] = {}
        self.family: Family | None = None
        self.owed: Mapping[str, float] = {}
        self._proxies: dict[str, tuple[Verdict, dict[str, Any]]] = {}
        self._said: dict[str, tuple[dict[str, Any], int]] = {}
        self._names = (f"p{number}" for number in count(1))

    # --- what is there

    def respec(self, **spec: Any) -> "Scene":
        """Change the service's spec, as a user would."""
        self.service = replace(self.service, spec=replace(self.service.spec, **spec))
        return self

    def deploy(self, image: str = "isoproxy:1") -> "Scene":
        """Let the operator deploy the proxies, and have done so."""
        self.proxy_image = ProxyImage(image)
        return self.stand()

    def stand(self) -> "Scene":
        """Let all that the service has one of be as it should."""
        self.applied = applied_children(self.service, self.proxy_image)
        self.children = results(self.applied)
        return self

    @property
    def template(self) -> str:
        return manifests.template_hash(self.service)

    def add(self, made: IsolationPod, its_pod: Pod | None) -> str:
        self.records[made.metadata.name] = made
        if its_pod is not None:
            self.pods[made.metadata.name] = its_pod
        return made.metadata.name

    def bring(self, how_many: int = 1, *, ready: bool = True, **fields: Any) -> list[str]:
        """Add that many pods of the present template; ``fields`` are those of ``record``. Returns their names."""
        fields = {"template": self.template} | fields
        chosen = [next(self._names) for _ in range(how_many)]
        return [self.add(record(name, **fields), pod(name, ready=ready)) for name in chosen]

    def starting(self, how_many: int = 1, **fields: Any) -> list[str]:
        return self.bring(how_many, ready=False, **fields)

    def warm(self, how_many: int = 1, **fields: Any) -> list[str]:
        return self.bring(how_many, **fields)

    def stocked(self, proxy: str, how_many: int = 1, **fields: Any) -> list[str]:
        return self.bring(how_many, proxy=proxy, **fields)

    def recalled(self, proxy: str, how_many: int = 1, **fields: Any) -> list[str]:
        return self.bring(how_many, proxy=proxy, recalled=True, **fields)

    def in_use(self, proxy: str, how_many: int = 1, **fields: Any) -> list[str]:
        return self.bring(how_many, proxy=proxy, phase=Phase.IN_USE, **fields)

    def proxy(self, instance: str, verdict: Verdict = Verdict.ALIVE, **words: Any) -> "Scene":
        """Let there be a proxy (or change it): see ``lease`` for ``words``; ``lease=False``: its Lease is not there."""
        self._proxies[instance] = (verdict, words)
        return self

    # --- what time brings

    def wait(self, seconds: float) -> "Scene":
        self.now += seconds
        return self

    def put(self, name: str, changed: Pod | None) -> "Scene":
        """Let the Pod of that name be seen like this now, or be gone."""
        self.pods.pop(name, None)
        if changed is not None:
            self.pods[name] = changed
        return self

    def phase(self, name: str, phase: Phase) -> "Scene":
        was = self.records[name]
        self.records[name] = replace(was, status=replace(was.status, phase=phase))
        return self

    def remove(self, *gone: str) -> "Scene":
        for name in gone:
            self.records.pop(name, None)
            self.pods.pop(name, None)
        return self

    # --- what is made of it

    def observed(self) -> Observed:
        proxies = {name: self._proxy(name, verdict, dict(words)) for name, (verdict, words) in self._proxies.items()}
        return Observed(
            service=self.service,
            records=tuple(self.records.values()),
            pods=self.pods,
            proxies=proxies,
            children=self.children,
            applied=self.applied,
            obstacles=self.obstacles,
            contested=self.contested,
            remade=self.remade,
            proxy_image=self.proxy_image,
            proxy_pods=tuple(self.proxy_pods),
            family=self.family,
            owed=self.owed,
            pacing=self.pacing,
            since=self.since,
            unseen_pods=self.unseen_pods,
            refused=self.refused,
            taken=self.taken,
            paused=self.paused,
        )

    def _proxy(self, instance: str, verdict: Verdict, words: dict[str, Any]) -> Proxy:
        if not words.pop("lease", True):
            return Proxy(instance, verdict)
        idle = [r for r in self.records.values() if r.spec.proxy == instance and r.status.phase is Phase.IDLE]
        words.setdefault("held", len(idle))
        said, version = self._said.get(instance, ({}, 0))
        if said != words:  # a Lease that says something new is a new version of it
            version += 1
        self._said[instance] = words, version
        return Proxy(instance, verdict, lease(instance, version=version, **words))

    def plan(self) -> Plan:
        """Make one pass; what it learned is given to the next one, nothing else changes."""
        planned = planner.plan(self.observed(), self.now, self.jitter)
        self.pacing, self.since, self.family = planned.pacing, planned.since, planned.family
        self.owed = planned.owed
        return planned

    def plan_after(self, seconds: float) -> Plan:
        """Make one pass now and one when ``seconds`` have passed; returns the second."""
        self.plan()
        return self.wait(seconds).plan()


# --- what a plan says, in short


def made(planned: Plan) -> int:
    return sum(isinstance(action, MakePod) for action in planned.actions)


def assigned(planned: Plan) -> dict[str, str]:
    """Which proxy each pod goes to, by the pod's name."""
    return {a.record.metadata.name: a.instance for a in planned.actions if isinstance(a, Assign)}


def recalled(planned: Plan) -> set[str]:
    return {action.record.metadata.name for action in planned.actions if isinstance(action, Recall)}


def ended(planned: Plan) -> dict[str, EndReason]:
    """Why each pod is ended, by its name."""
    return {a.record.metadata.name: a.reason for a in planned.actions if isinstance(a, End)}


def lost(planned: Plan) -> set[str]:
    return {action.record.metadata.name for action in planned.actions if isinstance(action, RecordLost)}


def orphans(planned: Plan) -> set[str]:
    return {action.pod.metadata.name for action in planned.actions if isinstance(action, DeleteOrphan)}


def touched(planned: Plan) -> set[str]:
    """Every pod that the plan would end, recall, or record as lost."""
    return set(ended(planned)) | recalled(planned) | lost(planned)
