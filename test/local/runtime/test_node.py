"""The node agent with the process runtime: real processes, an API server in memory."""

from typing import Any

import pytest_twisted

from isoproxy.kube.errors import NotSent, ServerError
from isoproxy.kube.resources import CONFIG_MAPS, NODES, PODS, Json
from isoproxy.local.runtime.node import NODE_NAME, NodeAgent
from isoproxy.local.runtime.process import ProcessRuntime
from isoproxy.local.runtime.references import SECRETS
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from test.faults import Fault
from test.local.runtime.support import eventually, marked, python, the_reactor
from test.local.runtime.user import User
from test.memoryapi import MemoryApi

SERVER = """
import os, socket
with socket.create_server((os.environ["POD_IP"], int(os.environ["PORT"]))) as server:
    while True:
        server.accept()[0].close()
"""
SERVES = {"command": list(python(SERVER)), "ports": [{"containerPort": 8080}]}


def command(*argv: str) -> Json:
    return {"command": list(argv)}


def status(user: User, name: str) -> Any:
    return user.pod(name)["status"]


def container(user: User, name: str) -> Any:
    return (status(user, name).get("containerStatuses") or [{}])[0]


def printed(runtime: ProcessRuntime, name: str) -> list[str]:
    return [line.text.decode() for line in runtime.logs.read("default", name, container="", tail_lines=None)]


def has_log(runtime: ProcessRuntime, name: str) -> bool:
    try:
        printed(runtime, name)
    except LookupError:
        return False
    return True


def waits(user: User, name: str) -> Any:
    return container(user, name)["state"].get("waiting")


def ready(user: User, name: str) -> bool:
    return parse(Pod, user.pod(name)).ready


@pytest_twisted.ensureDeferred
async def test_a_pod_is_bound_run_and_ready_when_it_listens(user: User, agent: NodeAgent) -> None:
    user.add_pod("web", SERVES)
    await eventually(lambda: ready(user, "web"))
    pod = user.pod("web")
    assert pod["spec"]["nodeName"] == NODE_NAME
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["podIPs"] == [{"ip": pod["status"]["podIP"]}]
    assert {condition["type"]: condition["status"] for condition in pod["status"]["conditions"]} == {
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
        "PodScheduled": "True",
    }
    assert container(user, "web")["state"]["running"]["startedAt"]
    assert container(user, "web")["containerID"].startswith(f"process://{pod['metadata']['uid']}/")


@pytest_twisted.ensureDeferred
async def test_the_node_is_registered_ready(user: User, agent: NodeAgent) -> None:
    await eventually(lambda: user.has(NODES, NODE_NAME) and user.get(NODES, NODE_NAME)["status"].get("conditions"))
    node = user.get(NODES, NODE_NAME)
    assert [(c["type"], c["status"]) for c in node["status"]["conditions"]] == [("Ready", "True")]
    assert node["status"]["capacity"]["pods"] == "1000"


@pytest_twisted.ensureDeferred
async def test_the_end_of_a_program_is_the_end_of_its_pod(user: User, agent: NodeAgent) -> None:
    user.add_pod("good", command("true"))
    user.add_pod("bad", command("sh", "-c", "exit 3"))
    await eventually(lambda: status(user, "good")["phase"] == "Succeeded" and status(user, "bad")["phase"] == "Failed")
    good, bad = (container(user, name)["state"]["terminated"] for name in ("good", "bad"))
    assert (good["exitCode"], good["reason"]) == (0, "Completed")
    assert (bad["exitCode"], bad["reason"]) == (3, "Error")
    assert [c.get("reason") for c in status(user, "good")["conditions"] if c["type"] == "Ready"] == ["PodCompleted"]
    assert container(user, "bad")["restartCount"] == 0


@pytest_twisted.ensureDeferred
async def test_a_container_without_a_command_fails_at_once_and_says_why(user: User, agent: NodeAgent) -> None:
    user.add_pod("image-only", {"image": "nginx"})
    await eventually(lambda: status(user, "image-only")["phase"] == "Failed")
    assert parse(Pod, user.pod("image-only")).trouble.startswith("CommandRequired: container 'main' has no command")
    assert status(user, "image-only")["reason"] == "CommandRequired"


@pytest_twisted.ensureDeferred
async def test_a_command_that_is_not_there_is_named(user: User, agent: NodeAgent) -> None:
    user.add_pod("typo", command("redis-sevrer"))
    await eventually(lambda: status(user, "typo")["phase"] == "Failed")
    assert parse(Pod, user.pod("typo")).trouble.startswith(
        'StartError: the command "redis-sevrer" was not found on PATH'
    )


@pytest_twisted.ensureDeferred
async def test_variables_reach_the_program_as_kubernetes_has_them(
    user: User, agent: NodeAgent, runtime: ProcessRuntime
) -> None:
    user.create(SECRETS, {"metadata": {"name": "s"}, "data": {"word": "c2VjcmV0"}})
    user.create(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"word": "config"}})
    env = [
        {"name": "A", "value": "$(POD_NAME)"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "word"}}},
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "word"}}},
        {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
    ports = [{"containerPort": 8080}]
    user.add_pod("vars", command("echo", "$(A) $(B) $(C) $(D) $(PORT) $$(A)") | {"env": env, "ports": ports})
    await eventually(lambda: status(user, "vars")["phase"] == "Succeeded")
    assert printed(runtime, "vars") == [f"vars secret config {status(user, 'vars')['podIP']} 8080 $(A)"]


@pytest_twisted.ensureDeferred
async def test_a_secret_that_is_not_there_is_named(user: User, agent: NodeAgent) -> None:
    env = [{"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "word"}}}]
    user.add_pod("vars", command("env") | {"env": env})
    await eventually(lambda: status(user, "vars")["phase"] == "Failed")
    assert parse(Pod, user.pod("vars")).trouble.startswith("CreateContainerConfigError: Secret 's' does not exist")


@pytest_twisted.ensureDeferred
async def test_a_deleted_pod_has_its_grace_and_then_goes_with_its_object(
    user: User, agent: NodeAgent, runtime: ProcessRuntime
) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(1000)"
    user.add_pod("deaf", command(*python(deaf)) | {"env": [{"name": "MARK", "value": "deaf"}]})
    await eventually(lambda: "running" in container(user, "deaf").get("state", {}))
    await eventually(lambda: printed(runtime, "deaf"))
    began = the_reactor().seconds()
    user.delete_pod("deaf", grace=1)
    await eventually(lambda: not user.has_pod("deaf"))
    assert the_reactor().seconds() - began >= 1.0
    assert marked("deaf") == []


@pytest_twisted.ensureDeferred
async def test_a_pod_whose_object_vanished_is_stopped_and_forgotten(
    user: User, agent: NodeAgent, runtime: ProcessRuntime
) -> None:
    environment = {"env": [{"name": "MARK", "value": "vanished"}]}
    user.add_pod("gone", SERVES | environment, terminationGracePeriodSeconds=1)
    await eventually(lambda: ready(user, "gone"))
    user.remove_pod("gone")
    await eventually(lambda: not marked("vanished"))
    await eventually(lambda: not has_log(runtime, "gone"))


@pytest_twisted.ensureDeferred
async def test_a_pod_deleted_while_it_starts_is_not_left_running(user: User, agent: NodeAgent) -> None:
    for number in range(20):
        where = {"nodeName": NODE_NAME} if number % 2 else {}  # else it need not wait for a node
        user.add_pod(f"pod-{number}", SERVES | {"env": [{"name": "MARK", "value": "hasty"}]}, **where)
        user.delete_pod(f"pod-{number}", grace=1)
    await eventually(lambda: not user.all(PODS))
    assert marked("hasty") == []


@pytest_twisted.ensureDeferred
async def test_a_name_used_again_at_once_is_another_pod(user: User, agent: NodeAgent) -> None:
    user.add_pod("again", SERVES)
    await eventually(lambda: ready(user, "again"))
    old_ip = status(user, "again")["podIP"]
    user.remove_pod("again")
    user.add_pod("again", SERVES)
    await eventually(lambda: ready(user, "again"))
    assert status(user, "again")["podIP"] != old_ip


@pytest_twisted.ensureDeferred
async def test_what_the_api_server_refuses_for_a_while_is_written_at_last(
    user: User, api: MemoryApi, agent: NodeAgent
) -> None:
    for error in (NotSent("away"), ServerError(500)):
        api.faults.order(Fault(error), "create", "pods")
        api.faults.order(Fault(error), "patch", "pods")
    user.add_pod("web", SERVES)
    await eventually(lambda: ready(user, "web"))
    assert api.faults.left("create", "pods") == api.faults.left("patch", "pods") == 0


@pytest_twisted.ensureDeferred
async def test_a_pod_of_an_earlier_agent_is_lost_and_not_run_again(
    user: User, api: MemoryApi, runtime: ProcessRuntime
) -> None:
    user.add_pod("old", SERVES, nodeName=NODE_NAME)
    ran = {"name": "main", "restartCount": 0, "ready": True, "image": "none", "imageID": ""}
    user.patch(PODS, "old", {"status": {"phase": "Running", "containerStatuses": [ran]}}, subresource="status")
    agent = NodeAgent(api, runtime, the_reactor())
    await agent.start()
    await eventually(lambda: status(user, "old")["phase"] == "Failed")
    terminated = container(user, "old")["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (137, "ContainerStatusUnknown")
    user.delete_pod("old")
    await eventually(lambda: not user.has_pod("old"))
    await agent.stop()


@pytest_twisted.ensureDeferred
async def test_a_pod_bound_to_another_node_is_left_alone(user: User, agent: NodeAgent) -> None:
    user.add_pod("elsewhere", command("true"), nodeName="another")
    user.add_pod("here", command("true"))
    await eventually(lambda: status(user, "here")["phase"] == "Succeeded")
    assert status(user, "elsewhere") == {"phase": "Pending", "qosClass": "BestEffort"}


@pytest_twisted.ensureDeferred
async def test_beyond_the_most_pods_others_wait_for_room(user: User, api: MemoryApi, runtime: ProcessRuntime) -> None:
    agent = NodeAgent(api, runtime, the_reactor(), max_pods=2, stop_grace=0.0)
    await agent.start()
    for name in ("a", "b", "c"):
        user.add_pod(name, SERVES)
    await eventually(lambda: status(user, "c").get("conditions"))
    assert parse(Pod, user.pod("c")).trouble == "Unschedulable: 0/1 nodes are available: 2 pods run already"
    user.delete_pod("a", grace=1)
    await eventually(lambda: ready(user, "c"))
    await agent.stop()


@pytest_twisted.ensureDeferred
async def test_only_a_few_pods_start_at_a_time_yet_all_do(user: User, api: MemoryApi, runtime: ProcessRuntime) -> None:
    agent = NodeAgent(api, runtime, the_reactor(), starting=2, stop_grace=0.0)
    await agent.start()
    for number in range(10):
        user.add_pod(f"pod-{number}", SERVES)
    await eventually(lambda: all(ready(user, f"pod-{number}") for number in range(10)))
    await agent.stop()


@pytest_twisted.ensureDeferred
async def test_no_process_is_left_when_the_agent_stops(user: User, api: MemoryApi, runtime: ProcessRuntime) -> None:
    agent = NodeAgent(api, runtime, the_reactor())
    await agent.start()
    for number in range(5):
        user.add_pod(f"pod-{number}", SERVES | {"env": [{"name": "MARK", "value": "stopped"}]})
    await eventually(lambda: all(ready(user, f"pod-{number}") for number in range(5)))
    await agent.stop()
    assert marked("stopped") == []


@pytest_twisted.ensureDeferred
async def test_a_crash_loop_waits_longer_and_longer_as_a_kubelet_has_it(user: User, agent: NodeAgent) -> None:
    user.add_pod("loop", command("false"), restartPolicy="OnFailure")
    await eventually(
        lambda: container(user, "loop").get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
    )
    assert container(user, "loop")["restartCount"] == 1  # the first restart comes at once
    assert container(user, "loop")["lastState"]["terminated"]["exitCode"] == 1
    assert container(user, "loop")["state"]["waiting"]["message"].startswith(
        "back-off 10s restarting failed container=main"
    )
    assert status(user, "loop")["phase"] == "Running"
    user.delete_pod("loop")
    await eventually(lambda: not user.has_pod("loop"))
