"""What makes a pod that no node could run, as far as isoproxy's users may write it. Pure."""

from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.metadata import LABEL_WORDS, SUBDOMAIN_WORDS, is_label, is_subdomain
from isoproxy.local.apiserver.schema.formats import is_ip

Json = dict[str, Any]
Errors = list[FieldError]

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
_POLICIES = ("Always", "OnFailure", "Never")


def check_spec(spec: Json) -> Errors:
    """What is wrong with a new pod's spec."""
    errors: Errors = []
    volumes = [volume.get("name") for volume in spec.get("volumes") or ()]
    errors += _unique(volumes, "spec.volumes")
    if not spec.get("containers"):
        errors.append(FieldError("Required value", "spec.containers"))
    for group in ("initContainers", "containers"):
        containers = spec.get(group) or ()
        for index, container in enumerate(containers):
            errors += _container(container, f"spec.{group}[{index}]", volumes)
        errors += _unique([container.get("name") for container in containers], f"spec.{group}")
    policy = spec.get("restartPolicy")
    if policy not in _POLICIES:
        detail = f"supported values: {', '.join(_quoted(name) for name in _POLICIES)}"
        errors.append(FieldError("Unsupported value", "spec.restartPolicy", detail, policy))
    if spec.get("nodeName") and not is_subdomain(spec["nodeName"]):
        errors.append(FieldError("Invalid value", "spec.nodeName", SUBDOMAIN_WORDS, spec["nodeName"]))
    return errors


def check_status(status: Json) -> Errors:
    """What is wrong with the addresses of a pod."""
    detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    return [
        FieldError("Invalid value", f"status.podIPs[{index}]", detail, item.get("ip"))
        for index, item in enumerate(status.get("podIPs") or ())
        if not is_ip(item.get("ip") or "")
    ]


def _container(container: Json, path: str, volumes: list[Any]) -> Errors:
    errors: Errors = []
    name = container.get("name")
    if not name:
        errors.append(FieldError("Required value", f"{path}.name"))
    elif not is_label(name):
        errors.append(FieldError("Invalid value", f"{path}.name", LABEL_WORDS, name))
    if not container.get("image"):
        errors.append(FieldError("Required value", f"{path}.image"))
    for index, port in enumerate(container.get("ports") or ()):
        number = port.get("containerPort", 0)
        if not 1 <= number <= 65535:
            detail = "must be between 1 and 65535, inclusive"
            errors.append(FieldError("Invalid value", f"{path}.ports[{index}].containerPort", detail, number))
    for index, variable in enumerate(container.get("env") or ()):
        if not variable.get("name"):
            errors.append(FieldError("Required value", f"{path}.env[{index}].name"))
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            errors.append(FieldError("Not found", f"{path}.volumeMounts[{index}].name", "", mount.get("name")))
    for probe in _PROBES:
        if probe in container and not any(handler in container[probe] for handler in _HANDLERS):
            errors.append(FieldError("Required value", f"{path}.{probe}", "must specify a handler type"))
    return errors


def _unique(names: list[Any], path: str) -> Errors:
    return [
        FieldError("Duplicate value", f"{path}[{index}].name", "", name)
        for index, name in enumerate(names)
        if name in names[:index]
    ]


def _quoted(name: str) -> str:
    return f'"{name}"'
