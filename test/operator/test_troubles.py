"""What keeps proxies from running is told as what their pods and their Deployment say."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from isoproxy.model.parsing import Json, parse
from isoproxy.model.pod import Condition, Pod
from isoproxy.model.timestamps import rfc3339
from isoproxy.operator import belonging, childkinds
from isoproxy.operator.actions import Child
from isoproxy.operator.children import contested
from isoproxy.operator.troubles import RESTARTED_SECONDS, Trouble, troubles
from test.operator.builders import EPOCH, NAMESPACE, SERVICE, Scene

NO_IMAGE = 'Container image "isoproxy:2" is not present with pull policy of Never'
QUOTA = 'pods "chess-proxy-7d9f" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4'
DEADLINE = 'ReplicaSet "chess-proxy-7d9f" has timed out progressing.'


def proxy_pod(name: str = "chess-proxy-1-a", *, owner: str = "chess-proxy-1", **status: Any) -> Pod:
    references = [{"kind": "ReplicaSet", "name": owner, "uid": "r"}]
    return parse(
        Pod, {"metadata": {"name": name, "namespace": NAMESPACE, "ownerReferences": references}, "status": status}
    )


def waiting(reason: str, message: str = "", **more: Any) -> Pod:
    return proxy_pod(containerStatuses=[{"state": {"waiting": {"reason": reason, "message": message}}}], **more)


def with_conditions(scene: Scene, *conditions: Condition) -> Scene:
    seen = scene.children[Child.DEPLOYMENT]
    scene.children[Child.DEPLOYMENT] = replace(seen, conditions=conditions)
    return scene


def found(scene: Scene) -> list[Trouble]:
    return troubles(scene.observed(), scene.plan().entries, EPOCH)


UNSCHEDULED = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
JUST_STARTED = {"running": {"startedAt": rfc3339(EPOCH)}}
TERMINATED = [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]


@pytest.mark.parametrize(
    ("pod", "cause", "why"),
    [
        (waiting("ErrImageNeverPull", NO_IMAGE), "ErrImageNeverPull", f"ErrImageNeverPull: {NO_IMAGE}"),
        (waiting("CrashLoopBackOff", "back-off"), "CrashLoopBackOff", "CrashLoopBackOff: back-off"),
        (proxy_pod(phase="Pending", conditions=[UNSCHEDULED]), "Unschedulable", "Unschedulable: 0/3 nodes"),
        (proxy_pod(phase="Running", containerStatuses=TERMINATED), "OOMKilled (exit code 137)", None),
    ],
)
def test_a_proxy_that_does_not_run_is_told_with_its_reason(pod: Pod, cause: str, why: str | None) -> None:
    scene = Scene().deploy()
    scene.proxy_pods = [proxy_pod("chess-proxy-0-a", phase="Running"), pod]
    assert found(scene) == [Trouble("ProxiesFailing", f"a proxy does not run: {why or cause}", cause=cause)]


@pytest.mark.parametrize(
    "pod",
    [
        proxy_pod(phase="Pending"),
        waiting("ContainerCreating"),
        proxy_pod(phase="Running", containerStatuses=[{"state": {"running": {}}}]),
        proxy_pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
    ],
)
def test_one_that_starts_or_runs_or_was_replaced_is_no_trouble(pod: Pod) -> None:
    scene = Scene().deploy()
    scene.proxy_pods = [pod]
    assert found(scene) == []


@pytest.mark.parametrize(
    "state",
    [
        {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
        {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
        {"running": {"startedAt": rfc3339(EPOCH - timedelta(seconds=RESTARTED_SECONDS - 1))}},
    ],
)
def test_one_that_is_started_again_and_again_is_told_as_one_trouble_until_it_is_ready(state: Json) -> None:
    container = {"restartCount": 2, "state": state, "lastState": TERMINATED[0]["state"]}
    scene = Scene().deploy()
    scene.proxy_pods = [proxy_pod(phase="Running", containerStatuses=[container])]
    why = "OOMKilled (exit code 137)"
    assert found(scene) == [Trouble("ProxiesFailing", f"a proxy does not run: {why}", cause=why)]
    running = [container | {"state": JUST_STARTED}]
    ready = [{"type": "Ready", "status": "True"}]
    scene.proxy_pods = [proxy_pod(phase="Running", containerStatuses=running, conditions=ready)]
    assert found(scene) == []


@pytest.mark.parametrize("running", [{"startedAt": rfc3339(EPOCH - timedelta(seconds=RESTARTED_SECONDS))}, {}])
def test_how_one_ended_that_has_run_ever_since_is_told_no_more(running: Json) -> None:
    """It may fail its probes for a moment, long after: that is another matter, and may be none."""
    container = {"restartCount": 1, "state": {"running": running}, "lastState": TERMINATED[0]["state"]}
    scene = Scene().deploy()
    scene.proxy_pods = [proxy_pod(phase="Running", containerStatuses=[container])]
    assert found(scene) == []


def test_one_that_is_told_to_end_is_no_trouble() -> None:
    scene = Scene().deploy()
    pod = waiting("ErrImageNeverPull", NO_IMAGE)
    scene.proxy_pods = [replace(pod, metadata=replace(pod.metadata, deletion_timestamp=EPOCH))]
    assert found(scene) == []


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (("ReplicaFailure", "True", "FailedCreate", QUOTA), f"a proxy does not run: FailedCreate: {QUOTA}"),
        (
            ("Progressing", "False", "ProgressDeadlineExceeded", DEADLINE),
            f"a proxy does not run: ProgressDeadlineExceeded: {DEADLINE}",
        ),
    ],
)
def test_what_its_deployment_says_is_told(condition: tuple[str, str, str, str], message: str) -> None:
    kind, status, reason, why = condition
    scene = with_conditions(Scene().deploy(), Condition(type=kind, status=status, reason=reason, message=why))
    assert found(scene) == [Trouble("ProxiesFailing", message, cause=reason)]


def test_what_it_says_is_told_as_one_line_of_bounded_length() -> None:
    wild = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "a\x1b[2J\r\n" * 1000}
    read = childkinds.parse_child({"metadata": {"name": "chess-proxy"}, "status": {"conditions": [wild]}})
    [trouble] = found(with_conditions(Scene().deploy(), *read.conditions))
    assert trouble.message.isprintable()
    assert len(trouble.message) < 600


def test_proxies_on_their_way_are_no_trouble() -> None:
    starting = (
        Condition(type="Available", status="False", reason="MinimumReplicasUnavailable", message="not yet"),
        Condition(type="Progressing", status="True", reason="ReplicaSetUpdated", message="is progressing"),
    )
    assert found(with_conditions(Scene().deploy(), *starting)) == []


def test_the_deployment_of_somebody_else_has_no_say() -> None:
    failing = Condition(type="ReplicaFailure", status="True", reason="FailedCreate", message=QUOTA)
    scene = with_conditions(Scene().deploy(), failing)
    seen = scene.children[Child.DEPLOYMENT]
    scene.children[Child.DEPLOYMENT] = replace(seen, metadata=replace(seen.metadata, owner_references=()))
    assert found(scene) == []


def test_how_a_child_fares_is_no_part_of_what_is_compared() -> None:
    scene = Scene(replicas=0).deploy()
    fine = {"metadata": {"name": "chess-proxy"}, "spec": {"replicas": 1}}
    failing = fine | {"status": {"conditions": [{"type": "ReplicaFailure", "status": "True"}]}}
    before, after = childkinds.parse_child(fine), childkinds.parse_child(failing)
    assert before.content == after.content
    assert [condition.type for condition in after.conditions] == ["ReplicaFailure"]
    with_conditions(scene, *after.conditions)
    assert not scene.plan().actions


def test_a_pod_is_one_of_the_proxies_where_it_is_of_their_replica_set_and_namespace() -> None:
    meta = Scene().service.metadata
    ours, theirs = proxy_pod(), proxy_pod(owner="draughts-proxy-1")
    assert belonging.proxy_pods(meta, [ours, theirs]) == [ours]
    assert belonging.proxy_pods(replace(meta, namespace="elsewhere"), [ours]) == []
    assert belonging.proxy_pods(replace(meta, name=SERVICE[:-1]), [ours]) == []


def test_two_operators_tell_the_same_whichever_of_them_met_what_first() -> None:
    met = {child: contested(child.name) for child in (Child.NETWORK_POLICY, Child.SETTINGS)}
    told = [
        troubles(replace(Scene().observed(), obstacles={child: met[child] for child in order}), (), EPOCH)
        for order in (met, reversed(met))
    ]
    assert told[0] == told[1]
    assert len(told[0]) == len(met)
