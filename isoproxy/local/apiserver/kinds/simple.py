"""Namespaces, Services and what else needs little beyond its schema. Pure."""

from base64 import b64encode
from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.kinds.kind import Behaviour

Json = dict[str, Any]

NAMESPACE_FINALIZER = "kubernetes"


class NamespaceBehaviour(Behaviour):
    def prepare_create(self, obj: Json) -> Json:
        name = obj["metadata"]["name"]
        labels = (obj["metadata"].get("labels") or {}) | {"kubernetes.io/metadata.name": name}
        spec = {"finalizers": [NAMESPACE_FINALIZER]}
        return obj | {"metadata": obj["metadata"] | {"labels": labels}, "spec": spec, "status": {"phase": "Active"}}

    def prepare_update(self, obj: Json, old: Json) -> Json:
        # Only the finalize subresource, which nothing here needs, may change spec.finalizers.
        name = obj["metadata"]["name"]
        labels = (obj["metadata"].get("labels") or {}) | {"kubernetes.io/metadata.name": name}
        phase = "Terminating" if old["metadata"].get("deletionTimestamp") else "Active"
        status = (obj.get("status") or {}) | {"phase": phase}
        return obj | {"metadata": obj["metadata"] | {"labels": labels}, "spec": old["spec"], "status": status}


class StatusBehaviour(Behaviour):
    """A new object's status is what the server says, never what was sent."""

    def __init__(self, status: Json) -> None:
        self._status = status

    def prepare_create(self, obj: Json) -> Json:
        return obj | {"status": self._status}


class ServiceBehaviour(StatusBehaviour):
    """No address is allocated: nothing here routes to Services."""

    def __init__(self) -> None:
        super().__init__({"loadBalancer": {}})

    def prepare_create(self, obj: Json) -> Json:
        return super().prepare_create(self._filled(obj))

    def prepare_update(self, obj: Json, old: Json) -> Json:
        del old
        return self._filled(obj)

    def _filled(self, obj: Json) -> Json:
        spec: Json = obj.get("spec") or {}
        if spec.get("ports"):
            spec = spec | {"ports": [{"targetPort": port.get("port")} | port for port in spec["ports"]]}
        return obj | {"spec": spec}

    def validate(self, obj: Json, old: Json | None) -> list[FieldError]:
        del old
        kind = obj["spec"].get("type")
        if kind in ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName", None):
            return []
        detail = 'supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'
        return [FieldError("Unsupported value", "spec.type", detail, kind)]


class SecretBehaviour(Behaviour):
    """`stringData` is written into `data`, in base64."""

    def prepare_create(self, obj: Json) -> Json:
        return self._folded(obj)

    def prepare_update(self, obj: Json, old: Json) -> Json:
        del old
        return self._folded(obj)

    def _folded(self, obj: Json) -> Json:
        if "stringData" not in obj:
            return obj
        made = dict(obj)
        plain = made.pop("stringData") or {}
        encoded = {key: b64encode(value.encode()).decode() for key, value in plain.items()}
        return made | {"data": (made.get("data") or {}) | encoded}


class NetworkPolicyBehaviour(Behaviour):
    def prepare_create(self, obj: Json) -> Json:
        spec = obj.get("spec") or {}
        if spec.get("policyTypes"):
            return obj
        return obj | {"spec": spec | {"policyTypes": ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]}}

    def prepare_update(self, obj: Json, old: Json) -> Json:
        del old
        return self.prepare_create(obj)
