"""The command line and the environment that a program gets."""

import pytest

from isoproxy.kube.resources import Json
from isoproxy.local.runtime.environment import Reference, program, references
from isoproxy.local.runtime.facts import CannotRun, Program, Sandbox
from isoproxy.local.runtime.podspec import runnable
from test.local.runtime.test_podspec import pod

SANDBOX = Sandbox("127.64.0.1", {"PATH": "/bin", "HOME": "/home", "POD_IP": "127.64.0.1", "POD_NAME": "p"})


def made(container: Json, values: dict[Reference, str | None] | None = None) -> Program:
    one = pod(container, metadata={"labels": {"app.kubernetes.io/name": "game"}})
    return program(one, runnable(one).containers[0], SANDBOX, node="n", values=values or {})


def test_the_sandbox_and_the_port_come_first_and_the_spec_wins() -> None:
    env = [{"name": "HOME", "value": "/mine"}, {"name": "PORT", "value": "$(PORT)0"}]
    assert made({"env": env, "ports": [{"containerPort": 808}]}).environment == {
        "PATH": "/bin",
        "HOME": "/mine",
        "POD_IP": "127.64.0.1",
        "POD_NAME": "p",
        "PORT": "8080",
    }


def test_a_variable_sees_those_before_it_and_the_command_sees_all() -> None:
    env = [{"name": "A", "value": "$(B)"}, {"name": "B", "value": "b"}, {"name": "C", "value": "$(B)"}]
    made_of = made({"env": env, "command": ["echo", "$(A)"], "args": ["$(C)", "$(POD_IP)"], "workingDir": "/w"})
    assert made_of.argv == ("echo", "$(B)", "b", "127.64.0.1")
    assert made_of.working_directory == "/w"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "default"),
        ("metadata.uid", "u"),
        ("metadata.labels['app.kubernetes.io/name']", "game"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['none']", ""),
        ("spec.nodeName", "n"),
        ("spec.serviceAccountName", "default"),
        ("status.hostIP", "127.0.0.1"),
        ("status.podIP", "127.64.0.1"),
        ("status.podIPs", "127.64.0.1"),
    ],
)
def test_fields_of_the_pod(path: str, value: str) -> None:
    assert made({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": path}}}]}).environment["A"] == value


def test_a_field_that_is_not_known_is_named() -> None:
    with pytest.raises(CannotRun, match=r"env A: the field 'status\.moon'"):
        made({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.moon"}}}]})


def test_what_has_to_be_fetched_is_listed_and_put_in_unexpanded() -> None:
    container: Json = {
        "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}},
            {"name": "C", "value": "$(A)"},
        ]
    }
    secret, config = Reference("Secret", "s", "k", False), Reference("ConfigMap", "c", "k", True)
    assert list(references(runnable(pod(container)).containers[0])) == [secret, config]
    environment = made(container, {secret: "$(POD_IP)", config: None}).environment
    assert (environment["A"], environment["C"]) == ("$(POD_IP)", "$(POD_IP)")
    assert "B" not in environment


def test_variables_made_of_variables_end_where_programs_do() -> None:
    env = [{"name": "A0", "value": "xxxxxxxxxx"}]
    env += [{"name": f"A{n}", "value": f"$(A{n - 1})" * 10} for n in range(1, 20)]
    with pytest.raises(CannotRun, match="env A5: longer than 131071 characters"):
        made({"env": env})


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"command": ["a\0b"]}, "word 0 of the command: it holds a NUL"),
        ({"args": ["a", "b\0"]}, "word 2 of the command: it holds a NUL"),
        ({"workingDir": "/\0"}, "workingDir: it holds a NUL"),
        ({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}, "env A: it holds a NUL"),
    ],
)
def test_a_nul_which_no_program_can_be_given_is_refused(container: Json, words: str) -> None:
    with pytest.raises(CannotRun, match=words) as refusal:
        made(container, {Reference("Secret", "s", "k", False): "a\0"})
    assert refusal.value.reason == "CreateContainerConfigError"


def test_words_that_are_short_enough_each_may_be_too_long_together() -> None:
    big = [{"name": "BIG", "value": "x" * 100_000}]
    made({"env": big, "args": ["$(BIG)"] * 19})
    with pytest.raises(CannotRun, match=r"word 20 of the command: .* more than the 2097152 bytes"):
        made({"env": big, "args": ["$(BIG)"] * 50})
    with pytest.raises(CannotRun, match="word 6 of the command"):
        made({"args": ["\U0001f600" * 100_000] * 6})  # bytes are what counts, not characters
    with pytest.raises(CannotRun, match="more than the 2097152 bytes"):
        made({"args": ["x"] * 300_000})  # each costs a pointer
