"""The node agent with the process runtime: real processes, an API server in memory."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.errors import NotSent, ServerError
from isoproxy.kube.resources import PODS, Json
from isoproxy.local.runtime.node import NODE_NAME, NodeAgent
from isoproxy.local.runtime.process import ProcessRuntime
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from test.local.runtime.fakeapi import FakeApi
from test.local.runtime.support import eventually, marked, python, the_reactor

SERVER = """
import os, socket
with socket.create_server((os.environ["POD_IP"], int(os.environ["PORT"]))) as server:
    while True:
        server.accept()[0].close()
"""
SERVES = {"command": list(python(SERVER)), "ports": [{"containerPort": 8080}]}


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest_twisted.async_yield_fixture
async def agent(api: FakeApi, runtime: ProcessRuntime) -> AsyncIterator[NodeAgent]:
    agent = NodeAgent(api, runtime, the_reactor(), stop_grace=0.0)
    await agent.start()
    yield agent
    await agent.stop()


def command(*argv: str) -> Json:
    return {"command": list(argv)}


def status(api: FakeApi, name: str) -> Any:
    return api.pod(name)["status"]


def container(api: FakeApi, name: str) -> Any:
    return (status(api, name).get("containerStatuses") or [{}])[0]


def printed(runtime: ProcessRuntime, name: str) -> list[str]:
    return [line.text.decode() for line in runtime.logs.read("default", name, container="", tail_lines=None)]


def has_log(runtime: ProcessRuntime, name: str) -> bool:
    try:
        printed(runtime, name)
    except LookupError:
        return False
    return True


def waits(api: FakeApi, name: str) -> Any:
    return container(api, name)["state"].get("waiting")


def ready(api: FakeApi, name: str) -> bool:
    return parse(Pod, api.pod(name)).ready


@pytest_twisted.ensureDeferred
async def test_a_pod_is_bound_run_and_ready_when_it_listens(api: FakeApi, agent: NodeAgent) -> None:
    api.add_pod("web", SERVES)
    await eventually(lambda: ready(api, "web"))
    pod = api.pod("web")
    assert pod["spec"]["nodeName"] == NODE_NAME
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["podIPs"] == [{"ip": pod["status"]["podIP"]}]
    assert {condition["type"]: condition["status"] for condition in pod["status"]["conditions"]} == {
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
        "PodScheduled": "True",
    }
    assert container(api, "web")["state"]["running"]["startedAt"]
    assert container(api, "web")["containerID"].startswith("process://uid-of-web/")


@pytest_twisted.ensureDeferred
async def test_three_writes_bring_a_pod_up_and_away(api: FakeApi, agent: NodeAgent) -> None:
    api.add_pod("web", SERVES)
    await eventually(lambda: ready(api, "web"))
    api.delete_pod("web")
    await eventually(lambda: ("pods", "web") not in api.objects)
    pods = "/api/v1/namespaces/default/pods"
    assert [call for call in api.calls if call[1].startswith(pods)] == [
        ("create", f"{pods}/web/binding", "web"),
        ("patch", pods, "web"),
        ("delete", pods, "web"),
    ]


@pytest_twisted.ensureDeferred
async def test_the_node_is_registered_ready(api: FakeApi, agent: NodeAgent) -> None:
    await eventually(lambda: ("nodes", NODE_NAME) in api.objects)
    node = api.objects["nodes", NODE_NAME]
    assert [(c["type"], c["status"]) for c in node["status"]["conditions"]] == [("Ready", "True")]
    assert node["status"]["capacity"]["pods"] == "1000"


@pytest_twisted.ensureDeferred
async def test_the_end_of_a_program_is_the_end_of_its_pod(api: FakeApi, agent: NodeAgent) -> None:
    api.add_pod("good", command("true"))
    api.add_pod("bad", command("sh", "-c", "exit 3"))
    await eventually(lambda: status(api, "good")["phase"] == "Succeeded" and status(api, "bad")["phase"] == "Failed")
    good, bad = (container(api, name)["state"]["terminated"] for name in ("good", "bad"))
    assert (good["exitCode"], good["reason"]) == (0, "Completed")
    assert (bad["exitCode"], bad["reason"]) == (3, "Error")
    assert [c.get("reason") for c in status(api, "good")["conditions"] if c["type"] == "Ready"] == ["PodCompleted"]
    assert container(api, "bad")["restartCount"] == 0


@pytest_twisted.ensureDeferred
async def test_a_container_without_a_command_fails_at_once_and_says_why(api: FakeApi, agent: NodeAgent) -> None:
    api.add_pod("image-only", {"image": "nginx"})
    await eventually(lambda: status(api, "image-only")["phase"] == "Failed")
    assert parse(Pod, api.pod("image-only")).trouble.startswith("CommandRequired: container 'main' has no command")
    assert status(api, "image-only")["reason"] == "CommandRequired"


@pytest_twisted.ensureDeferred
async def test_a_command_that_is_not_there_is_named(api: FakeApi, agent: NodeAgent) -> None:
    api.add_pod("typo", command("redis-sevrer"))
    await eventually(lambda: status(api, "typo")["phase"] == "Failed")
    assert parse(Pod, api.pod("typo")).trouble.startswith(
        'StartError: the command "redis-sevrer" was not found on PATH'
    )


@pytest_twisted.ensureDeferred
async def test_variables_reach_the_program_as_kubernetes_has_them(
    api: FakeApi, agent: NodeAgent, runtime: ProcessRuntime
) -> None:
    api.objects["secrets", "s"] = {"metadata": {"name": "s"}, "data": {"word": "c2VjcmV0"}}
    api.objects["configmaps", "c"] = {"metadata": {"name": "c"}, "data": {"word": "config"}}
    env = [
        {"name": "A", "value": "$(POD_NAME)"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "word"}}},
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "word"}}},
        {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
    ports = [{"containerPort": 8080}]
    api.add_pod("vars", command("echo", "$(A) $(B) $(C) $(D) $(PORT) $$(A)") | {"env": env, "ports": ports})
    await eventually(lambda: status(api, "vars")["phase"] == "Succeeded")
    assert printed(runtime, "vars") == [f"vars secret config {status(api, 'vars')['podIP']} 8080 $(A)"]


@pytest_twisted.ensureDeferred
async def test_a_secret_that_is_not_there_is_named(api: FakeApi, agent: NodeAgent) -> None:
    env = [{"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "word"}}}]
    api.add_pod("vars", command("env") | {"env": env})
    await eventually(lambda: status(api, "vars")["phase"] == "Failed")
    assert parse(Pod, api.pod("vars")).trouble.startswith("CreateContainerConfigError: Secret 's' does not exist")


@pytest_twisted.ensureDeferred
async def test_a_deleted_pod_has_its_grace_and_then_goes_with_its_object(
    api: FakeApi, agent: NodeAgent, runtime: ProcessRuntime
) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(1000)"
    api.add_pod("deaf", command(*python(deaf)) | {"env": [{"name": "MARK", "value": "deaf"}]})
    await eventually(lambda: "running" in container(api, "deaf").get("state", {}))
    await eventually(lambda: printed(runtime, "deaf"))
    began = the_reactor().seconds()
    api.delete_pod("deaf", grace=1)
    await eventually(lambda: ("pods", "deaf") not in api.objects)
    assert the_reactor().seconds() - began >= 1.0
    assert marked("deaf") == []


@pytest_twisted.ensureDeferred
async def test_a_pod_whose_object_vanished_is_stopped_and_forgotten(
    api: FakeApi, agent: NodeAgent, runtime: ProcessRuntime
) -> None:
    environment = {"env": [{"name": "MARK", "value": "vanished"}]}
    api.add_pod("gone", SERVES | environment, terminationGracePeriodSeconds=1)
    await eventually(lambda: ready(api, "gone"))
    api.remove_pod("gone")
    await eventually(lambda: not marked("vanished"))
    await eventually(lambda: not has_log(runtime, "gone"))


@pytest_twisted.ensureDeferred
async def test_a_pod_deleted_while_it_starts_is_not_left_running(api: FakeApi, agent: NodeAgent) -> None:
    for number in range(20):
        api.add_pod(f"pod-{number}", SERVES | {"env": [{"name": "MARK", "value": "hasty"}]})
        api.delete_pod(f"pod-{number}", grace=1)
    await eventually(lambda: not [key for key in api.objects if key[0] == "pods"])
    assert marked("hasty") == []


@pytest_twisted.ensureDeferred
async def test_a_name_used_again_at_once_is_another_pod(api: FakeApi, agent: NodeAgent) -> None:
    api.add_pod("again", SERVES)
    await eventually(lambda: ready(api, "again"))
    old_ip = status(api, "again")["podIP"]
    api.remove_pod("again")
    api.add_pod("again", SERVES)["metadata"]["uid"] = "another"
    api.put(PODS, api.pod("again"), "MODIFIED")
    await eventually(lambda: ready(api, "again"))
    assert status(api, "again")["podIP"] != old_ip


@pytest_twisted.ensureDeferred
async def test_what_the_api_server_refuses_for_a_while_is_written_at_last(api: FakeApi, agent: NodeAgent) -> None:
    failures = iter([NotSent("away"), ServerError(500), NotSent("away"), ServerError(503)])
    api.fail = lambda verb, plural: None if verb in ("get", "list") else next(failures, None)
    api.add_pod("web", SERVES)
    await eventually(lambda: ready(api, "web"))
    assert next(failures, None) is None


@pytest_twisted.ensureDeferred
async def test_a_pod_of_an_earlier_agent_is_lost_and_not_run_again(api: FakeApi, runtime: ProcessRuntime) -> None:
    pod = api.add_pod("old", SERVES, nodeName=NODE_NAME)
    pod["status"] = {"phase": "Running", "containerStatuses": [{"name": "main", "restartCount": 0}]}
    agent = NodeAgent(api, runtime, the_reactor())
    await agent.start()
    await eventually(lambda: status(api, "old")["phase"] == "Failed")
    terminated = container(api, "old")["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (137, "ContainerStatusUnknown")
    api.delete_pod("old")
    await eventually(lambda: ("pods", "old") not in api.objects)
    await agent.stop()


@pytest_twisted.ensureDeferred
async def test_a_pod_bound_to_another_node_is_left_alone(api: FakeApi, agent: NodeAgent) -> None:
    api.add_pod("elsewhere", command("true"), nodeName="another")
    api.add_pod("here", command("true"))
    await eventually(lambda: status(api, "here")["phase"] == "Succeeded")
    assert status(api, "elsewhere") == {"phase": "Pending"}


@pytest_twisted.ensureDeferred
async def test_beyond_the_most_pods_others_wait_for_room(api: FakeApi, runtime: ProcessRuntime) -> None:
    agent = NodeAgent(api, runtime, the_reactor(), max_pods=2, stop_grace=0.0)
    await agent.start()
    for name in ("a", "b", "c"):
        api.add_pod(name, SERVES)
    await eventually(lambda: status(api, "c").get("conditions"))
    assert parse(Pod, api.pod("c")).trouble == "Unschedulable: 0/1 nodes are available: 2 pods run already"
    api.delete_pod("a", grace=1)
    await eventually(lambda: ready(api, "c"))
    await agent.stop()


@pytest_twisted.ensureDeferred
async def test_only_a_few_pods_start_at_a_time_yet_all_do(api: FakeApi, runtime: ProcessRuntime) -> None:
    agent = NodeAgent(api, runtime, the_reactor(), starting=2, stop_grace=0.0)
    await agent.start()
    for number in range(10):
        api.add_pod(f"pod-{number}", SERVES)
    await eventually(lambda: all(ready(api, f"pod-{number}") for number in range(10)))
    await agent.stop()


@pytest_twisted.ensureDeferred
async def test_no_process_is_left_when_the_agent_stops(api: FakeApi, runtime: ProcessRuntime) -> None:
    agent = NodeAgent(api, runtime, the_reactor())
    await agent.start()
    for number in range(5):
        api.add_pod(f"pod-{number}", SERVES | {"env": [{"name": "MARK", "value": "stopped"}]})
    await eventually(lambda: all(ready(api, f"pod-{number}") for number in range(5)))
    await agent.stop()
    assert marked("stopped") == []


@pytest_twisted.ensureDeferred
async def test_a_crash_loop_waits_longer_and_longer_as_a_kubelet_has_it(api: FakeApi, agent: NodeAgent) -> None:
    api.add_pod("loop", command("false"), restartPolicy="OnFailure")
    await eventually(
        lambda: container(api, "loop").get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
    )
    assert container(api, "loop")["restartCount"] == 1  # the first restart comes at once
    assert container(api, "loop")["lastState"]["terminated"]["exitCode"] == 1
    assert container(api, "loop")["state"]["waiting"]["message"].startswith(
        "back-off 10s restarting failed container=main"
    )
    assert status(api, "loop")["phase"] == "Running"
    api.delete_pod("loop")
    await eventually(lambda: ("pods", "loop") not in api.objects)
