"""The real kubectl: a machine's against a local isoproxy, and that of the cluster's version against a real cluster."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from test.cluster.level import Level
from test.cluster.programs import program
from test.cluster.target import Keeper
from test.e2e.containers import OnContainers, container_service, gated_containers
from test.running.api import IPODS, Json, names
from test.running.clients import ask, connected, is_cut, who_serves
from test.running.harness import Local, dedicated_service, write_kubeconfig, write_manifests
from test.running.process import Process
from test.running.waiting import BOUND, eventually

PATIENCE = f"--timeout={1.5 * BOUND:g}s"
"""An option of ``kubectl wait``."""


class Kubectl:
    """The real kubectl, of a user whose kubeconfig names the machine.

    ``manifest`` makes a DedicatedService from its name, the program in its pods with its arguments, and its spec; so
    does ``gated``, of which no pod is Ready before a file is there.
    """

    def __init__(self, program: str | Path, machine: Local | OnContainers, home: Path) -> None:
        self.machine = machine
        local = isinstance(machine, Local)
        self.manifest: Callable[..., Json] = dedicated_service if local else container_service
        self.gated: Callable[[str, Path], Json] = gated_service if local else gated_containers
        self._program = str(program)
        # What it learns of the server it keeps below HOME: that must not outlive the server.
        self.environment = {"KUBECONFIG": str(write_kubeconfig(home, machine.api)), "HOME": str(home)}

    def __call__(self, *arguments: str | Path) -> str:
        """Run it to its end, which must be a good one; returns its output."""
        done = subprocess.run(
            [self._program, *arguments],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=2 * BOUND,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}{done.stdout}"
        return done.stdout

    def following(self, *arguments: str) -> Process:
        """Start one that goes on until it is ended."""
        return Process([self._program, *arguments], **self.environment)

    def fails(self, *arguments: str | Path) -> str:
        """Run it to an end that must be a bad one; returns what it complains of."""
        with pytest.raises(AssertionError) as caught:
            self(*arguments)
        return str(caught.value)

    def apply(self, folder: Path, manifest: Json, *options: str) -> str:
        """Apply a manifest."""
        return self("apply", *options, "-f", write_manifests(folder, manifest))


def gated_service(name: str, gate: Path) -> Json:
    return dedicated_service(name, ["--gate", str(gate), "who"], replicas=2)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("local", marks=pytest.mark.needs_program("kubectl")),
        pytest.param("cluster", marks=pytest.mark.needs_cluster("node")),
    ],
)
def kubectl(
    request: pytest.FixtureRequest, keeper: Keeper, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubectl]:
    home = tmp_path_factory.mktemp("home")
    if request.param == "local":
        with Local() as machine:
            yield Kubectl("kubectl", machine, home)
            machine.stop()
    else:
        with keeper.joined(Level.NODE) as target, OnContainers(target.kubeconfig) as on_containers:
            yield Kubectl(program("kubectl"), on_containers, home)
            on_containers.stop()


@pytest.fixture
def service(kubectl: Kubectl, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A service of its own for each test, with two warm pods."""
    name = f"t-{abs(hash(request.node.name)) % 10**8}"
    kubectl.apply(tmp_path, kubectl.manifest(name, ["who"], replicas=2))
    kubectl.machine.api.wait_for_base(name, 2)
    yield name
    kubectl("delete", "dedi", name, "--ignore-not-found")


def table(text: str) -> tuple[list[str], list[list[str]]]:
    """Split what ``kubectl get`` prints into its header and its rows."""
    header, *rows = (line.split() for line in text.splitlines())
    return header, rows


def test_get_prints_the_columns(kubectl: Kubectl, service: str) -> None:
    api = kubectl.machine.api
    ((host, port),) = api.endpoints(service)
    eventually(lambda: api.condition(service, "Ready").get("status") == "True", "it is Ready")
    header, rows = table(kubectl("get", "dedi", service))
    assert header == ["NAME", "IMAGE", "TOTAL", "AVAILABLE", "AGE"]
    image = kubectl.manifest(service, ["who"])["spec"]["image"]
    assert [row[:4] for row in rows] == [[service, image, "2", "2"]]
    header, rows = table(kubectl("get", "dedicatedservices.soh.re", service, "-o", "wide"))
    assert header == ["NAME", "IMAGE", "TOTAL", "AVAILABLE", "IN-USE", "QUEUED", "ENDPOINTS", "READY", "AGE"]
    assert [row[4:8] for row in rows] == [["0", "0", f'["{host}:{port}"]', "True"]]
    header, rows = table(kubectl("get", "ipods", "-l", f"soh.re/service={service}"))
    assert header == ["NAME", "SERVICE", "POD", "IN-USE", "PHASE", "CLIENT", "AGE"]
    assert [row[1:5] for row in rows] == [[service, row[0], "false", "Idle"] for row in rows]
    assert len(rows) == 2


def test_the_short_names_stand_for_the_long_ones(kubectl: Kubectl, service: str) -> None:
    for kind in ("dedi", "dedicatedservice", "dedicatedservices"):
        assert kubectl("get", kind, service, "-o", "name") == f"dedicatedservice.soh.re/{service}\n"
    pods = sorted(f"isolationpod.soh.re/{name}" for name in names(kubectl.machine.api.records(service)))
    for kind in ("ipod", "ipods", "isolationpod", "isolationpods"):
        assert sorted(kubectl("get", kind, "-l", f"soh.re/service={service}", "-o", "name").split()) == pods


def test_explain_tells_what_a_field_means(kubectl: Kubectl) -> None:
    for field, means in (
        ("dedi", "A program of which every TCP connection gets a pod of its own."),
        ("dedi.spec.replicas", "How many pods to keep warm, beside those in use."),
        ("dedi.spec.network.allowDNS", "Port 53 of the cluster's own DNS"),
        ("ipods", "The record of one pod's one life"),
    ):
        assert means in " ".join(kubectl("explain", field).split())


def test_get_w_shows_pods_come_and_go(kubectl: Kubectl, service: str) -> None:
    (address,) = kubectl.machine.api.endpoints(service)
    with kubectl.following("get", "ipods", "-w") as watch:
        for name in names(kubectl.machine.api.records(service)):
            watch.wait_for_log(rf"^{name} .* Idle ")
        with connected(address) as peer:
            name = ask(peer, b"who?").split()[0].decode()
            watch.wait_for_log(rf"^{name} +{service} +{name} +true +InUse ")
        watch.wait_for_log(rf"^{name} .* Released ")
        eventually(lambda: kubectl.machine.api.is_at_base(service, 2), "another has come")
        for name in names(kubectl.machine.api.records(service)):
            watch.wait_for_log(rf"^{name} .* Idle ")


def test_describe_tells_spec_and_status(kubectl: Kubectl, service: str) -> None:
    text = kubectl("describe", "dedi", service)
    for line in ("Kind:         DedicatedService", "Available Targets:", "Reason:", "Events:"):
        assert line in text
    (pod, *_) = names(kubectl.machine.api.pods(service))
    text = kubectl("describe", "pod", pod)
    assert f"Controlled By:  IsolationPod/{pod}" in text
    assert "Ready:          True" in text


def test_describe_tells_as_an_event_why_pods_do_not_start(kubectl: Kubectl, tmp_path: Path) -> None:
    broken = kubectl.manifest("broken", ["who"])
    broken["spec"]["command"] = ["/nowhere/program"]
    kubectl.apply(tmp_path, broken)
    try:
        eventually(lambda: "PodsFailing" in _events_of(kubectl, "broken"), "it is told")
        line = next(line for line in _events_of(kubectl, "broken").splitlines() if "PodsFailing" in line)
        assert line.split()[0] == "Warning"
        assert "soh.re/isoproxy" in line
        assert "pods do not start" in line
        for view in ("events", "events.events.k8s.io"):
            assert "dedicatedservice/broken" in kubectl("get", view)
    finally:
        kubectl("delete", "dedi", "broken")


def _events_of(kubectl: Kubectl, service: str) -> str:
    return kubectl("describe", "dedi", service).partition("Events:")[2]


def test_wait_ends_when_the_service_is_ready(kubectl: Kubectl, service: str, tmp_path: Path) -> None:
    assert "condition met" in kubectl("wait", "--for=condition=Ready", f"dedi/{service}", PATIENCE)
    gate = tmp_path / "open" / "gate"
    gate.parent.mkdir(0o755)
    kubectl("delete", "dedi", service)
    kubectl.apply(tmp_path, kubectl.gated(service, gate))
    with kubectl.following("wait", "--for=condition=Ready", f"dedi/{service}", PATIENCE) as waiting:
        eventually(lambda: kubectl.machine.api.condition(service, "Ready").get("status") == "False", "not Ready yet")
        assert waiting.running
        gate.touch()
        assert waiting.wait(within=BOUND) == 0


def test_apply_makes_and_changes(kubectl: Kubectl, service: str, tmp_path: Path) -> None:
    api = kubectl.machine.api
    before = names(api.records(service))
    changed = kubectl.manifest(service, ["who"], replicas=3, env=[{"name": "COLOUR", "value": "blue"}])
    assert kubectl.apply(tmp_path, changed).endswith("configured\n")
    eventually(lambda: not before & names(api.records(service)), "pods of the new template")
    api.wait_for_base(service, 3)
    assert "COLOUR" in kubectl("get", "pods", "-l", f"soh.re/service={service}", "-o", "yaml")
    assert kubectl.apply(tmp_path, changed).endswith("unchanged\n")


def test_apply_on_the_server_makes_and_changes(kubectl: Kubectl, service: str, tmp_path: Path) -> None:
    changed = kubectl.manifest(service, ["who"], replicas=1, maxPods=9)
    kubectl.apply(tmp_path, changed, "--server-side", "--force-conflicts")
    kubectl.machine.api.wait_for_base(service, 1)
    assert kubectl("get", "dedi", service, "-o", "jsonpath={.spec.maxPods}") == "9"


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"replicas": -1}, "spec.replicas: Invalid value: -1"),
        ({"image": ""}, "spec.image: Invalid value"),
        ({"service": {"type": "Public"}}, 'spec.service.type: Unsupported value: "Public"'),
        ({"network": {"allowedCIDRs": ["10.0.0.0/8", "10.0.0.0/99"]}}, "spec.network.allowedCIDRs[1]: Invalid value"),
        ({"replicas": 3, "maxPods": 2}, "maxPods must not be less than replicas"),
        ({"replica": 3}, 'unknown field "spec.replica"'),
    ],
)
def test_apply_of_what_is_invalid_names_the_field(kubectl: Kubectl, tmp_path: Path, spec: Json, complaint: str) -> None:
    assert complaint in kubectl.fails("apply", "-f", write_manifests(tmp_path, kubectl.manifest("wrong", [], **spec)))
    assert "wrong" not in kubectl("get", "dedi", "-o", "name")


def test_what_only_the_operator_can_find_wrong_is_told_and_the_wall_and_the_pool_stay(
    kubectl: Kubectl, service: str
) -> None:
    def told() -> Json:
        condition = kubectl.machine.api.condition(service, "Ready")
        return condition if condition["reason"] == "InvalidSpec" else {}

    def stands() -> tuple[str, str]:
        policy = kubectl("get", "networkpolicy", f"{service}-pods", "-o", "jsonpath={.metadata.resourceVersion}")
        return policy, kubectl("get", "ipods", "-l", f"soh.re/service={service}", "-o", "name")

    def allow(*networks: str) -> None:
        change = json.dumps({"spec": {"network": {"allowedCIDRs": networks}}})
        kubectl("patch", "dedi", service, "--type=merge", f"--patch={change}")

    before = stands()
    allow("::ffff:10.0.0.0/104")  # passes the schema, but API servers are about to refuse it in a policy
    assert eventually(told, "it is told")["message"].startswith("spec.network.allowedCIDRs[0]: ")
    assert stands() == before
    allow()
    kubectl("wait", "--for=condition=Ready", f"dedi/{service}", PATIENCE)
    assert stands() == before


@pytest.mark.parametrize("field", ["proxy", "podIP", "podUID"])
def test_an_assignment_is_not_changed_by_anybody(kubectl: Kubectl, service: str, field: str) -> None:
    api = kubectl.machine.api
    assigned = eventually(lambda: [record for record in api.records(service) if record["spec"]["proxy"]], "assigned")
    name = assigned[0]["metadata"]["name"]
    for value in ("another", ""):
        change = json.dumps({"spec": {field: value}})
        complaint = kubectl.fails("patch", "ipod", name, "--type=merge", f"--patch={change}")
        assert "an assignment (spec.proxy, spec.podIP, spec.podUID) is immutable" in complaint
    assert api.request("GET", f"{IPODS}/{name}")["spec"] == assigned[0]["spec"]


def test_scale_changes_the_pool(kubectl: Kubectl, service: str) -> None:
    for size in (4, 1):
        kubectl("scale", "dedi", service, f"--replicas={size}")
        kubectl.machine.api.wait_for_base(service, size)


def test_a_deleted_pod_of_the_pool_is_replaced(kubectl: Kubectl, service: str) -> None:
    api = kubectl.machine.api
    deleted, _ = sorted(names(api.records(service)))
    kubectl("delete", "ipod", deleted)
    eventually(lambda: deleted not in names(api.records(service)) | names(api.pods(service)), "it is gone")
    api.wait_for_base(service, 2)
    (address,) = api.endpoints(service)
    assert who_serves(address)[0] != deleted


def test_a_pod_deleted_in_use_ends_its_connection_and_no_other(kubectl: Kubectl, service: str) -> None:
    api = kubectl.machine.api
    (address,) = api.endpoints(service)
    with connected(address) as one, connected(address) as other:
        deleted, untouched = (ask(peer, b"who?").split()[0].decode() for peer in (one, other))
        eventually(lambda: in_use(kubectl, service) == {deleted, untouched}, "both are recorded as in use")
        kubectl("delete", "ipod", deleted)
        assert is_cut(one)
        eventually(lambda: deleted not in names(api.pods(service)), "its pod is gone")
        assert in_use(kubectl, service) == {untouched}
    api.wait_for_base(service, 2)


def in_use(kubectl: Kubectl, service: str) -> set[str]:
    return {
        record["metadata"]["name"]
        for record in kubectl.machine.api.records(service)
        if record["status"]["phase"] == "InUse"
    }


def test_logs_prints_and_follows_what_a_pod_says(kubectl: Kubectl, service: str) -> None:
    (address,) = kubectl.machine.api.endpoints(service)
    with connected(address) as peer:
        name = ask(peer, b"who?").split()[0].decode()
        # Whoever is served may know of it before what the pod has printed is where it is looked for.
        eventually(lambda: re.fullmatch("listening.*\nconnection 1\n", kubectl("logs", name)), "all that it has said")
        assert kubectl("logs", name, "--tail=1", "--timestamps").endswith(" connection 1\n")
        with kubectl.following("logs", "-f", name) as following:
            following.wait_for_log("^connection 1$")
            peer.close()
            assert following.wait(within=BOUND) == 0


def test_a_deleted_service_leaves_nothing(kubectl: Kubectl, service: str) -> None:
    api = kubectl.machine.api
    (address,) = api.endpoints(service)
    with connected(address) as peer:
        ask(peer, b"who?")
        kubectl("delete", "dedi", service)
        assert is_cut(peer)
    kinds = "dedi,ipods,pods,leases,configmaps,networkpolicies"
    eventually(lambda: f"{service}" not in kubectl("get", kinds, "-o", "name"), "all of it is gone")
    with pytest.raises(ConnectionRefusedError), connected(address):
        pass
    eventually(lambda: not kubectl.machine.pods(service), "no process of it runs")
