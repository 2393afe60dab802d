"""Agent, runtime, API client and API server together, as `--local` has them: real HTTP, real processes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest_twisted
import treq

from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import Connection
from isoproxy.kube.errors import NotFound
from isoproxy.kube.resources import LEASES, NODES, PODS, Json
from isoproxy.local.apiserver.server import ApiServer
from isoproxy.local.runtime.node import NODE_NAME, NodeAgent
from isoproxy.local.runtime.process import ProcessRuntime
from isoproxy.local.runtime.registration import LEASE_NAMESPACE
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from test.local.runtime.support import (
    eventually,
    eventually_async,
    free_port,
    make_runtime,
    marked,
    python,
    the_reactor,
)

SERVER = """
import os, socket
with socket.create_server((os.environ["POD_IP"], int(os.environ["PORT"]))) as server:
    print("serving", flush=True)
    server.accept()
"""


@dataclass
class Cluster:
    """One machine."""

    api: KubeClient
    url: str

    async def create(self, name: str, node: str = "", **container: object) -> None:
        spec: Json = {
            "nodeName": node,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": "none", **container}],
        }
        metadata = {"name": name, "namespace": "default"}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        await self.api.create(PODS, body, namespace="default", strict=True)

    async def pod(self, name: str) -> Pod:
        return parse(Pod, await self.api.get(PODS, name, namespace="default"))

    async def ready(self, name: str) -> bool:
        return (await self.pod(name)).ready

    async def gone(self, name: str) -> bool:
        try:
            await self.pod(name)
        except NotFound:
            return True
        return False

    async def printed(self, name: str, text: str) -> bool:
        return await self.log(name) == text

    async def log(self, name: str) -> str:
        response = await treq.get(f"{self.url}/api/v1/namespaces/default/pods/{name}/log", persistent=False)
        return str(await response.text())


@pytest_twisted.async_yield_fixture
async def cluster(runtime: ProcessRuntime) -> AsyncIterator[Cluster]:
    reactor = the_reactor()
    server = ApiServer(reactor, logs=runtime.logs)
    port = reactor.listenTCP(0, server.site(), interface="127.0.0.1")
    url = f"http://127.0.0.1:{port.getHost().port}"
    api = KubeClient(reactor, Connection.plain(url))
    agent = NodeAgent(api, runtime, reactor, stop_grace=0.0)
    await agent.start()
    yield Cluster(api, url)
    await agent.stop()
    await api.close()
    server.stop()
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_a_pod_lives_and_dies_by_the_api(cluster: Cluster) -> None:
    env = [{"name": "MARK", "value": cluster.url}]
    await cluster.create("web", command=list(python(SERVER)), env=env, ports=[{"containerPort": free_port()}])
    await eventually_async(partial(cluster.ready, "web"))
    pod = await cluster.api.get(PODS, "web", namespace="default")
    assert pod["spec"]["nodeName"] == NODE_NAME
    await eventually_async(partial(cluster.printed, "web", "serving\n"))  # it listens before it says so
    await cluster.api.delete(PODS, "web", namespace="default", uid=pod["metadata"]["uid"])
    await eventually_async(partial(cluster.gone, "web"))
    assert marked(cluster.url) == []


@pytest_twisted.ensureDeferred
async def test_a_pod_that_ended_keeps_its_status_and_output(cluster: Cluster) -> None:
    await cluster.create("job", command=["sh", "-c", "echo done; exit 4"])

    async def over() -> bool:
        return (await cluster.pod("job")).terminal

    await eventually_async(over)
    assert (await cluster.pod("job")).trouble == "Error (exit code 4)"
    assert await cluster.log("job") == "done\n"


@pytest_twisted.ensureDeferred
async def test_the_node_is_there(cluster: Cluster) -> None:
    async def ready() -> bool:
        nodes = (await cluster.api.list(NODES)).items
        return [condition["status"] for node in nodes for condition in node["status"].get("conditions", [])] == ["True"]

    await eventually_async(ready)


@pytest_twisted.ensureDeferred
async def test_the_node_has_a_lease_that_goes_with_it(cluster: Cluster) -> None:
    async def renewed() -> bool:
        leases = (await cluster.api.list(LEASES, namespace=LEASE_NAMESPACE)).items
        return [lease["spec"]["holderIdentity"] for lease in leases] == [NODE_NAME]

    await eventually_async(renewed)
    lease = await cluster.api.get(LEASES, NODE_NAME, namespace=LEASE_NAMESPACE)
    node = await cluster.api.get(NODES, NODE_NAME)
    assert [owner["uid"] for owner in lease["metadata"]["ownerReferences"]] == [node["metadata"]["uid"]]


@pytest_twisted.ensureDeferred
async def test_a_node_of_a_cluster_runs_what_is_bound_to_it(cluster: Cluster, base: Path) -> None:
    ready: list[str] = []
    agent = NodeAgent(
        cluster.api,
        make_runtime(base),
        the_reactor(),
        name="another",
        in_cluster=True,
        stop_grace=0.0,
        on_ready=lambda: ready.append("another"),
    )
    await agent.start()
    await eventually(lambda: ready)
    await cluster.create("there", node="another", command=list(python(SERVER)), ports=[{"containerPort": free_port()}])
    await eventually_async(partial(cluster.ready, "there"))
    await agent.stop()


@pytest_twisted.ensureDeferred
async def test_many_pods_come_and_go_at_once(cluster: Cluster) -> None:
    names = [f"pod-{number}" for number in range(20)]
    for name in names:
        await cluster.create(name, command=list(python(SERVER)), ports=[{"containerPort": 8080}])
    for name in names:
        await eventually_async(partial(cluster.ready, name))
    assert len({(await cluster.pod(name)).status.pod_ip for name in names}) == len(names)
    for name in names:
        await cluster.api.delete(PODS, name, namespace="default")
    for name in names:
        await eventually_async(partial(cluster.gone, name))
