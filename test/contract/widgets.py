"""The kind that the suite plays with: something of everything that isoproxy's own definitions use."""

from isoproxy.kube.resources import Json

SCHEMA: Json = {
    "type": "object",
    "required": ["spec"],
    "x-kubernetes-validations": [
        {"rule": "size(self.metadata.name) <= 20", "message": "the name is too long"},
        {
            "rule": "oldSelf.spec.owner == '' || self.spec.owner == oldSelf.spec.owner",
            "message": "owner is immutable once set",
        },
        {
            "rule": "self.status.phase == oldSelf.status.phase || "
            "(oldSelf.status.phase == 'Idle' && self.spec.owner != '')",
            "message": "phase only moves forward, once owned",
        },
    ],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "x-kubernetes-validations": [
                {"rule": "self.replicas <= self.size + 100", "message": "too many replicas for the size"}
            ],
            "properties": {
                "size": {"type": "integer", "minimum": 0, "maximum": 100},
                "color": {"type": "string", "enum": ["red", "green"], "default": "red"},
                "owner": {"type": "string", "maxLength": 63, "default": ""},
                "replicas": {"type": "integer", "minimum": 0, "default": 1},
                "selector": {"type": "string"},
                "limits": {
                    "type": "object",
                    "default": {},
                    "properties": {"seconds": {"type": "integer", "default": 30}},
                },
                "percent": {"x-kubernetes-int-or-string": True},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "parts": {
                    "type": "array",
                    "maxItems": 10,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string", "maxLength": 20},
                            "weight": {"type": "integer", "default": 5},
                        },
                    },
                },
            },
        },
        "status": {
            "type": "object",
            "default": {},
            "properties": {
                "phase": {"type": "string", "enum": ["Idle", "InUse", "Done"], "default": "Idle"},
                "replicas": {"type": "integer", "default": 0},
                "since": {"type": "string", "format": "date-time"},
                "selector": {"type": "string"},
            },
        },
    },
}


def definition(group: str) -> Json:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": SCHEMA},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "selectableFields": [{"jsonPath": ".spec.color"}, {"jsonPath": ".status.phase"}],
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
                        {"name": "Color", "type": "string", "jsonPath": ".spec.color", "priority": 1},
                        {"name": "Since", "type": "date", "jsonPath": ".status.since"},
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    ],
                }
            ],
        },
    }
