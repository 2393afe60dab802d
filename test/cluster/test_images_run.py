"""The images run on the cluster's node, as the users they are meant for."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from test.cluster.images import ours
from test.cluster.images.catalogue import PAUSE, REDIS, TOOL
from test.cluster.kubectl import Kubectl
from test.cluster.levels import import_image
from test.cluster.programs import cache_folder, program
from test.cluster.target import Target
from test.running import proc
from test.running.clients import who_serves
from test.running.waiting import eventually

pytestmark = pytest.mark.needs_cluster("node")

NOBODY, REDIS_USER = 65534, 999
NAMESPACE = "images"


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
        self.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=30s")

    def pod(self, name: str) -> Any:
        return json.loads(self.kubectl("get", "pod", name, "--output=json"))

    def ended(self, name: str) -> int:
        """Wait for a pod's end; return the exit status of its program."""
        self.kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.containerStatuses[0].state.terminated}")
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
    yield node
    node.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s")


def test_the_tool_serves_as_nobody_and_ends_as_the_first_process(node: Node) -> None:
    node.run("tool", TOOL, "--child", "who")
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
    for command, answer in {"SET key value": "OK", "SAVE": "OK", "CONFIG GET dir": "dir\n/data"}.items():
        assert node.kubectl("exec", "redis", "--", "redis-cli", *command.split()) == f"{answer}\n"


def test_isoproxy_needs_to_write_nothing_and_to_be_nobody_in_particular(kubernetes: Target, node: Node) -> None:
    assert kubernetes.cluster is not None
    import_image(kubernetes.cluster, ours.archive(cache_folder() / "images"))
    container = {
        "name": "main",
        "image": ours.ISOPROXY,
        "args": ["--role=operator", "--kubeconfig=/nowhere"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "securityContext": security, "containers": [container]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "isoproxy"}, "spec": spec}
    node.kubectl("create", "-f", "-", given=json.dumps(pod))
    # It comes so far that it looks for its cluster, and says in one line what is wrong.
    assert node.ended("isoproxy") == 1
    assert node.kubectl("logs", "isoproxy").splitlines() == ["isoproxy: kubeconfig /nowhere: no such file"]
