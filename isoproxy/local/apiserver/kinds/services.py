"""Services: what a real server fills in, and what makes one that could not be routed to. Pure."""

import re
from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.kinds.kind import Behaviour
from isoproxy.local.apiserver.metadata import is_label

Json = dict[str, Any]
Errors = list[FieldError]

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_NAME_WORDS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_CHOICES = {
    "type": ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
    "sessionAffinity": ("ClientIP", "None"),
}
_PROTOCOLS = ("SCTP", "TCP", "UDP")


class ServiceBehaviour(Behaviour):
    """No address is allocated: nothing here routes to Services."""

    def prepare_create(self, obj: Json) -> Json:
        return self._filled(obj) | {"status": {"loadBalancer": {}}}

    def prepare_update(self, obj: Json, old: Json) -> Json:
        del old
        return self._filled(obj)

    def _filled(self, obj: Json) -> Json:
        spec: Json = obj.get("spec") or {}
        if spec.get("ports"):
            spec = spec | {"ports": [{"targetPort": port.get("port")} | port for port in spec["ports"]]}
        return obj | {"spec": spec}

    def validate(self, obj: Json, old: Json | None) -> Errors:
        spec, name = obj["spec"], obj["metadata"]["name"]
        errors: Errors = []
        if old is None and not _NAME.match(name):
            errors.append(FieldError("Invalid value", "metadata.name", _NAME_WORDS, name))
        for field, supported in _CHOICES.items():
            if field in spec and spec[field] not in supported:
                errors.append(_unsupported(f"spec.{field}", spec[field], supported))
        return errors + _ports(spec)


def _ports(spec: Json) -> Errors:
    ports = spec.get("ports") or []
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        return [FieldError("Required value", "spec.ports")]
    errors: Errors = []
    names = [port.get("name") or "" for port in ports]
    places = [(port["protocol"], port.get("port")) for port in ports]
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        if len(ports) > 1 and not names[index]:
            errors.append(FieldError("Required value", f"{path}.name"))
        elif names[index] and not is_label(names[index]):
            errors.append(FieldError("Invalid value", f"{path}.name", "must be a DNS label", names[index]))
        elif names[index] in names[:index]:
            errors.append(FieldError("Duplicate value", f"{path}.name", "", names[index]))
        if places[index] in places[:index]:
            errors.append(FieldError("Duplicate value", path, "", {"protocol": port["protocol"], "port": port["port"]}))
        errors += _port(port, path)
    return errors


def _port(port: Json, path: str) -> Errors:
    errors: Errors = []
    if port["protocol"] not in _PROTOCOLS:
        errors.append(_unsupported(f"{path}.protocol", port["protocol"], _PROTOCOLS))
    for field in ("port", "targetPort"):
        number = port.get(field)
        if type(number) is int and not 1 <= number <= 65535:
            detail = "must be between 1 and 65535, inclusive"
            errors.append(FieldError("Invalid value", f"{path}.{field}", detail, number))
    return errors


def _unsupported(path: str, value: Any, supported: tuple[str, ...]) -> FieldError:
    listed = ", ".join(f'"{name}"' for name in supported)
    return FieldError("Unsupported value", path, f"supported values: {listed}", value)
