"""Namespaces, ConfigMaps and what else needs little beyond its schema. Pure."""

import re
from base64 import b64encode
from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.kinds.kind import Behaviour

Json = dict[str, Any]

NAMESPACE_FINALIZER = "kubernetes"
_DATA_KEY = re.compile(r"(?!\.\.?\Z)(?!\.\.)[-._a-zA-Z0-9]{1,253}\Z")
_DATA_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


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


class DataBehaviour(Behaviour):
    """What ConfigMaps and Secrets have in common: keys that can be names of files, and data that may be immutable."""

    def __init__(self, *fields: str) -> None:
        self._fields = fields

    def validate(self, obj: Json, old: Json | None) -> list[FieldError]:
        errors = [
            FieldError("Invalid value", f"{field}[{key}]", _DATA_KEY_WORDS, key)
            for field in self._fields
            for key in obj.get(field) or ()
            if not _DATA_KEY.match(key)
        ]
        if old is None or not old.get("immutable"):
            return errors
        detail = "field is immutable when `immutable` is set"
        fixed = [field for field in self._fields if (obj.get(field) or {}) != (old.get(field) or {})]
        if not obj.get("immutable"):
            fixed.append("immutable")
        return errors + [FieldError("Forbidden", field, detail) for field in fixed]


class LeaseBehaviour(Behaviour):
    def validate(self, obj: Json, old: Json | None) -> list[FieldError]:
        del old
        spec = obj.get("spec") or {}
        errors = []
        if (seconds := spec.get("leaseDurationSeconds")) is not None and seconds <= 0:
            errors.append(FieldError("Invalid value", "spec.leaseDurationSeconds", "must be greater than 0", seconds))
        if (count := spec.get("leaseTransitions", 0)) < 0:
            detail = "must be greater than or equal to 0"
            errors.append(FieldError("Invalid value", "spec.leaseTransitions", detail, count))
        return errors


class SecretBehaviour(DataBehaviour):
    """`stringData` is written into `data`, in base64."""

    def __init__(self) -> None:
        super().__init__("data")

    def validate(self, obj: Json, old: Json | None) -> list[FieldError]:
        errors = super().validate(obj, old)
        if old is not None and obj.get("type") != old.get("type"):
            errors.append(FieldError("Invalid value", "type", "field is immutable", obj.get("type")))
        return errors

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
