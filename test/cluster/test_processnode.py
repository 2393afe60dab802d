"""Nodes whose pods are processes, in a cluster of the embedded API server and a test that is the scheduler."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from test.cluster.processnode import own_network
from test.running.api import PODS, Api, Json, is_ready
from test.running.harness import PROGRAM, Local, write_kubeconfig
from test.running.process import Process
from test.running.waiting import eventually

NODES = ("one", "two")


@pytest.fixture
def api() -> Iterator[Api]:
    with Local("--role=none") as machine:
        yield machine.api
        machine.stop()


def start(api: Api, name: str, folder: Path) -> Process:
    kubeconfig = write_kubeconfig(folder, api)
    return Process([sys.executable, "-m", "test.cluster.processnode", "--kubeconfig", kubeconfig, "--name", name])


def create(api: Api, name: str, *, node: str) -> None:
    container = {
        "name": "main",
        "image": "none",
        "command": [sys.executable, "-I", "-S", str(PROGRAM), "echo"],
        "ports": [{"containerPort": 8080}],
    }
    spec = {"nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 1}
    api.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def pod(api: Api, name: str) -> Json:
    return api.request("GET", f"{PODS}/{name}")


def network(address: str) -> IPv4Network:
    return IPv4Network((IPv4Address(address), 16), strict=False)


def test_two_nodes_of_a_machine_run_their_own_pods_in_networks_of_their_own(api: Api, tmp_path: Path) -> None:
    with ExitStack() as stack:
        nodes = [stack.enter_context(start(api, name, tmp_path)) for name in NODES]
        for name, node in zip(NODES, nodes, strict=True):
            node.wait_for_log(f"^node {name} is ready$")
            for number in range(3):
                create(api, f"{name}-{number}", node=name)
        names = [f"{name}-{number}" for name in NODES for number in range(3)]
        eventually(lambda: all(is_ready(pod(api, name)) for name in names), "all pods are Ready")
        ours = [{network(pod(api, f"{name}-{number}")["status"]["podIP"]) for number in range(3)} for name in NODES]
        assert [len(networks) for networks in ours] == [1, 1]
        assert ours[0] != ours[1]
        assert [len(node.offspring()) > 3 for node in nodes] == [True, True]
        for node in nodes:
            node.stop()


def test_a_node_that_is_killed_leaves_no_pod_running_and_its_next_start_says_that_they_are_lost(
    api: Api, tmp_path: Path
) -> None:
    with start(api, "one", tmp_path) as node:
        node.wait_for_log("^node one is ready$")
        create(api, "pod", node="one")
        eventually(lambda: is_ready(pod(api, "pod")), "the pod is Ready")
        node.kill()
        eventually(lambda: not node.offspring(), "no process left behind")
    with start(api, "one", tmp_path) as node:
        node.wait_for_log("^node one is ready$")
        eventually(lambda: pod(api, "pod")["status"]["phase"] == "Failed", "the pod is over")
        node.stop()


def test_a_network_is_one_nodes_until_it_is_given_back() -> None:
    first, claim = own_network()
    second, another = own_network()
    assert not first.overlaps(second)
    claim.close()
    third, claim = own_network()
    assert third == first
    claim.close()
    another.close()
