"""The real kubectl against the API server of a local isoproxy."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from test.e2e.api import names
from test.e2e.clients import ask, connected, is_cut, who_serves
from test.e2e.harness import Local, dedicated_service, write_kubeconfig, write_manifests
from test.e2e.process import Process
from test.e2e.waiting import BOUND, eventually

pytestmark = pytest.mark.needs_program("kubectl")


class Kubectl:
    """The real kubectl, of a user whose kubeconfig names the machine."""

    def __init__(self, machine: Local, home: Path) -> None:
        self.machine = machine
        # What it learns of the server it keeps below HOME: that must not outlive the server.
        self.environment = {"KUBECONFIG": str(write_kubeconfig(home, machine.api)), "HOME": str(home)}

    def __call__(self, *arguments: str | Path) -> str:
        """Run it to its end, which must be a good one; returns its output."""
        done = subprocess.run(
            ["kubectl", *arguments],
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
        return Process(["kubectl", *arguments], **self.environment)


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with Local() as machine:
        yield Kubectl(machine, tmp_path_factory.mktemp("home"))
        machine.stop()


@pytest.fixture
def service(kubectl: Kubectl, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A service of its own for each test, with two warm pods."""
    name = f"t-{abs(hash(request.node.name)) % 10**8}"
    kubectl("apply", "-f", write_manifests(tmp_path, dedicated_service(name, ["who"], replicas=2)))
    kubectl.machine.api.wait_for_base(name, 2)
    yield name
    kubectl("delete", "dedi", name, "--ignore-not-found")


def table(text: str) -> tuple[list[str], list[list[str]]]:
    """Split what ``kubectl get`` prints into its header and its rows."""
    header, *rows = (line.split() for line in text.splitlines())
    return header, rows


def test_get_prints_the_columns(kubectl: Kubectl, service: str) -> None:
    header, rows = table(kubectl("get", "dedi", service))
    assert header == ["NAME", "IMAGE", "TOTAL", "AVAILABLE", "AGE"]
    assert [row[:4] for row in rows] == [[service, "python", "2", "2"]]
    header, rows = table(kubectl("get", "dedicatedservices.soh.re", service, "-o", "wide"))
    ((host, port),) = kubectl.machine.api.endpoints(service)
    assert header == ["NAME", "IMAGE", "TOTAL", "AVAILABLE", "IN-USE", "QUEUED", "ENDPOINTS", "READY", "AGE"]
    assert [row[4:8] for row in rows] == [["0", "0", f"[{host}:{port}]", "True"]]
    header, rows = table(kubectl("get", "ipods", "-l", f"soh.re/service={service}"))
    assert header == ["NAME", "SERVICE", "POD", "IN-USE", "PHASE", "CLIENT", "AGE"]
    assert [row[1:5] for row in rows] == [[service, row[0], "false", "Idle"] for row in rows]
    assert len(rows) == 2


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
    broken = dedicated_service("broken", ["who"])
    broken["spec"]["command"] = ["/nowhere/program"]
    kubectl("apply", "-f", write_manifests(tmp_path, broken))
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
    assert "condition met" in kubectl("wait", "--for=condition=Ready", f"dedi/{service}", "--timeout=20s")
    gate = tmp_path / "gate"
    manifest = dedicated_service(service, ["--gate", str(gate), "who"], replicas=2)
    kubectl("delete", "dedi", service)
    kubectl("apply", "-f", write_manifests(tmp_path, manifest))
    with kubectl.following("wait", "--for=condition=Ready", f"dedi/{service}", "--timeout=20s") as waiting:
        eventually(lambda: kubectl.machine.api.condition(service, "Ready").get("status") == "False", "not Ready yet")
        assert waiting.running
        gate.touch()
        assert waiting.wait() == 0


def test_apply_makes_and_changes(kubectl: Kubectl, service: str, tmp_path: Path) -> None:
    api = kubectl.machine.api
    before = names(api.records(service))
    changed = dedicated_service(service, ["who"], replicas=3, env=[{"name": "COLOUR", "value": "blue"}])
    assert kubectl("apply", "-f", write_manifests(tmp_path, changed)).endswith("configured\n")
    eventually(lambda: not before & names(api.records(service)), "pods of the new template")
    api.wait_for_base(service, 3)
    assert "COLOUR" in kubectl("get", "pods", "-l", f"soh.re/service={service}", "-o", "yaml")
    assert kubectl("apply", "-f", write_manifests(tmp_path, changed)).endswith("unchanged\n")


def test_apply_on_the_server_makes_and_changes(kubectl: Kubectl, service: str, tmp_path: Path) -> None:
    changed = dedicated_service(service, ["who"], replicas=1)
    changed["spec"]["maxPods"] = 9
    kubectl("apply", "--server-side", "--force-conflicts", "-f", write_manifests(tmp_path, changed))
    kubectl.machine.api.wait_for_base(service, 1)
    assert kubectl("get", "dedi", service, "-o", "jsonpath={.spec.maxPods}") == "9"


def test_apply_of_what_is_invalid_names_the_field(kubectl: Kubectl, tmp_path: Path) -> None:
    wrong = write_manifests(tmp_path, dedicated_service("wrong", ["who"], replicas=-1))
    with pytest.raises(AssertionError, match=r"spec\.replicas: Invalid value: -1"):
        kubectl("apply", "-f", wrong)


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
        assert kubectl("logs", name) == "listening\nconnection 1\n"
        assert kubectl("logs", name, "--tail=1", "--timestamps").endswith(" connection 1\n")
        with kubectl.following("logs", "-f", name) as following:
            following.wait_for_log("^connection 1$")
            peer.close()
            assert following.wait() == 0


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
