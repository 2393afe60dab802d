"""What goes wrong when one starts: one line says what and where, and the rest runs."""

import re
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from test.running.api import Json
from test.running.clients import ask, connected
from test.running.harness import Isoproxy, Local, dedicated_service, write_manifests
from test.running.process import complaints
from test.running.waiting import eventually


def good() -> Json:
    return dedicated_service("good", ["echo"], replicas=1)


def check_the_good_one_runs(machine: Local) -> None:
    (address,) = machine.api.endpoints("good")
    with connected(address) as peer:
        assert ask(peer, b"hello") == b"hello"


def errors(process: Isoproxy) -> list[str]:
    """Return what was logged as an error, without when and by whom."""
    return re.findall(r"#error\] (.*)$", process.log, re.MULTILINE)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_service_whose_port_is_in_use_says_so_and_leaves_the_others_running(tmp_path: Path, taken_port: int) -> None:
    unlucky = dedicated_service("unlucky", ["echo"], service={"port": taken_port})
    with Local(write_manifests(tmp_path, unlucky, good())) as machine:
        check_the_good_one_runs(machine)
        problem = f"Couldn't listen on 127.0.0.1:{taken_port}: [Errno 98] Address already in use."
        ready = eventually(lambda: listen_failure(machine), "the condition says why")
        assert ready["status"] == "False"
        assert problem in ready["message"]
        machine.stop()
        assert errors(machine) == [f"default/unlucky: {problem} It is tried again."]


def listen_failure(machine: Local) -> Json:
    condition = machine.api.condition("unlucky", "Ready")
    assert condition.get("reason") == "ListenFailed", condition
    return condition


def test_a_service_is_served_when_its_port_is_free_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with Local(
            write_manifests(tmp_path, dedicated_service("late", ["echo"], service={"port": address[1]}))
        ) as machine:
            machine.wait_for_log("Address already in use")
            server.close()
            assert machine.api.endpoints("late") == [address]
            with connected(address) as peer:
                assert ask(peer, b"hello") == b"hello"
            machine.stop()


BAD_MANIFESTS = [
    ("kind: [", "document 1, line 2: expected the node content, but found '<stream end>'"),
    ("- 1", "document 1: a manifest is a mapping, not list"),
    ("{apiVersion: v1, kind: Secret, metadata: {name: b}}\n---\nkind: Pod", "document 2: apiVersion: missing"),
    (
        "{apiVersion: soh.re/v1alpha1, kind: DedicatedService, metadata: {name: a}, spec: {image: i, replica: 2}}",
        r'document 1: DedicatedService default/a: unknown field "spec\.replica"',
    ),
    (
        "{apiVersion: soh.re/v1alpha1, kind: DedicatedService, metadata: {name: a}, spec: {image: i, replicas: x}}",
        r"document 1: DedicatedService default/a: spec\.replicas: Invalid value: .* must be of type integer",
    ),
    (
        "{apiVersion: v1, kind: Pod, metadata: {name: a}}",
        "document 1: Pod default/a: cannot be loaded at the start .*; use kubectl apply",
    ),
]


def test_each_bad_manifest_is_named_in_one_line_and_the_others_run(tmp_path: Path) -> None:
    files = [tmp_path / f"bad-{number}.yaml" for number in range(len(BAD_MANIFESTS))]
    for file, (text, _) in zip(files, BAD_MANIFESTS, strict=True):
        file.write_text(text + "\n")
    with Local(*files, write_manifests(tmp_path, good())) as machine:
        check_the_good_one_runs(machine)
        machine.stop()
        told = sorted(errors(machine))
        assert len(told) == len(BAD_MANIFESTS)
        for line, file, (_, problem) in zip(told, files, BAD_MANIFESTS, strict=True):
            assert re.match(f"{re.escape(str(file))}, {problem}", line), line


BAD_PODS: list[tuple[Json, str]] = [
    ({"command": []}, "CommandRequired"),
    ({"command": ["no-such-program"]}, 'the command "no-such-program" was not found on PATH'),
    ({"command": ["/etc/passwd"]}, "Permission denied"),
    ({"command": ["sh", "-c", "exit 3"]}, "exit code 3"),
]


def test_pods_that_cannot_run_degrade_their_service_with_the_reason(tmp_path: Path) -> None:
    broken = [dedicated_service(f"broken-{number}", [], **spec) for number, (spec, _) in enumerate(BAD_PODS)]
    with Local(write_manifests(tmp_path, *broken, good())) as machine:
        check_the_good_one_runs(machine)
        for number, (_, message) in enumerate(BAD_PODS):
            name = f"broken-{number}"
            condition = eventually(partial(degraded, machine, name), f"{name} is degraded")
            assert condition["status"] == "True"
            assert message in condition["message"]
            assert machine.api.condition(name, "Ready")["status"] == "False"
        machine.stop()


def degraded(machine: Local, name: str) -> Json:
    condition = machine.api.condition(name, "Degraded")
    assert condition.get("reason") == "PodsFailing", condition
    return condition


def check_refused(process: Isoproxy, line: str) -> None:
    """Hold a process to having ended with this line, and no more than that."""
    assert process.wait() > 0
    assert line in process.log.splitlines()[-1]
    assert complaints(process.log) == []
    process.check_nothing_left()


def test_an_api_port_in_use_ends_the_program_with_one_line(tmp_path: Path, taken_port: int) -> None:
    with Local(write_manifests(tmp_path, good()), api_port=taken_port) as machine:
        check_refused(machine, f"isoproxy: --api-listen tcp:{taken_port}:interface=127.0.0.1: Address already in use")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--local", "/nowhere/at/all.yaml"], "isoproxy: /nowhere/at/all.yaml: No such file or directory"),
        (["--role=proxy"], "--role proxy and --service NAMESPACE/NAME go together"),
        (["--local", "--frequency=11"], "option --frequency not recognized"),
        (["--kubeconfig=/nowhere/config"], "isoproxy: kubeconfig /nowhere/config: no such file"),
    ],
)
def test_a_bad_command_line_ends_the_program_with_one_line(arguments: list[str], line: str) -> None:
    with Isoproxy(*arguments) as process:
        check_refused(process, line)
