"""The control loop against the embedded API server's core, on a clock of the test's own."""

from isoproxy.kube.errors import NotSent, ServerError, UnknownOutcome
from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, NETWORK_POLICIES, PODS, Resource
from test.memoryapi import MemoryApi
from test.operator.reconciling import World, names_of


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
