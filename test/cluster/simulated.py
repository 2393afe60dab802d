"""Nodes that only seem to be there, by the thousands of pods if need be: what they cost is objects and events."""

from collections.abc import Iterator
from contextlib import contextmanager

from test.cluster.health import until_healthy
from test.cluster.parts.part import Part
from test.cluster.parts.simulated import LABEL, kwok
from test.cluster.programs import build, program
from test.cluster.target import Target
from test.running.api import NODES, Api, Json, Refused, is_ready
from test.running.process import Process
from test.running.waiting import BOUND, eventually

TAINT = {"key": "kwok", "value": "simulated", "effect": "NoSchedule"}
"""Keeps away the pods that want to be run."""

TOLERATION = {"key": TAINT["key"], "operator": "Exists"}


@contextmanager
def simulated_node(target: Target, name: str) -> Iterator[Json]:
    """Have a node called ``name`` whose pods are Ready at once and run nothing.

    Gives what the spec of a Pod, or of a DedicatedService, says for its pods to be put there. Take them away before.
    """
    api = Api.of(target.kubeconfig)
    part = kwok(program("kwok"), kubeconfig=target.kubeconfig, stages=build("kwok") / "stage")
    with _running(target, part):
        api.create(NODES, _node(name))
        try:
            eventually(lambda: _is_ready(api, name), f"{name} is Ready")
            yield {"nodeSelector": {"kubernetes.io/hostname": name}, "tolerations": [TOLERATION]}
        finally:
            api.delete(f"{NODES}/{name}")
            eventually(lambda: _is_gone(api, name), f"{name} is gone")


@contextmanager
def _running(target: Target, part: Part) -> Iterator[None]:
    """Run kwok in the cluster, or beside one that is somebody else's."""
    if target.cluster is not None:
        target.cluster.start(part)
        try:
            yield
        finally:
            target.cluster.processes.end(part.name)
        return
    with Process(list(part.command)) as process:
        until_healthy(part.health, lambda: not process.running, within=BOUND)
        yield


def _node(name: str) -> Json:
    labels = dict([LABEL]) | {"kubernetes.io/hostname": name}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": [TAINT]},
    }


def _is_ready(api: Api, name: str) -> bool:
    node = api.request("GET", f"{NODES}/{name}")
    # The controllers take their own taint away once they have seen that it is Ready.
    return is_ready(node) and node["spec"].get("taints") == [TAINT]


def _is_gone(api: Api, name: str) -> bool:
    try:
        api.request("GET", f"{NODES}/{name}")
    except Refused as refused:
        return refused.code == 404
    return False
