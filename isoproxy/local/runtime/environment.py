"""The environment and the command line of a pod's program. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from isoproxy.local.runtime.arguments import CannotBePassed, check, words
from isoproxy.local.runtime.facts import CONFIG_ERROR, CannotRun, Program, Sandbox
from isoproxy.local.runtime.podspec import Container, LocalPod, Variable
from isoproxy.local.runtime.variables import TooLong, expand

HOST_IP = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Reference:
    """A value that has to be fetched first."""

    kind: Literal["Secret", "ConfigMap"]
    name: str
    key: str
    optional: bool


def references(container: Container) -> Iterator[Reference]:
    """The values that `program` needs beside the Pod itself."""
    return (reference for variable in container.env if (reference := _reference(variable)) is not None)


def program(
    pod: LocalPod, container: Container, sandbox: Sandbox, *, node: str, values: Mapping[Reference, str | None]
) -> Program:
    """The command to run, with everything expanded. `values`: None for what is optional and not there.

    The sandbox's variables and PORT come first and may be referred to; those of the spec win over them. As in
    Kubernetes, a variable may refer to those before it, the command to all. Raises CannotRun.
    """
    fields = _fields(pod, sandbox, node)
    variables = dict(sandbox.environment)
    if container.port is not None:
        variables["PORT"] = str(container.port)
    for variable in container.env:
        reference = _reference(variable)
        if reference is not None:
            value = values[reference]
        elif variable.value_from is not None and variable.value_from.field_ref is not None:
            value = _field(variable.name, variable.value_from.field_ref.field_path, fields)
        else:
            value = _expanded(f"env {variable.name}", variable.value, variables)
        if value is not None:
            variables[variable.name] = value
    command = words((*container.command, *container.args), "the command")
    argv = tuple(_expanded(what, word, variables) for what, word in command)
    made = Program(argv, variables, container.working_dir)
    _check(made)
    return made


def _check(made: Program) -> None:
    variables = ((f"env {name}", f"{name}={value}") for name, value in made.environment.items())
    try:
        check([*variables, *words(made.argv, "the command"), ("workingDir", made.working_directory)])
    except CannotBePassed as error:
        raise CannotRun(CONFIG_ERROR, str(error)) from error


def _expanded(what: str, text: str, variables: Mapping[str, str]) -> str:
    try:
        return expand(text, variables)
    except TooLong as error:
        raise CannotRun(CONFIG_ERROR, f"{what}: {error}") from error


def _reference(variable: Variable) -> Reference | None:
    source = variable.value_from
    if source is not None and (key := source.secret_key_ref) is not None:
        return Reference("Secret", key.name, key.key, key.optional)
    if source is not None and (key := source.config_map_key_ref) is not None:
        return Reference("ConfigMap", key.name, key.key, key.optional)
    return None


def _fields(pod: LocalPod, sandbox: Sandbox, node: str) -> dict[str, str]:
    metadata = pod.metadata
    fields = {
        "metadata.name": metadata.name,
        "metadata.namespace": metadata.namespace,
        "metadata.uid": metadata.uid,
        "spec.nodeName": node,
        "spec.serviceAccountName": str(pod.spec.get("serviceAccountName") or "default"),
        "status.hostIP": HOST_IP,
        "status.hostIPs": HOST_IP,
        "status.podIP": sandbox.ip,
        "status.podIPs": sandbox.ip,
    }
    fields |= {f"metadata.labels['{key}']": value for key, value in metadata.labels.items()}
    return fields | {f"metadata.annotations['{key}']": value for key, value in metadata.annotations.items()}


def _field(variable: str, path: str, fields: Mapping[str, str]) -> str:
    if path in fields:
        return fields[path]
    if path.startswith(("metadata.labels['", "metadata.annotations['")):
        return ""  # as a kubelet has it
    raise CannotRun(CONFIG_ERROR, f"env {variable}: the field {path!r} is not known")
