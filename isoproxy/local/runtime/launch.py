"""From a Pod object to a command in a sandbox."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.interfaces import IReactorTime

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import AlreadyExists, ApiError, Conflict
from isoproxy.kube.resources import PODS, Resource
from isoproxy.local.runtime.environment import program, references
from isoproxy.local.runtime.facts import CannotRun, Program, Sandbox
from isoproxy.local.runtime.interface import PodRuntime
from isoproxy.local.runtime.persistence import persist
from isoproxy.local.runtime.podspec import LocalPod, PodSpec
from isoproxy.local.runtime.references import fetch
from isoproxy.local.runtime.writer import StatusWriter


@dataclass(frozen=True, slots=True)
class PodBinding(Resource):
    """The `binding` of one pod: the only subresource that is created."""

    group: str = ""
    version: str = "v1"
    plural: str = "pods"
    kind: str = "Binding"
    pod: str = ""

    def path(self, namespace: str | None, name: str | None = None, subresource: str = "") -> str:
        assert name is None
        assert not subresource
        return PODS.path(namespace, self.pod, "binding")


@dataclass(frozen=True, slots=True)
class Node:
    """What all pods of a node share."""

    name: str
    api: KubeApi
    runtime: PodRuntime
    clock: IReactorTime
    writer: StatusWriter
    starting: DeferredSemaphore  # held by a pod from its start until it is Ready, or takes long
    now: Callable[[], datetime]
    jitter: Callable[[], float]


async def bind(node: Node, pod: LocalPod) -> None:
    """Do the scheduler's work for a pod that is bound to no node. Raises CannotRun."""
    binding = PodBinding(pod=pod.id.name)
    body = {
        "apiVersion": binding.api_version,
        "kind": binding.kind,
        "metadata": {"name": pod.id.name, "namespace": pod.id.namespace, "uid": pod.id.uid},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node.name},
    }
    try:
        await persist(lambda: node.api.create(binding, body, namespace=pod.id.namespace), node.clock, node.jitter)
    except (AlreadyExists, Conflict):
        pass  # an earlier try was answered too late, or the pod is another: that is seen by its uid
    except ApiError as error:
        raise CannotRun("BindingRefused", str(error)) from error


async def prepare(node: Node, pod: LocalPod, spec: PodSpec) -> tuple[Sandbox, Program]:
    """Make the pod's sandbox, and the command that is to be run in it. Raises CannotRun."""
    container = spec.containers[0]
    sandbox = await node.runtime.create(pod.id)
    values = await fetch(node.api, node.clock, pod.id.namespace, references(container))
    return sandbox, program(pod, container, sandbox, node=node.name, values=values)
