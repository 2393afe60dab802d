"""Pods: what a real server fills in, what an update may change, and how long a deletion takes. Pure."""

from typing import Any

from isoproxy.local.apiserver.errors import FieldError, bad_request, conflict
from isoproxy.local.apiserver.kinds import podchecks
from isoproxy.local.apiserver.kinds.kind import Behaviour

Json = dict[str, Any]

_TOLERATIONS: list[Json] = [
    {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for state in ("not-ready", "unreachable")
]
# Of a running pod's spec, only these change.
_MUTABLE = ("activeDeadlineSeconds", "tolerations", "schedulingGates")
_FROZEN_WORDS = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


class PodBehaviour(Behaviour):
    def prepare_create(self, obj: Json) -> Json:
        spec: Json = {"tolerations": _TOLERATIONS} | _spec(obj.get("spec") or {})
        if spec.get("terminationGracePeriodSeconds", 0) < 0:
            spec["terminationGracePeriodSeconds"] = 1
        return obj | {"spec": spec, "status": {"phase": "Pending", "qosClass": _qos(spec)}}

    def prepare_update(self, obj: Json, old: Json) -> Json:
        spec = _spec(obj.get("spec") or {})
        status = _addressed(obj.get("status") or {})
        if status.get("qosClass") != old["status"].get("qosClass"):
            status = status | {"qosClass": old["status"].get("qosClass", "BestEffort")}
        return (
            obj if spec == obj.get("spec") and status is obj.get("status") else obj | {"spec": spec, "status": status}
        )

    def validate(self, obj: Json, old: Json | None) -> list[FieldError]:
        spec = obj["spec"]
        if old is None:
            return podchecks.check_spec(spec)
        if obj["status"] is not old["status"] and (errors := podchecks.check_status(obj["status"])):
            return errors
        if spec is old["spec"] or _frozen(spec) == _frozen(old["spec"]):
            return []
        return [FieldError("Forbidden", "spec", _FROZEN_WORDS)]

    def grace(self, obj: Json, asked: int | None) -> int:
        spec = obj["spec"]
        if not spec.get("nodeName") or obj["status"].get("phase") in ("Succeeded", "Failed"):
            return 0
        wanted = asked if asked is not None else spec["terminationGracePeriodSeconds"]
        return 1 if wanted < 0 else int(wanted)


def bound(pod: Json, node: Any, now: str) -> Json:
    """The pod assigned to a node; 409 if it already is."""
    name = pod["metadata"]["name"]
    if type(node) is not str or not node:
        raise bad_request("target.name of a Binding must name a node")
    if pod["spec"].get("nodeName"):
        why = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
        raise conflict("pods/binding", name, why)
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": now}
    others = [item for item in pod["status"].get("conditions") or () if item["type"] != "PodScheduled"]
    return pod | {
        "metadata": dict(pod["metadata"]),
        "spec": pod["spec"] | {"nodeName": node},
        "status": pod["status"] | {"conditions": [*others, scheduled]},
    }


def _spec(spec: Json) -> Json:
    """The spec with the defaults that depend on something; the spec itself if it has them all."""
    filled = spec
    for group in ("initContainers", "containers"):
        found = filled.get(group) or ()
        if any("imagePullPolicy" not in container or _asks_less(container) for container in found):
            filled = filled | {group: [_asking(_pull_policy(container) | container) for container in found]}
    return filled


def _addressed(status: Json) -> Json:
    """The status with one address in both of the fields that tell it; `podIP` counts where they differ."""
    address, addresses = status.get("podIP"), status.get("podIPs")
    if address and (not addresses or addresses[0].get("ip") != address):
        return status | {"podIPs": [{"ip": address}]}
    return status | {"podIP": addresses[0].get("ip")} if addresses and not address else status


def _asks_less(container: Json) -> bool:
    """Whether it is limited in what it does not ask for."""
    resources = container.get("resources") or {}
    return bool((resources.get("limits") or {}).keys() - (resources.get("requests") or {}).keys())


def _asking(container: Json) -> Json:
    """The container asking for all that it is limited to, where it does not say otherwise."""
    if not _asks_less(container):
        return container
    resources = container["resources"]
    asked = resources["limits"] | (resources.get("requests") or {})
    return container | {"resources": resources | {"requests": asked}}


def _pull_policy(container: Json) -> Json:
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    return {"imagePullPolicy": "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"}


def _qos(spec: Json) -> str:
    """BestEffort without requests and limits, Guaranteed where all limits equal the requests, else Burstable."""
    resources = [container.get("resources") or {} for container in spec.get("containers") or ()]
    if not any(item.get("limits") or item.get("requests") for item in resources):
        return "BestEffort"
    for item in resources:
        limits = item.get("limits") or {}
        if not {"cpu", "memory"} <= set(limits) or (item.get("requests") or limits) != limits:
            return "Burstable"
    return "Guaranteed"


def _frozen(spec: Json) -> Json:
    """What of a spec no update may change."""
    frozen = {key: value for key, value in spec.items() if key not in _MUTABLE}
    for group in ("initContainers", "containers"):
        frozen[group] = [
            {key: value for key, value in container.items() if key != "image"} for container in spec.get(group) or ()
        ]
    return frozen
