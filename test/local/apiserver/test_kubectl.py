"""What people type: the real kubectl against the real server, over a socket.

`KUBECTL` in the environment names another kubectl than that of the PATH; Debian's 1.20 works as current ones do.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from isoproxy.local.apiserver.logs import LogLine
from isoproxy.local.apiserver.options import DeleteOptions
from isoproxy.local.apiserver.server import ApiServer
from isoproxy.model import crds
from test.local.apiserver.web.test_streams import Logs

pytestmark = pytest.mark.needs_program("kubectl")

Json = dict[str, Any]
reactor: Any = global_reactor
BOUND = 60.0  # seconds that one kubectl may take on a busy machine

SERVICE = """
apiVersion: soh.re/v1alpha1
kind: DedicatedService
metadata: {name: shop, labels: {tier: front}}
spec: {image: "registry.invalid/shop:1", command: [sh], replicas: 2}
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: one}
spec: {containers: [{name: main, image: "registry.invalid/one:1", ports: [{containerPort: 80}]}]}
"""


class _Run(ProcessProtocol):
    def __init__(self) -> None:
        self.out = b""
        self.err = b""
        self.ended: Deferred[int] = Deferred()
        self.heard: list[tuple[bytes, Deferred[None]]] = []

    def outReceived(self, data: bytes) -> None:
        self.out += data
        for word, waiter in tuple(self.heard):
            if word in self.out:
                self.heard.remove((word, waiter))
                waiter.callback(None)

    def errReceived(self, data: bytes) -> None:
        self.err += data

    def processEnded(self, reason: Failure) -> None:
        value = reason.value
        self.ended.callback(value.exitCode or 1 if isinstance(value, ProcessTerminated) else 0)


class Kubectl:
    """Runs kubectl against one server, in a directory of the test's own."""

    def __init__(self, server: ApiServer, port: int, directory: Path) -> None:
        self.server = server
        self._directory = directory
        self._program = os.environ.get("KUBECTL", "kubectl")
        # Options that come after the command: one that came before would hide it from old kubectls.
        self._options = [f"--server=http://127.0.0.1:{port}", f"--cache-dir={directory}/cache"]
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "KUBECONFIG": "/dev/null",
            "EDITOR": "sed -i s/shop:1/shop:2/",
        }

    def start(self, *arguments: str) -> _Run:
        run = _Run()
        command = [self._program, *arguments[:1], *self._options, *arguments[1:]]
        reactor.spawnProcess(run, self._program, command, env=self._environment, path=str(self._directory))
        return run

    async def __call__(self, *arguments: str, fails: bool = False) -> str:
        """What it prints: its output, or its complaint if it `fails`, as it then must."""
        run = self.start(*arguments)
        code = await run.ended.addTimeout(BOUND, reactor)
        assert (code != 0) is fails, (arguments, code, run.out, run.err)
        return (run.err if fails else run.out).decode()

    async def json(self, *arguments: str) -> Any:
        return json.loads(await self(*arguments, "-o", "json"))

    def file(self, text: str) -> str:
        path = self._directory / "manifest.yaml"
        path.write_text(text)
        return str(path)

    def table(self, text: str) -> list[list[str]]:
        return [line.split() for line in text.splitlines()]


@pytest.fixture
def logs() -> Logs:
    return Logs()


@pytest.fixture
def kubectl(tmp_path: Path, logs: Logs) -> Iterator[Kubectl]:
    server = ApiServer(reactor, logs=logs)
    definitions = server.core.kind("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    for crd in crds.load():
        server.core.create(definitions, "", crd)
    port = reactor.listenTCP(0, server.site(), interface="127.0.0.1")
    yield Kubectl(server, port.getHost().port, tmp_path)
    server.stop()
    pytest_twisted.blockon(port.stopListening())


def service(kubectl: Kubectl) -> Json:
    kind = kubectl.server.core.kind("soh.re", "v1alpha1", "dedicatedservices")
    return kubectl.server.core.get(kind, "default", "shop").object


@pytest_twisted.ensureDeferred
async def test_kinds_are_discovered(kubectl: Kubectl) -> None:
    found = {row[0]: row for row in kubectl.table(await kubectl("api-resources", "--no-headers"))}
    assert found["dedicatedservices"][1:] == ["dedi", "soh.re/v1alpha1", "true", "DedicatedService"]
    assert "ipod,ipods" in found["isolationpods"]
    assert "Server Version" in await kubectl("version")


@pytest_twisted.ensureDeferred
async def test_a_manifest_is_applied_and_applied_again(kubectl: Kubectl) -> None:
    assert "shop created" in await kubectl("apply", "-f", kubectl.file(SERVICE))
    assert "shop unchanged" in await kubectl("apply", "-f", kubectl.file(SERVICE))
    assert "shop configured" in await kubectl(
        "apply", "-f", kubectl.file(SERVICE.replace("replicas: 2", "replicas: 3"))
    )
    assert service(kubectl)["spec"]["replicas"] == 3
    assert "shop configured" in await kubectl("apply", "-f", kubectl.file(SERVICE.replace(", replicas: 2", "")))
    assert service(kubectl)["spec"]["replicas"] == 1  # the default again


@pytest_twisted.ensureDeferred
async def test_a_misspelt_field_is_refused_by_its_name(kubectl: Kubectl) -> None:
    for command in ("create", "apply"):
        complaint = await kubectl(command, "-f", kubectl.file(SERVICE.replace("replicas", "replica")), fails=True)
        assert '"replica"' in complaint or '"spec.replica"' in complaint
    complaint = await kubectl("apply", "-f", kubectl.file(POD.replace("ports", "prots")), fails=True)
    assert "prots" in complaint


@pytest_twisted.ensureDeferred
async def test_an_invalid_value_is_refused_with_its_field(kubectl: Kubectl) -> None:
    complaint = await kubectl("apply", "-f", kubectl.file(SERVICE.replace("replicas: 2", "replicas: -1")), fails=True)
    assert 'The DedicatedService "shop" is invalid' in complaint
    assert "spec.replicas: Invalid value: -1" in complaint


@pytest_twisted.ensureDeferred
async def test_columns_are_those_of_the_definition(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", kubectl.file(SERVICE))
    rows = kubectl.table(await kubectl("get", "dedi"))
    assert rows[0] == ["NAME", "IMAGE", "TOTAL", "AVAILABLE", "AGE"]
    assert rows[1][:4] == ["shop", "registry.invalid/shop:1", "0", "0"]
    wide = kubectl.table(await kubectl("get", "dedi", "-o", "wide"))[0]
    assert wide[-1] == "AGE"
    assert "QUEUED" in wide
    assert (await kubectl("get", "dedi", "-o", "name")).strip() == "dedicatedservice.soh.re/shop"
    assert (await kubectl.json("get", "dedi", "shop"))["spec"]["port"] == 8080
    assert "image: registry.invalid/shop:1" in await kubectl("get", "dedi", "shop", "-o", "yaml")
    assert "shop" in await kubectl("get", "dedi", "-A", "-l", "tier=front")
    assert "Image:" in await kubectl("describe", "dedi", "shop")


@pytest_twisted.ensureDeferred
async def test_changes_are_watched(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", kubectl.file(SERVICE))
    watching = kubectl.start("get", "dedi", "-w", "--no-headers")
    first: Deferred[None] = Deferred()
    second: Deferred[None] = Deferred()
    watching.heard = [(b"shop:1", first), (b"shop:9", second)]
    await first.addTimeout(BOUND, reactor)
    await kubectl("patch", "dedi", "shop", "--type=merge", "-p", '{"spec":{"image":"registry.invalid/shop:9"}}')
    await second.addTimeout(BOUND, reactor)
    assert watching.transport is not None
    watching.transport.signalProcess("KILL")
    await watching.ended.addTimeout(BOUND, reactor)


@pytest_twisted.ensureDeferred
async def test_one_thing_at_a_time_is_changed(kubectl: Kubectl) -> None:
    await kubectl("create", "-f", kubectl.file(SERVICE))
    await kubectl("scale", "dedi", "shop", "--replicas=5")
    assert service(kubectl)["spec"]["replicas"] == 5
    await kubectl("patch", "dedi", "shop", "--type=json", "-p", '[{"op":"replace","path":"/spec/replicas","value":6}]')
    assert service(kubectl)["spec"]["replicas"] == 6
    await kubectl("label", "dedi", "shop", "a=b", "tier-")
    await kubectl("annotate", "dedi", "shop", "c=d")
    assert service(kubectl)["metadata"]["labels"] == {"a": "b"}
    assert service(kubectl)["metadata"]["annotations"] == {"c": "d"}
    await kubectl("edit", "dedi", "shop")
    assert service(kubectl)["spec"]["image"] == "registry.invalid/shop:2"
    await kubectl("replace", "-f", kubectl.file(SERVICE))
    assert service(kubectl)["spec"]["image"] == "registry.invalid/shop:1"


@pytest_twisted.ensureDeferred
async def test_differences_are_shown_before_they_are_made(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", kubectl.file(SERVICE))
    changed = kubectl.file(SERVICE.replace("replicas: 2", "replicas: 4"))
    run = kubectl.start("diff", "-f", changed)
    assert await run.ended.addTimeout(BOUND, reactor) == 1
    assert b"-  replicas: 2\n+  replicas: 4\n" in run.out
    await kubectl("apply", "--dry-run=server", "-f", changed)
    assert service(kubectl)["spec"]["replicas"] == 2


@pytest_twisted.ensureDeferred
async def test_an_apply_can_be_the_servers(kubectl: Kubectl) -> None:
    await kubectl("apply", "--server-side", "-f", kubectl.file(SERVICE))
    assert service(kubectl)["metadata"]["managedFields"][0]["manager"] == "kubectl"
    other = kubectl.file(SERVICE.replace("replicas: 2", "replicas: 3"))
    complaint = await kubectl("apply", "--server-side", "--field-manager=other", "-f", other, fails=True)
    assert 'conflict with "kubectl"' in complaint
    await kubectl("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", other)
    assert service(kubectl)["spec"]["replicas"] == 3


@pytest_twisted.ensureDeferred
async def test_fields_are_explained(kubectl: Kubectl) -> None:
    assert "How many pods to keep warm" in " ".join((await kubectl("explain", "dedi.spec.replicas")).split())
    assert "Restart policy for all containers" in await kubectl("explain", "pod.spec.restartPolicy")


@pytest_twisted.ensureDeferred
async def test_conditions_are_waited_for(kubectl: Kubectl) -> None:
    await kubectl("wait", "--for=condition=Established", "crd/dedicatedservices.soh.re", "--timeout=20s")
    await kubectl("apply", "-f", kubectl.file(SERVICE))
    waiting = kubectl.start("wait", "--for=condition=Ready", "dedi/shop", "--timeout=50s")
    kind = kubectl.server.core.kind("soh.re", "v1alpha1", "dedicatedservices")
    now = "2024-01-01T00:00:00Z"
    ready = {"type": "Ready", "status": "True", "reason": "Fine", "message": "", "lastTransitionTime": now}
    status = {"conditions": [ready], "observedGeneration": 1}
    kubectl.server.core.patch(kind, "default", "shop", {"status": status}, subresource="status")
    assert await waiting.ended.addTimeout(BOUND, reactor) == 0


@pytest_twisted.ensureDeferred
async def test_a_pod_is_applied_described_and_deleted(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", kubectl.file(POD))
    assert "one configured" in await kubectl("apply", "-f", kubectl.file(POD.replace("one:1", "one:2")))
    complaint = await kubectl("apply", "-f", kubectl.file(POD.replace("80", "81")), fails=True)
    assert "pod updates may not change fields" in complaint
    rows = kubectl.table(await kubectl("get", "pods", "-o", "wide"))
    assert rows[1][:4] == ["one", "0/1", "Pending", "0"]
    assert "registry.invalid/one:2" in await kubectl("describe", "pod", "one")
    assert 'pod "one" deleted' in await kubectl("delete", "pod", "one")
    assert "NotFound" in await kubectl("get", "pod", "one", fails=True)


@pytest_twisted.ensureDeferred
async def test_a_deletion_waits_until_the_runtime_is_done(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", kubectl.file(POD))
    core = kubectl.server.core
    pods = core.kind("", "v1", "pods")
    core.bind(pods, "default", "one", "here")

    def finish() -> None:
        found = core.get(pods, "default", "one").object
        if "deletionTimestamp" in found["metadata"]:
            core.delete(pods, "default", "one", DeleteOptions(grace_period_seconds=0))
            watch.close()

    watch = core.watch(pods, None, wake=lambda: reactor.callLater(0, finish), resource_version=str(core.store.version))
    assert 'pod "one" deleted' in await kubectl("delete", "pod", "one")


@pytest_twisted.ensureDeferred
async def test_logs_are_read_and_followed(kubectl: Kubectl, logs: Logs) -> None:
    await kubectl("apply", "-f", kubectl.file(POD))
    assert await kubectl("logs", "one", "--tail=2") == "line 2\nline 3\n"
    following = kubectl.start("logs", "-f", "one", "--tail=1")
    first: Deferred[None] = Deferred()
    following.heard = [(b"line 3\n", first)]
    await first.addTimeout(BOUND, reactor)
    on_line, on_end = logs.followers[0]
    on_line(LogLine(0.0, b"the last"))
    on_end()
    assert await following.ended.addTimeout(BOUND, reactor) == 0
    assert following.out == b"line 3\nthe last\n"


@pytest_twisted.ensureDeferred
async def test_events_are_shown_with_what_they_are_about(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", kubectl.file(SERVICE))
    about = {"apiVersion": "soh.re/v1alpha1", "kind": "DedicatedService", "name": "shop", "namespace": "default"}
    event = {
        "metadata": {"name": "e"},
        "eventTime": "2024-01-01T00:00:00.000000Z",
        "reportingController": "isoproxy",
        "reportingInstance": "i",
        "action": "Scale",
        "reason": "Scaled",
        "type": "Normal",
        "note": "up to two",
        "regarding": about | {"uid": service(kubectl)["metadata"]["uid"]},
    }
    core = kubectl.server.core
    core.create(core.kind("events.k8s.io", "v1", "events"), "default", event)
    listed = await kubectl("get", "events")
    assert "dedicatedservice/shop" in listed
    assert "up to two" in listed
    assert "up to two" in await kubectl("describe", "dedi", "shop")


@pytest_twisted.ensureDeferred
async def test_small_things_are_made_by_hand(kubectl: Kubectl) -> None:
    await kubectl("create", "namespace", "team")
    await kubectl("create", "configmap", "settings", "--from-literal=a=b", "--namespace=team")
    await kubectl("create", "secret", "generic", "key", "--from-literal=k=v", "--namespace=team")
    assert (await kubectl.json("get", "secret", "key", "-n", "team"))["data"] == {"k": "dg=="}
    assert "deleted" in await kubectl("delete", "namespace", "team")
    assert "NotFound" in await kubectl("get", "cm", "settings", "-n", "team", fails=True)


@pytest_twisted.ensureDeferred
async def test_what_a_service_owns_goes_with_it(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", kubectl.file(SERVICE))
    core = kubectl.server.core
    owner = service(kubectl)["metadata"]
    reference = {"apiVersion": "soh.re/v1alpha1", "kind": "DedicatedService", "name": "shop", "uid": owner["uid"]}
    body = {"metadata": {"name": "settings", "ownerReferences": [reference]}}
    core.create(core.kind("", "v1", "configmaps"), "default", body)
    assert "deleted" in await kubectl("delete", "-f", kubectl.file(SERVICE))
    assert (await kubectl("get", "cm", "--ignore-not-found")).strip() == ""
