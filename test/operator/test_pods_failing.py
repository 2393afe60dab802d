"""Pods that fail, and that are not even taken: how often the control loop tries, and what it says of them."""

from collections.abc import Callable

import pytest
from twisted.logger import LogLevel, capturedLogs

from isoproxy.kube.errors import ApiError, Forbidden, ServerError
from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, PODS, Json, Resource
from test.fuzz.failures import told_in_lines
from test.memoryapi import MemoryApi
from test.operator.reconciling import World, names_of


def go_on(world: World, service: Json, seconds: int, *, held: int | None = None) -> None:
    """Let time pass for a proxy that says each second how much it has in stock: all that it was given, or ``held``."""
    for _ in range(seconds):
        world.proxy(service, "pod-1", held=str(len(world.assigned("pod-1")) if held is None else held))
        world.settle(1, step=0.25)


def refuse(world: World, resource: Resource, error: Callable[[str], ApiError]) -> None:
    """Let the API server refuse to make any object of a kind, with what ``error`` makes of its name."""

    def refused(verb: str, about: Resource, name: str) -> None:
        if verb == "create" and about is resource:
            raise error(name)

    world.api.before = refused


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
    degraded = world.condition("Degraded")
    assert degraded["reason"] == "PodsFailing"
    assert "no such command" in degraded["message"]


def test_a_quota_that_refuses_pods_slows_their_making_and_holds_up_nothing_else(world: World) -> None:
    service = world.service(replicas=2)
    world.settle()
    refuse(world, PODS, lambda name: Forbidden(403, message=f'pods "{name}" is forbidden: exceeded quota'))
    world.api.requests.clear()
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 4}}, namespace="n"))
    world.settle(5)
    world.proxy(service, "pod-1")
    world.settle(1)
    assert len(world.assigned("pod-1")) == 2
    go_on(world, service, 60, held=2)
    tried = [name for verb, resource, name in world.api.requests if verb == "create" and resource == "pods"]
    assert 2 <= len(tried) <= 16
    degraded = world.condition("Degraded")
    assert degraded["reason"] == "PodsFailing"
    assert degraded["message"].endswith('the API server did not take the Pod: pods "s-*" is forbidden: exceeded quota')
    world.api.before = lambda verb, resource, name: None
    go_on(world, service, 120)
    assert len(world.all(PODS)) == len(world.all(ISOLATION_PODS)) == 4


def test_why_pods_fail_to_be_made_is_told(world: World) -> None:
    """Of a webhook that fails nobody knows whether it is for long: it is tried again as any other failure."""
    refuse(world, PODS, lambda name: ApiError(500, message=f"failed calling webhook of {name}"))
    world.service(replicas=2)
    world.settle(60, step=0.25)
    degraded = world.condition("Degraded")
    assert degraded["reason"] == "PodsFailing"
    assert degraded["message"].endswith("the API server did not take the Pod: failed calling webhook of s-*")


def test_a_field_that_pods_have_not_got_there_is_told_and_not_left_out_without_a_word(world: World) -> None:
    world.service(replicas=1, securityContext={"capabilities": {"drop": ["ALL"]}}, affinity={"nodeAffinty": {}})
    world.settle(60, step=0.25)
    degraded = world.condition("Degraded")
    assert degraded["reason"] == "PodsFailing"
    for field in ("spec.securityContext.capabilities", "spec.affinity.nodeAffinty"):
        assert f'unknown field "{field}"' in degraded["message"]
    assert world.all(PODS) == []


@pytest.mark.parametrize("resource", [ISOLATION_PODS, PODS])
def test_a_webhook_that_fails_at_once_holds_up_no_assignment_and_is_asked_ever_more_rarely(
    world: World, resource: Resource
) -> None:
    services = [world.service(name, replicas=2) for name in ("s", "t", "u", "v")]
    world.settle(2)
    refuse(world, resource, lambda name: ServerError(500, message="failed calling webhook: no endpoints available"))
    world.api.requests.clear()
    for service in services:
        name = service["metadata"]["name"]
        world.do(world.hand.patch(DEDICATED_SERVICES, name, {"spec": {"replicas": 4}}, namespace="n"))
    world.settle(60, step=0.25)
    assert 3 * len(services) <= world.api.count("create", resource.plural) <= 40 * len(services)
    for service in services:
        world.proxy(service, f"proxy-of-{service['metadata']['name']}")
    world.settle(1)
    assert [len(world.assigned(f"proxy-of-{service['metadata']['name']}")) for service in services] == [2] * 4
    world.api.before = lambda verb, about, name: None
    for _ in range(45):
        for service in services:
            instance = f"proxy-of-{service['metadata']['name']}"
            world.proxy(service, instance, held=str(len(world.assigned(instance))))
        world.settle(1, step=0.25)
    assert len(world.all(PODS)) == 4 * len(services)


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


def test_a_quota_that_refuses_isolation_pods_slows_their_making_and_holds_up_nothing_else(world: World) -> None:
    service = world.service(replicas=2)
    world.proxy(service, "pod-1", held="0")
    world.settle(5)
    [used, _] = world.assigned("pod-1")
    refuse(
        world,
        ISOLATION_PODS,
        lambda name: Forbidden(403, message=f'isolationpods.soh.re "{name}" is forbidden: exceeded quota'),
    )
    world.api.requests.clear()
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 4}}, namespace="n"))
    go_on(world, service, 60, held=2)
    assert 2 <= world.api.count("create", "isolationpods") <= 16
    degraded = world.condition("Degraded")
    assert degraded["reason"] == "PodsFailing"
    assert degraded["message"].endswith(
        'the API server did not take the IsolationPod: isolationpods.soh.re "s-*" is forbidden: exceeded quota'
    )
    world.write_phase(used, "Released")
    world.settle(0.5)
    assert used["metadata"]["name"] not in names_of(world.all(ISOLATION_PODS))
    world.api.before = lambda verb, resource, name: None
    go_on(world, service, 120)
    assert len(world.all(PODS)) == len(world.all(ISOLATION_PODS)) == 4


def test_failures_are_told_as_long_as_pods_are_lacked_and_are_remembered_for_the_next(world: World) -> None:
    service = world.service(replicas=1)
    world.proxy(service, "pod-1", held="0")
    refuse(world, PODS, lambda name: Forbidden(403, message="exceeded quota"))
    go_on(world, service, 60, held=0)
    assert world.condition("Degraded")["reason"] == "PodsFailing"
    assert world.condition("Progressing")["reason"] == "BackingOff"
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 0}}, namespace="n"))
    go_on(world, service, 15, held=0)
    assert world.condition("Degraded")["status"] == "False"
    assert world.condition("Progressing")["reason"] == "PoolFull"
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": 8}}, namespace="n"))
    before = world.api.count("create", "pods")
    world.settle(5)
    assert world.api.count("create", "pods") - before <= 1, "as if none had failed"


@pytest.mark.parametrize("resource", [ISOLATION_PODS, PODS])
def test_a_quota_makes_no_storm_however_many_clients_come_and_go(world: World, resource: Resource) -> None:
    """Each client that a pod serves proves the pods to work, and says nothing about what the quota leaves."""
    quota, refused = 20, []

    def full(verb: str, about: Resource, name: str) -> None:
        if verb == "create" and about is resource and len(world.all(resource)) >= quota:
            refused.append(name)
            raise Forbidden(403, message=f"{name} is forbidden: exceeded quota")

    world.api.before = full
    service = world.service(replicas=60)
    world.settle(5)
    served, serving = 0, set[str]()
    with capturedLogs() as logged:
        for second in range(60):
            if second == 30:
                refused.clear()
            world.proxy(service, "pod-1", held=str(quota))
            for record in world.assigned("pod-1"):
                if record["status"]["phase"] == "InUse" and record["metadata"]["name"] in serving:
                    world.write_phase(record, "Released")
            serving = {one["metadata"]["name"] for one in world.assigned("pod-1") if one["status"]["phase"] == "InUse"}
            idle = [one for one in world.assigned("pod-1") if one["status"]["phase"] == "Idle"]
            if idle:
                world.write_phase(idle[0], "InUse")
                served += second >= 30
            world.settle(1, step=0.25)
    assert served >= 20, "what clients leave is not made again"
    assert len(refused) <= 60, "more than two for each client"
    warnings = [event for event in logged if event["log_level"] is LogLevel.warn]
    assert len(warnings) <= 3
    assert world.condition("Degraded")["reason"] == "PodsFailing"
