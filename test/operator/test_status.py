"""What a DedicatedService says of itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.internet.task import Clock

from isoproxy.kube.resources import DEDICATED_SERVICES, NAMESPACES
from isoproxy.model import manifests
from isoproxy.model.dedicatedservice import DedicatedService, DedicatedServiceStatus, InvalidService, parse_service
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.parsing import dump, parse
from isoproxy.model.pod import Condition, Pod
from isoproxy.model.proxylease import ProxyLease
from isoproxy.operator import status
from isoproxy.operator.actions import Child
from isoproxy.operator.children import taken
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.observed import Observed, Obstacle, Proxy
from isoproxy.operator.planner import plan
from isoproxy.operator.troubles import Trouble, of_invalid
from test.memoryapi import MemoryApi, at_once, make_core

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOTHING = DedicatedServiceStatus()


def service(**spec: Any) -> DedicatedService:
    parsed = parse_service(
        {
            "metadata": {"name": "s", "namespace": "n", "uid": "su", "generation": 3},
            "spec": {"image": "i", "replicas": 2} | spec,
        }
    )
    assert isinstance(parsed, DedicatedService)
    return parsed


def proxy(**annotations: str) -> Proxy:
    told = {f"soh.re/{name.replace('_', '-')}": value for name, value in annotations.items()}
    lease = parse(ProxyLease, {"metadata": {"name": "s-p", "annotations": told}, "spec": {"holderIdentity": "p"}})
    return Proxy("p", Verdict.ALIVE, lease)


def pool(
    of: DedicatedService, *phases: str, pod_status: dict[str, Any] | None = None
) -> tuple[tuple[IsolationPod, ...], dict[str, Pod]]:
    records, pods = [], {}
    ready = {"phase": "Running", "podIP": "127.0.0.9", "conditions": [{"type": "Ready", "status": "True"}]}
    for number, phase in enumerate(phases):
        name = f"s-{number}"
        labels = {"soh.re/service-uid": "su", "soh.re/template": manifests.template_hash(of)}
        spec = {"serviceName": "s", "podName": name, "port": 1}
        if phase != "Unassigned":
            spec |= {"proxy": "p", "podIP": "127.0.0.9", "podUID": f"pu{number}"}
        record = {
            "metadata": {"name": name, "namespace": "n", "uid": f"ru{number}", "labels": labels},
            "spec": spec,
            "status": {"phase": "Idle" if phase == "Unassigned" else phase},
        }
        owner = {"kind": "IsolationPod", "name": name, "uid": f"ru{number}"}
        records.append(parse(IsolationPod, record))
        pods[name] = parse(
            Pod,
            {
                "metadata": {"name": name, "uid": f"pu{number}", "ownerReferences": [owner]},
                "status": pod_status or ready,
            },
        )
    return tuple(records), pods


def shown(observed: Observed, before: DedicatedServiceStatus = NOTHING, at: float = 0.0) -> DedicatedServiceStatus:
    return status.status(observed, plan(observed, at, 0.5), before, NOON)


def condition(found: DedicatedServiceStatus, name: str) -> Condition:
    return next(condition for condition in found.conditions if condition.type == name)


def test_counts_tell_used_from_available_and_a_claim_before_it_is_written() -> None:
    of = service(replicas=4)
    records, pods = pool(of, "Idle", "Idle", "Idle", "InUse")
    found = shown(Observed(of, records, pods, {"p": proxy(held="3", claimed="1", queued="5", listen="127.0.0.1:9090")}))
    assert (found.total_targets, found.available_targets, found.in_use, found.queued) == (4, 2, 2, 5)
    assert found.endpoints == ("127.0.0.1:9090",)
    assert found.observed_generation == 3


def test_a_service_without_a_proxy_is_not_ready() -> None:
    of = service()
    records, pods = pool(of, "Unassigned", "Unassigned")
    ready = condition(shown(Observed(of, records, pods)), "Ready")
    assert (ready.status, ready.reason) == ("False", "NoProxy")


def test_a_port_in_use_is_told_as_the_proxy_tells_it() -> None:
    found = shown(Observed(service(), proxies={"p": proxy(listen_error="tcp:9090: Address already in use")}))
    ready = condition(found, "Ready")
    assert (ready.reason, ready.message) == ("ListenFailed", "tcp:9090: Address already in use")


def test_a_pool_that_was_never_filled_is_not_ready_and_says_what_keeps_it() -> None:
    of = service()
    waiting = {
        "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]
    }
    records, pods = pool(of, "Unassigned", pod_status=waiting)
    found = shown(Observed(of, records, pods, {"p": proxy()}))
    assert condition(found, "Ready").reason == "PoolEmpty"
    degraded = condition(found, "Degraded")
    assert (degraded.status, degraded.reason) == ("True", "PodsFailing")
    assert "ImagePullBackOff: no such image" in degraded.message


def test_a_pool_that_is_empty_for_a_moment_stays_ready_and_for_long_does_not() -> None:
    of = service()
    was_ready = DedicatedServiceStatus(conditions=(Condition(type="Ready", status="True"),))
    empty = Observed(of, proxies={"p": proxy()})
    assert condition(shown(empty, was_ready), "Ready").status == "True"
    for_long = Observed(of, proxies={"p": proxy()}, since={"starved": 0.0})
    assert condition(shown(for_long, was_ready, at=11.0), "Ready").status == "False"


def test_a_service_that_keeps_no_pod_warm_is_ready_without_one() -> None:
    found = shown(Observed(service(replicas=0), proxies={"p": proxy()}))
    assert condition(found, "Ready").status == "True"


def test_connections_that_wait_at_the_ceiling_are_a_trouble() -> None:
    of = service(replicas=1, maxPods=2)
    records, pods = pool(of, "InUse", "InUse")
    found = shown(Observed(of, records, pods, {"p": proxy(queued="3")}))
    assert condition(found, "Degraded").reason == "PoolExhausted"


def test_a_name_that_others_hold_is_told() -> None:
    found = shown(
        Observed(service(), proxies={"p": proxy()}, obstacles={Child.NETWORK_POLICY: taken("NetworkPolicy s-pods")})
    )
    degraded = condition(found, "Degraded")
    assert degraded.reason == "NameTaken"
    assert "NetworkPolicy s-pods" in degraded.message


def test_a_transition_time_moves_only_when_the_status_does() -> None:
    of = service(replicas=0)
    first = shown(Observed(of, proxies={"p": proxy()}))
    later = status.status(Observed(of), plan(Observed(of), 0.0, 0.5), first, NOON + timedelta(hours=1))
    assert condition(later, "Ready").last_transition_time == NOON + timedelta(hours=1)
    assert condition(later, "Progressing").last_transition_time == NOON


def test_an_invalid_spec_is_told_and_the_counts_stay() -> None:
    before = DedicatedServiceStatus(total_targets=4, in_use=1)
    broken = InvalidService(ObjectMeta(name="s", generation=9), "spec.port: no")
    found = status.given_up(broken, of_invalid(broken)[0], before, NOON)
    assert (found.total_targets, found.in_use, found.observed_generation) == (4, 1, 9)
    assert condition(found, "Ready").message == "spec.port: no"
    assert {one.reason for one in found.conditions} == {"InvalidSpec"}


def taken_in(found: DedicatedServiceStatus) -> DedicatedServiceStatus:
    """What an API server makes of a status, by the CRD."""
    clock = Clock()
    api = MemoryApi(make_core(clock), clock)
    at_once(api.create(NAMESPACES, {"metadata": {"name": "n"}}))
    manifest = {"apiVersion": "soh.re/v1alpha1", "kind": "DedicatedService", "metadata": {"name": "s"}}
    at_once(api.create(DEDICATED_SERVICES, manifest | {"spec": {"image": "i"}}, namespace="n"))
    patch = {"status": dump(found)}
    shown = at_once(api.patch(DEDICATED_SERVICES, "s", patch, namespace="n", subresource="status"))
    return parse(DedicatedServiceStatus, shown["status"])


def test_more_proxies_than_the_status_has_room_for_are_shown_as_far_as_it_goes() -> None:
    """A rollout has one more than the most that there may be, each with an address of its own."""
    proxies = {str(number): proxy(listen=f"10.0.{number // 250}.{number % 250}:9090") for number in range(1001)}
    assert len(taken_in(shown(Observed(service(), proxies=proxies))).endpoints) == status.MOST_ENDPOINTS


def test_what_a_lease_says_at_any_length_is_no_more_than_the_status_has_room_for() -> None:
    proxies = {
        "listens": proxy(listen="x" * 300),
        "cannot": proxy(listen_error="x" * 40_000),
    }
    for one in (proxies, {"cannot": proxies["cannot"]}):
        found = shown(Observed(service(), proxies=one))
        assert taken_in(found).conditions == found.conditions
        assert found.endpoints == ()


def test_no_message_is_longer_than_the_status_has_room_for() -> None:
    long = "x" * 40_000
    standing = Observed(service(), proxies={"p": proxy()}, obstacles={Child.SERVICE: Obstacle("ChildRefused", long)})
    for found in (shown(standing), status.given_up(service(), Trouble("InvalidSpec", long), NOTHING, NOON)):
        said = [len(one.message) for one in taken_in(found).conditions]
        assert max(said) == status.MOST_MESSAGE
