"""What can be run, and the words for what cannot."""

from typing import Any

import pytest

from isoproxy.kube.resources import Json
from isoproxy.local.runtime.facts import CannotRun
from isoproxy.local.runtime.podspec import LONGEST_GRACE, LocalPod, parse_pod, runnable


def pod(
    container: Json | None = None, *, metadata: Json | None = None, status: Json | None = None, **spec: Any
) -> LocalPod:
    containers = [{"name": "main", "command": ["true"]} | (container or {})]
    return parse_pod(
        {
            "metadata": {"name": "p", "namespace": "default", "uid": "u"} | (metadata or {}),
            "spec": {"containers": containers} | spec,
            "status": status or {},
        }
    )


def test_what_is_not_enforced_is_no_reason_to_refuse() -> None:
    container = {"image": "redis", "resources": {"limits": {"memory": "1Gi"}}, "securityContext": {"runAsUser": 1}}
    spec = runnable(pod(container, volumes=[{"name": "v", "emptyDir": {}}], hostNetwork=True, nodeSelector={"a": "b"}))
    assert spec.containers[0].command == ("true",)


@pytest.mark.parametrize(
    ("container", "spec", "reason", "words"),
    [
        ({"command": []}, {}, "CommandRequired", "container 'main' has no command"),
        ({"command": "true"}, {}, "CreateContainerConfigError", r"spec\.containers\[0\]\.command"),
        ({}, {"containers": []}, "CreateContainerConfigError", r"spec\.containers"),
        ({}, {"containers": [{"name": "a"}, {"name": "b"}]}, "CreateContainerConfigError", "one container in a pod"),
        ({}, {"initContainers": [{"name": "a"}]}, "CreateContainerConfigError", "no init containers"),
        ({}, {"volumes": [{"name": "v", "secret": {}}]}, "CreateContainerConfigError", "volume 'v'"),
        ({"volumeMounts": [{"name": "v"}]}, {}, "CreateContainerConfigError", "cannot mount volumes"),
        ({"envFrom": [{}]}, {}, "CreateContainerConfigError", "envFrom"),
        ({"env": [{"name": "A=B"}]}, {}, "CreateContainerConfigError", "env 'A=B'"),
        ({"env": [{"name": "A", "value": "\0"}]}, {}, "CreateContainerConfigError", "env 'A'"),
        (
            {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {}}}]},
            {},
            "CreateContainerConfigError",
            "env A: valueFrom can be",
        ),
        (
            {"readinessProbe": {"grpc": {"port": 1}}},
            {},
            "CreateContainerConfigError",
            "exec, a tcpSocket or an httpGet",
        ),
        (
            {"readinessProbe": {"httpGet": {"port": 1, "scheme": "HTTPS"}}},
            {},
            "CreateContainerConfigError",
            "plain HTTP only",
        ),
        (
            {"readinessProbe": {"exec": {"command": ["test", "\0"]}}},
            {},
            "CreateContainerConfigError",
            "word 1 of the readiness probe's command: it holds a NUL",
        ),
        (
            {"readinessProbe": {"exec": {"command": ["test", *["x" * 100_000] * 21]}}},
            {},
            "CreateContainerConfigError",
            "of the readiness probe's command: .* more than",
        ),
        (
            {"readinessProbe": {"httpGet": {"port": 1, "httpHeaders": [{"name": "X Y", "value": "a"}]}}},
            {},
            "CreateContainerConfigError",
            "header 'X Y': no request can have it",
        ),
        (
            {"readinessProbe": {"httpGet": {"port": 1, "path": "/a b"}}},
            {},
            "CreateContainerConfigError",
            "path '/a b': no request can have it",
        ),
        (
            {"readinessProbe": {"tcpSocket": {"port": 1}, "initialDelaySeconds": -1}},
            {},
            "CreateContainerConfigError",
            r"spec\.containers\[0\]\.readinessProbe\.initialDelaySeconds",
        ),
        ({"readinessProbe": {"tcpSocket": {"port": "web"}}}, {}, "CreateContainerConfigError", "port 'web'"),
        ({}, {"restartPolicy": "Sometimes"}, "CreateContainerConfigError", r"spec\.restartPolicy"),
    ],
)
def test_what_cannot_be_honoured_is_named(container: Json, spec: Json, reason: str, words: str) -> None:
    with pytest.raises(CannotRun, match=words) as refusal:
        runnable(pod(container, **spec))
    assert refusal.value.reason == reason


def test_a_ports_name_stands_for_its_number() -> None:
    container = runnable(pod({"ports": [{"containerPort": 80}, {"containerPort": 8080, "name": "web"}]})).containers[0]
    assert container.port == 80
    assert [container.port_number(port) for port in (1, "2", "web")] == [1, 2, 8080]


@pytest.mark.parametrize(
    ("metadata", "spec", "grace"),
    [
        ({}, {}, 30.0),
        ({}, {"terminationGracePeriodSeconds": 1}, 1.0),
        ({"deletionGracePeriodSeconds": 0}, {"terminationGracePeriodSeconds": 1}, 0.0),
        ({}, {"terminationGracePeriodSeconds": -1}, 30.0),
    ],
)
def test_the_grace_of_the_deletion_wins_over_that_of_the_spec(metadata: Json, spec: Json, grace: float) -> None:
    assert pod(metadata=metadata, **spec).grace == grace


def test_what_a_pod_says_of_itself_is_read_even_if_its_spec_is_broken() -> None:
    broken = parse_pod({"metadata": {"name": "p", "uid": "u"}, "spec": {"containers": ["x"], "nodeName": "n"}})
    assert (broken.container_name, broken.image, broken.node, broken.ending) == ("", "", "n", False)
    assert pod(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}).ending
    assert [pod(status={"phase": phase}).begun for phase in ("Pending", "Running", "Failed")] == [False, True, True]


def test_numbers_beyond_all_use_are_no_fault_of_ours() -> None:
    assert pod(terminationGracePeriodSeconds=10**400).grace == LONGEST_GRACE
    container = {"command": ["c"], "readinessProbe": {"tcpSocket": {"port": "9" * 5000}}}
    with pytest.raises(CannotRun) as caught:
        runnable(pod(container))
    assert len(caught.value.message) <= 1024
    for field in ("initialDelaySeconds", "periodSeconds", "timeoutSeconds"):
        with pytest.raises(CannotRun, match=field):
            runnable(pod({"command": ["c"], "readinessProbe": {"tcpSocket": {"port": 1}, field: 10**400}}))
