"""The control loop against the embedded API server's core, on a clock of the test's own."""

from collections.abc import Iterator

import pytest

from isoproxy.kube.errors import ApiError, Forbidden, NotSent, ServerError, UnknownOutcome
from isoproxy.kube.resources import (
    CONFIG_MAPS,
    DEDICATED_SERVICES,
    EVENTS,
    ISOLATION_PODS,
    LEASES,
    NETWORK_POLICIES,
    PODS,
    Json,
    Resource,
)
from isoproxy.model.ownership import owner
from isoproxy.model.proxylease import lease_manifest
from test.fuzz.failures import told_in_lines
from test.memoryapi import MemoryApi
from test.operator.reconciling import World, names_of, settled, told


@pytest.fixture
def world() -> Iterator[World]:
    with settled(World()) as made:
        yield made


def test_a_service_gets_its_wall_and_settings_before_its_first_pod_and_then_its_pool(world: World) -> None:
    service = world.service()
    world.settle()
    written = [resource for verb, resource, _ in world.api.requests if verb in ("create", "patch")]
    assert written[:2] == ["networkpolicies", "configmaps"]
    created = [resource for verb, resource, _ in world.api.requests if verb == "create"]
    assert created.count("pods") == created.count("isolationpods") == 3
    assert names_of(world.all(PODS)) == names_of(world.all(ISOLATION_PODS))
    owners = {record["metadata"]["ownerReferences"][0]["uid"] for record in world.all(ISOLATION_PODS)}
    assert owners == {service["metadata"]["uid"]}


def test_no_pod_is_made_while_its_wall_cannot_be(world: World) -> None:
    def refuse(verb: str, resource: Resource, name: str) -> None:
        if resource is NETWORK_POLICIES and verb == "patch":
            raise ServerError(500)

    world.api.before = refuse
    world.service()
    world.settle(10)
    assert world.all(PODS) == []
    world.api.before = lambda verb, resource, name: None
    world.settle(40)
    assert len(world.all(PODS)) == 3


def test_a_ready_pod_is_assigned_whole_and_for_ever(world: World) -> None:
    service = world.service()
    world.proxy(service, "pod-1")
    world.settle()
    pods = {pod["metadata"]["name"]: pod for pod in world.all(PODS)}
    records = world.assigned("pod-1")
    assert len(records) == 3
    for record in records:
        pod = pods[record["spec"]["podName"]]
        assert record["spec"]["podIP"] == pod["status"]["podIP"]
        assert record["spec"]["podUID"] == pod["metadata"]["uid"]
        assert record["metadata"]["labels"]["soh.re/proxy"] == "pod-1"


def test_a_used_pod_is_replaced_and_a_released_one_deleted(world: World) -> None:
    service = world.service()
    world.proxy(service, "pod-1", held="3")
    world.settle()
    used = world.assigned("pod-1")[0]
    world.write_phase(used, "InUse")
    world.proxy(service, "pod-1", held="2")
    world.settle()
    assert len(world.all(ISOLATION_PODS)) == 4
    world.write_phase(used, "Released")
    world.settle()
    assert used["metadata"]["name"] not in names_of(world.all(ISOLATION_PODS)) | names_of(world.all(PODS))
    assert len(world.all(PODS)) == 3


def test_scaling_down_ends_what_is_unused_and_leaves_what_is_in_use(world: World) -> None:
    service = world.service()
    world.proxy(service, "pod-1", held="3")
    world.settle()
    used = world.assigned("pod-1")[0]
    world.write_phase(used, "InUse")
    world.settle()
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 0}}, namespace="n"))
    for _ in range(40):
        for record in world.assigned("pod-1"):
            if "soh.re/recall" in record["metadata"].get("annotations", {}) and record["status"]["phase"] == "Idle":
                world.write_phase(record, "Returned")
        world.proxy(service, "pod-1", held="0")
        world.settle(0.5)
    assert names_of(world.all(ISOLATION_PODS)) == {used["metadata"]["name"]} == names_of(world.all(PODS))


def test_a_restarted_operator_takes_over_what_it_finds_and_makes_nothing_twice(world: World) -> None:
    world.service()
    world.settle()
    before = names_of(world.all(PODS))
    world.operators[0].stopService()
    world.start_operator()
    world.settle(15)
    assert names_of(world.all(PODS)) == before


def test_two_operators_at_once_assign_each_pod_once_and_converge(world: World) -> None:
    world.start_operator(MemoryApi(world.core, world.clock))
    service = world.service()
    world.proxy(service, "pod-1")
    for _ in range(40):
        held = str(len(world.assigned("pod-1")))
        for record in world.assigned("pod-1"):
            if "soh.re/recall" in record["metadata"].get("annotations", {}) and record["status"]["phase"] == "Idle":
                world.write_phase(record, "Returned")
        world.proxy(service, "pod-1", held=held)
        world.settle(1)
    assert len(world.all(PODS)) == len(world.all(ISOLATION_PODS)) == 3


def test_a_create_whose_reply_is_lost_leaks_nothing_and_storms_nothing(world: World) -> None:
    lost: set[str] = set()

    def lose(verb: str, resource: Resource, name: str) -> None:
        if verb == "create" and resource in (ISOLATION_PODS, PODS) and len(lost) < 4:
            lost.add(name)
            raise UnknownOutcome()

    world.api.after = lose
    world.service()
    world.settle(200, step=0.5)
    assert len(lost) == 4
    assert len(world.all(PODS)) == len(world.all(ISOLATION_PODS)) == 3
    assert names_of(world.all(PODS)) == names_of(world.all(ISOLATION_PODS))
    created = [name for verb, resource, name in world.api.requests if verb == "create" and resource == "isolationpods"]
    assert len(created) <= 10


def test_an_assignment_whose_reply_is_lost_is_not_made_twice(world: World) -> None:
    lost: list[str] = []

    def lose(verb: str, resource: Resource, name: str) -> None:
        if verb == "patch" and resource is ISOLATION_PODS and not lost:
            lost.append(name)
            raise UnknownOutcome()

    world.api.after = lose
    service = world.service(replicas=1)
    world.proxy(service, "pod-1")
    world.settle(5)
    patched = [name for verb, resource, name in world.api.requests if verb == "patch" and resource == "isolationpods"]
    assert len(world.assigned("pod-1")) == 1
    assert patched == lost


def test_a_silent_proxy_is_expired_by_reads_alone_and_its_pods_end_after_the_grace(world: World) -> None:
    service = world.service(replicas=3)
    for instance in ("a-1", "b-1", "c-1"):
        world.proxy(service, instance, held="1")
    world.settle(5)
    doomed = names_of(world.assigned("a-1"))
    assert doomed
    in_use = world.assigned("a-1")[0]
    world.write_phase(in_use, "InUse")
    began = world.clock.seconds()
    while names_of(world.all(ISOLATION_PODS)) & doomed:
        for instance in ("b-1", "c-1"):
            world.proxy(service, instance, held=str(len(world.assigned(instance))))
        world.settle(1)
        assert world.clock.seconds() - began < 200
    assert world.clock.seconds() - began > 60 + 15
    world.settle(20)
    assert "s-a-1" not in names_of(world.all(LEASES))


def test_leases_made_up_for_no_service_do_not_hold_up_the_end_of_a_proxy_that_died(world: World) -> None:
    service = world.service(replicas=3)
    for number in range(5):
        made_up = lease_manifest(service_name="made-up", service_uid="x", instance=f"x-{number}", annotations={})
        del made_up["metadata"]["ownerReferences"]  # by which the API server would delete it
        world.do(world.hand.create(LEASES, made_up, namespace="n"))
    for instance in ("a-1", "b-1", "c-1"):
        world.proxy(service, instance, held="1")
    world.settle(5)
    began = world.clock.seconds()
    while world.assigned("a-1"):
        for instance in ("b-1", "c-1"):
            world.proxy(service, instance, held=str(len(world.assigned(instance))))
        world.settle(1)
        assert world.clock.seconds() - began < 200


def test_a_proxy_that_says_it_has_ended_is_believed_at_once(world: World) -> None:
    service = world.service(replicas=2)
    world.proxy(service, "a-1", held="2")
    world.settle()
    before = names_of(world.assigned("a-1"))
    world.proxy(service, "a-1", held="0", draining="true", ended="true")
    world.settle(25)
    assert not names_of(world.all(ISOLATION_PODS)) & before
    assert world.all(LEASES) == []
    assert len(world.all(PODS)) == 2


def test_a_deleted_service_leaves_nothing_and_one_of_its_name_begins_anew(world: World) -> None:
    old = world.service()
    world.settle()
    before = names_of(world.all(PODS))
    world.do(world.hand.delete(DEDICATED_SERVICES, "s", namespace="n"))
    new = world.service()
    world.settle(30)
    assert old["metadata"]["uid"] != new["metadata"]["uid"]
    assert not before & names_of(world.all(PODS))
    uids = {pod["metadata"]["labels"]["soh.re/service-uid"] for pod in world.all(PODS)}
    assert uids == {new["metadata"]["uid"]}
    assert len(world.all(PODS)) == 3
    assert len(world.all(NETWORK_POLICIES)) == len(world.all(CONFIG_MAPS)) == 1


def test_a_name_that_belongs_to_someone_else_is_waited_for_and_told(world: World) -> None:
    taken = {"metadata": {"name": "s-pods"}, "spec": {"podSelector": {}}}
    world.do(world.hand.create(NETWORK_POLICIES, taken, namespace="n"))
    world.service()
    world.settle(5)
    assert world.all(PODS) == []
    [service] = world.all(DEDICATED_SERVICES)
    degraded = next(one for one in service["status"]["conditions"] if one["type"] == "Degraded")
    assert degraded["reason"] == "NameTaken"
    world.do(world.hand.delete(NETWORK_POLICIES, "s-pods", namespace="n"))
    world.settle(40)
    assert len(world.all(PODS)) == 3


def test_what_was_made_for_a_service_that_is_no_more_does_not_stand_in_the_way_of_the_next(world: World) -> None:
    """As when an operator that has not heard of the deletion yet makes its children once more."""
    world.api.collects = world.hand.collects = False
    world.service()  # and so it is looked at before they are deleted
    labels, owners = {"soh.re/service-uid": "gone", "soh.re/service": "s"}, [owner("s", "gone")]
    for resource, name in ((NETWORK_POLICIES, "s-pods"), (CONFIG_MAPS, "s-proxy")):
        manifest = {"metadata": {"name": name, "labels": labels, "ownerReferences": owners}}
        world.do(world.hand.create(resource, manifest, namespace="n"))
    world.settle(3)
    assert len(world.all(PODS)) == 3
    assert "NameTaken" not in {event["reason"] for event in world.all(EVENTS)}, "nobody else has the name"


def test_a_wall_that_somebody_opened_is_closed_again(world: World) -> None:
    world.service()
    world.settle()
    [before] = world.all(NETWORK_POLICIES)
    world.do(world.hand.patch(NETWORK_POLICIES, "s-pods", {"spec": {"egress": [{}]}}, namespace="n"))
    world.settle()
    [after] = world.all(NETWORK_POLICIES)
    assert after["spec"] == before["spec"]


def test_failing_pods_are_made_ever_more_rarely_and_the_service_says_why(world: World) -> None:
    world.pods_work = False
    world.service(replicas=5)
    for _ in range(120):
        for pod in world.all(PODS):
            if pod["status"]["phase"] == "Pending" and not pod["metadata"].get("deletionTimestamp"):
                state = {"terminated": {"reason": "StartError", "message": "no such command", "exitCode": 128}}
                status = {"phase": "Failed", "containerStatuses": [{"name": "main", "state": state}]}
                name = pod["metadata"]["name"]
                world.do(world.hand.patch(PODS, name, {"status": status}, namespace="n", subresource="status"))
        world.settle(1, step=0.25)
    made = [name for verb, resource, name in world.api.requests if verb == "create" and resource == "pods"]
    assert 5 <= len(made) <= 20
    [service] = world.all(DEDICATED_SERVICES)
    degraded = next(one for one in service["status"]["conditions"] if one["type"] == "Degraded")
    assert degraded["reason"] == "PodsFailing"
    assert "no such command" in degraded["message"]


def test_a_quota_that_refuses_pods_slows_their_making_and_holds_up_nothing_else(world: World) -> None:
    service = world.service(replicas=2)
    world.settle()

    def full(verb: str, resource: Resource, name: str) -> None:
        if verb == "create" and resource is PODS:
            raise Forbidden(403, message=f'pods "{name}" is forbidden: exceeded quota')

    world.api.before = full
    world.api.requests.clear()
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 4}}, namespace="n"))
    world.settle(5)
    world.proxy(service, "pod-1")
    world.settle(1)
    assert len(world.assigned("pod-1")) == 2
    for _ in range(60):
        world.proxy(service, "pod-1", held="2")
        world.settle(1, step=0.25)
    tried = [name for verb, resource, name in world.api.requests if verb == "create" and resource == "pods"]
    assert 2 <= len(tried) <= 16
    [shown] = world.all(DEDICATED_SERVICES)
    degraded = next(one for one in shown["status"]["conditions"] if one["type"] == "Degraded")
    assert degraded["reason"] == "PodsFailing"
    assert degraded["message"].endswith('the API server did not take the Pod: pods "s-*" is forbidden: exceeded quota')
    world.api.before = lambda verb, resource, name: None
    for _ in range(120):
        world.proxy(service, "pod-1", held=str(len(world.assigned("pod-1"))))
        world.settle(1, step=0.25)
    assert len(world.all(PODS)) == len(world.all(ISOLATION_PODS)) == 4


def test_why_pods_fail_to_be_made_is_told(world: World) -> None:
    """Of a webhook that fails nobody knows whether it is for long: it is tried again as any other failure."""

    def broken(verb: str, resource: Resource, name: str) -> None:
        if verb == "create" and resource is PODS:
            raise ApiError(500, message=f"failed calling webhook of {name}")

    world.api.before = broken
    world.service(replicas=2)
    for _ in range(60):
        world.settle(1, step=0.25)
    [shown] = world.all(DEDICATED_SERVICES)
    degraded = next(one for one in shown["status"]["conditions"] if one["type"] == "Degraded")
    assert degraded["reason"] == "PodsFailing"
    assert degraded["message"].endswith("the API server did not take the Pod: failed calling webhook of s-*")


def test_the_pods_of_proxies_are_none_of_the_pool(world: World) -> None:
    service = world.service(replicas=1)
    labels = {"soh.re/service-uid": service["metadata"]["uid"], "soh.re/service": "s", "soh.re/role": "proxy"}
    container = {"name": "proxy", "image": "isoproxy"}
    manifest = {"metadata": {"name": "s-proxy-1", "labels": labels}, "spec": {"containers": [container]}}
    world.do(world.hand.create(PODS, manifest, namespace="n"))
    world.settle(30, step=0.5)
    [shown] = world.all(DEDICATED_SERVICES)
    assert shown["status"]["totalTargets"] == 1
    assert "s-proxy-1" in names_of(world.all(PODS))


def test_an_api_server_that_is_down_is_waited_for_and_nothing_is_lost(world: World) -> None:
    world.service()
    world.settle()

    def down(verb: str, resource: Resource, name: str) -> None:
        raise NotSent("connection refused")

    world.api.before = down
    gone = world.all(PODS)[0]["metadata"]["name"]
    world.do(world.hand.delete(PODS, gone, namespace="n"))
    world.settle(60, step=0.5)
    world.api.before = lambda verb, resource, name: None
    world.settle(60, step=0.5)
    assert len(world.all(PODS)) == 3
    assert gone not in names_of(world.all(PODS))


def test_an_idle_operator_asks_nothing_of_the_api_server(world: World) -> None:
    service = world.service()
    world.proxy(service, "pod-1", held="3")
    world.settle(5)
    world.api.requests.clear()
    for _ in range(60):
        world.proxy(service, "pod-1", held="3")
        world.settle(5, step=0.5)
    assert world.api.requests == []


def test_the_status_counts_and_is_written_at_most_once_a_second(world: World) -> None:
    service = world.service()
    world.proxy(service, "pod-1", held="3", listen="127.0.0.1:9090")
    world.settle(5)
    [shown] = world.all(DEDICATED_SERVICES)
    assert (shown["status"]["totalTargets"], shown["status"]["availableTargets"]) == (3, 3)
    assert shown["status"]["endpoints"] == ["127.0.0.1:9090"]
    world.api.requests.clear()
    for number in range(100):
        world.proxy(service, "pod-1", held="3", queued=str(number % 2))
        world.settle(0.1)
    writes = [verb for verb, resource, _ in world.api.requests if (verb, resource) == ("patch", "dedicatedservices")]
    assert 1 <= len(writes) <= 11


def test_trouble_and_its_end_are_told_as_events_once_each_though_operators_come_and_go(world: World) -> None:
    taken = {"metadata": {"name": "s-pods"}, "spec": {"podSelector": {}}}
    world.do(world.hand.create(NETWORK_POLICIES, taken, namespace="n"))
    service = world.service()
    world.settle(10)
    world.operators[0].stopService()
    world.start_operator()
    world.settle(10)
    [(reason, note)] = told(world)
    assert reason == "NameTaken"
    assert "s-pods" in note
    [event] = world.all(EVENTS)
    assert event["involvedObject"]["uid"] == service["metadata"]["uid"]
    world.do(world.hand.delete(NETWORK_POLICIES, "s-pods", namespace="n"))
    world.settle(40)
    assert [reason for reason, _ in told(world)] == ["NameTaken", "Recovered"]


def test_connections_that_a_limit_ended_are_told_as_one_event_of_their_service_that_names_nobody(world: World) -> None:
    service = world.service()
    world.proxy(service, "pod-1", held="3")
    world.settle()
    for record, outcome in zip(world.assigned("pod-1"), ("idle_timeout", "idle_timeout", "completed"), strict=True):
        ended = {"phase": "Released", "inUse": False, "client": "192.0.2.7:4711", "outcome": outcome}
        name = record["metadata"]["name"]
        world.do(world.hand.patch(ISOLATION_PODS, name, {"status": ended}, namespace="n", subresource="status"))
    world.settle(1)
    assert told(world) == [("SessionLimit", "a connection was ended by session.idleTimeoutSeconds")]
    [event] = world.all(EVENTS)
    assert event["involvedObject"]["uid"] == service["metadata"]["uid"]


def test_a_spec_that_cannot_be_understood_is_told_as_an_event(world: World) -> None:
    world.service(network={"allowedCIDRs": ["::ffff:10.0.0.0/120"]})
    world.settle(10)
    [(reason, note)] = told(world)
    assert reason == "InvalidSpec"
    assert "allowedCIDRs" in note


def test_events_that_may_not_be_written_hold_up_nothing(world: World) -> None:
    def refuse(verb: str, resource: Resource, name: str) -> None:
        if resource is EVENTS:
            raise Forbidden(403)

    world.api.before = refuse
    taken = {"metadata": {"name": "s-proxy"}}
    world.do(world.hand.create(CONFIG_MAPS, taken, namespace="n"))
    world.service()
    world.settle(5)
    world.do(world.hand.delete(CONFIG_MAPS, "s-proxy", namespace="n"))
    world.settle(40)
    assert len(world.all(PODS)) == 3
    assert told(world) == []


class Incomplete(MemoryApi):
    """Does what it is asked, and answers without what was asked for."""

    async def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, strict: bool = False
    ) -> Json:
        made = await super().create(resource, body, namespace=namespace, strict=strict)
        return made if resource is not PODS else {"metadata": {}}


def test_an_answer_that_is_no_object_is_told_in_a_line_and_holds_up_nothing(world: World) -> None:
    world.operators[0].stopService()
    world.start_operator(Incomplete(world.core, world.clock))
    world.service(replicas=2)
    with told_in_lines():
        world.settle(20)
    assert len(world.all(PODS)) == 2
