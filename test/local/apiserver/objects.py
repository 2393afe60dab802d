"""A server core on a clock that stands still, and objects to put into it."""

import json
import random
from typing import Any

import pytest

from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.limits import Limits
from isoproxy.local.apiserver.sources import Sources

Json = dict[str, Any]

START = 1_700_000_000.0  # 2023-11-14T22:13:20Z


class Now:
    """The time, set by the test."""

    def __init__(self) -> None:
        self.seconds = START

    def __call__(self) -> float:
        return self.seconds


class Server:
    """A core, its clock, and the kinds that tests use most."""

    def __init__(self, **limits: Any) -> None:
        self.now = Now()
        self.core = Core(Sources(self.now, random.Random(1)), Limits(**limits), first_version=100)

    def kind(self, plural: str, group: str = "", version: str = "v1") -> Kind:
        return self.core.kind(group, version, plural)

    @property
    def widgets(self) -> Kind:
        return self.kind("widgets", "example.com")

    @property
    def pods(self) -> Kind:
        return self.kind("pods")

    @property
    def config_maps(self) -> Kind:
        return self.kind("configmaps")

    def create(self, kind: Kind, body: Json, namespace: str = "default") -> Json:
        """Create a copy of the body; returns a copy of what is stored."""
        made: Json = copied(self.core.create(kind, namespace if kind.namespaced else "", copied(body)).stored.object)
        return made

    def define(self, crd: Json) -> Json:
        return self.create(self.kind("customresourcedefinitions", "apiextensions.k8s.io"), crd)

    def get(self, kind: Kind, name: str, namespace: str = "default") -> Json:
        found: Json = copied(self.core.get(kind, namespace if kind.namespaced else "", name).object)
        return found

    def patch(self, kind: Kind, name: str, patch: Any, namespace: str = "default", **more: Any) -> Json:
        written = self.core.patch(kind, namespace if kind.namespaced else "", name, copied(patch), **more)
        made: Json = copied(written.stored.object)
        return made

    def names(self, kind: Kind, namespace: str | None = "default") -> list[str]:
        return [item.object["metadata"]["name"] for item in self.core.list(kind, namespace).items]

    def forget(self) -> None:
        """Let so much happen to ConfigMaps that the history of before is gone; needs a short one."""
        self.create(self.config_maps, config_map("filler"))
        for step in range(self.core.limits.history * 2):
            self.patch(self.config_maps, "filler", {"data": {"step": str(step)}})
        self.core.delete(self.config_maps, "default", "filler")

    def collect(self) -> None:
        while self.core.garbage_pending:
            self.core.collect()


def copied(value: Any) -> Any:
    """A value that shares nothing with the one given."""
    return json.loads(json.dumps(value))


def refused(call: Any, *args: Any, **more: Any) -> StatusError:
    """The refusal that a call ends with."""
    with pytest.raises(StatusError) as caught:
        call(*args, **more)
    return caught.value


WIDGET_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 0, "maximum": 100},
                "color": {"type": "string", "default": "red", "enum": ["red", "green", "blue"]},
                "replicas": {"type": "integer", "default": 1},
                "selector": {"type": "string"},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "weight": {"type": "integer", "default": 5}},
                    },
                },
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            },
        },
        "status": {
            "type": "object",
            "default": {},
            "properties": {
                "phase": {"type": "string", "default": "New"},
                "replicas": {"type": "integer", "default": 0},
                "selector": {"type": "string"},
            },
        },
    },
}


def widget_crd(schema: Json | None = None, **version: Any) -> Json:
    """A CustomResourceDefinition `widgets.example.com`; `version` adds to its only version."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wi"]},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema or WIDGET_SCHEMA},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "selectableFields": [{"jsonPath": ".spec.color"}, {"jsonPath": ".status.phase"}],
                }
                | version
            ],
        },
    }


def widget(name: str = "one", **spec: Any) -> Json:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": 1} | spec,
    }


def pod(name: str = "one", **spec: Any) -> Json:
    containers = [{"name": "main", "image": "registry.invalid/main:1"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers} | spec}


def config_map(name: str = "one", **metadata: Any) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name} | metadata, "data": {"key": "value"}}


def owned_by(owner: Json, **more: Any) -> Json:
    """An ownerReference to an object."""
    metadata = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    return reference | more
