"""The images run on the cluster's node, as the users they are meant for."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from test.cluster.images import built, ours
from test.cluster.images.catalogue import PAUSE, REDIS, TOOL
from test.cluster.kubectl import Kubectl
from test.cluster.levels import import_image
from test.cluster.programs import cache_folder, program
from test.cluster.target import Target
from test.running import proc
from test.running.clients import who_serves
from test.running.harness import fetch
from test.running.waiting import eventually

pytestmark = pytest.mark.needs_cluster("node")

NOBODY, REDIS_USER = 65534, 999
HEALTH = 8081
NAMESPACE = "images"
PATIENCE = "--timeout=60s"


class Node:
    """The node with containers, and pods of one image each."""

    def __init__(self, target: Target) -> None:
        assert target.cluster is not None
        self._sandbox = target.cluster.sandbox
        self._kubectl = Kubectl(target.cluster, program("kubectl"))

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        return self._kubectl(f"--namespace={NAMESPACE}", *arguments, given=given)

    def run(self, name: str, image: str, *command: str) -> None:
        """Run an image, by its own command unless another is given; return once it runs."""
        self.kubectl("run", name, f"--image={image}", "--restart=Never", "--", *command)
        self.kubectl("wait", f"pod/{name}", "--for=condition=Ready", PATIENCE)

    def pod(self, name: str) -> Any:
        return json.loads(self.kubectl("get", "pod", name, "--output=json"))

    def ended(self, name: str) -> int:
        """Wait for a pod's end; return the exit status of its program."""
        self.kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.containerStatuses[0].state.terminated}", PATIENCE)
        return int(self.pod(name)["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"])

    def process(self, pod: str, command: str) -> int:
        """Return the first process of a pod's container, by its command line."""
        uid = self.pod(pod)["metadata"]["uid"]

        def look() -> int | None:
            for pid in proc.processes():
                inner = proc.read(pid, "status").partition("NSpid:")[2].split("\n")[0].split()
                if uid in proc.read(pid, "cgroup") and inner[-1:] == ["1"] and proc.command(pid).startswith(command):
                    return pid
            return None

        return eventually(look, f"{pod} runs {command}")


@pytest.fixture(scope="module")
def node(kubernetes: Target) -> Iterator[Node]:
    node = Node(kubernetes)
    node.kubectl("create", "namespace", NAMESPACE)
    node.kubectl("wait", "--for=create", "serviceaccount/default", PATIENCE)  # that of pods
    yield node
    node.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s")


def test_the_tool_serves_as_nobody_and_ends_as_the_first_process(node: Node) -> None:
    node.run("tool", TOOL, "--child", "who")
    eventually(lambda: "listening" in node.kubectl("logs", "tool"), "it listens")  # Ready is who runs
    assert who_serves((node.pod("tool")["status"]["podIP"], 8080)) == ("tool", 1)
    process = node.process("tool", "/tool --child who")
    assert os.stat(f"/proc/{process}").st_uid == NOBODY
    os.kill(process, signal.SIGTERM)
    assert node.ended("tool") == 128 + signal.SIGTERM


def test_a_pause_ends_when_it_is_told(node: Node) -> None:
    node.run("pause", PAUSE)
    process = node.process("pause", "/tool pause")
    assert os.stat(f"/proc/{process}").st_uid == NOBODY


def test_redis_keeps_what_it_is_told_in_its_folder(node: Node) -> None:
    node.run("redis", REDIS)
    assert os.stat(f"/proc/{node.process('redis', 'redis-server')}").st_uid == REDIS_USER
    eventually(lambda: node.kubectl("exec", "redis", "--", "redis-cli", "PING") == "PONG\n", "it listens")
    for command, answer in {"SET key value": "OK", "SAVE": "OK", "CONFIG GET dir": "dir\n/data"}.items():
        assert node.kubectl("exec", "redis", "--", "redis-cli", *command.split()) == f"{answer}\n"


OURS = [
    pytest.param((ours.ISOPROXY, ours.archive), id="plain"),
    pytest.param((built.BUILT, built.archive), id="dockerfile", marks=pytest.mark.needs_program("buildah")),
]
"""isoproxy's image, as it is made without an engine and with one."""


@pytest.fixture(scope="module", params=OURS)
def isoproxy(request: pytest.FixtureRequest, kubernetes: Target) -> str:
    """The image's name, known to the node."""
    assert kubernetes.cluster is not None
    name, archive = request.param
    import_image(kubernetes.cluster, archive(cache_folder() / "images"))
    return str(name)


def restricted(name: str, image: str, *arguments: str) -> str:
    """Return a pod that may write nothing and is nobody in particular, as the chart has them."""
    container = {
        "name": "main",
        "image": image,
        "args": arguments,
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": HEALTH}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "securityContext": security, "containers": [container]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


@pytest.fixture
def start(node: Node, isoproxy: str) -> Iterator[Callable[..., str]]:
    """Start isoproxy with some arguments; gives the name of its pod."""
    pods: list[str] = []

    def create(*arguments: str) -> str:
        pods.append(f"isoproxy-{len(pods)}")
        node.kubectl("create", "-f", "-", given=restricted(pods[-1], isoproxy, *arguments))
        return pods[-1]

    yield create
    node.kubectl("delete", "pod", "--now", *pods)


def test_isoproxy_needs_to_write_nothing_and_to_be_nobody_in_particular(node: Node, start: Callable[..., str]) -> None:
    # It comes so far that it looks for its cluster, and says in one line what is wrong.
    wrong = start("--role=operator", "--kubeconfig=/nowhere")
    assert node.ended(wrong) == 1
    assert node.kubectl("logs", wrong).splitlines() == ["isoproxy: kubeconfig /nowhere: no such file"]
    told = start("--help")
    assert node.ended(told) == 0
    assert node.kubectl("logs", told).startswith("Usage: twistd [options] isoproxy [options]")


def test_isoproxy_says_that_it_is_well(node: Node, start: Callable[..., str]) -> None:
    # It may look at nothing here, so that it is not ready; but it lives.
    pod = start("--role=operator", f"--health-listen=tcp:{HEALTH}")
    node.kubectl("wait", f"pod/{pod}", "--for=condition=Ready", PATIENCE)
    address = (node.pod(pod)["status"]["podIP"], HEALTH)
    assert fetch(address, "/healthz") == (200, "ok\n")
    assert fetch(address, "/readyz")[0] == HTTPStatus.SERVICE_UNAVAILABLE
    assert "plugin" not in node.kubectl("logs", pod)
