"""What there is to say of the machine that the pods run on."""

import os
import platform
from datetime import datetime

from isoproxy import __version__
from isoproxy.kube.resources import LEASES, NODES, Json
from isoproxy.local.runtime.environment import HOST_IP
from isoproxy.local.runtime.heartbeat import LEASE_SECONDS
from isoproxy.local.runtime.status import timestamp
from isoproxy.model.timestamps import rfc3339

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # as Kubernetes has them


def node_manifest(name: str) -> Json:
    """The Node to register; `node_status` has the rest."""
    return {
        "apiVersion": NODES.api_version,
        "kind": NODES.kind,
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/arch": _architecture(),
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
            },
        },
    }


def node_status(*, runtime: str, max_pods: int, since: datetime, now: datetime) -> Json:
    """The status to write, whole; the node is Ready since `since`."""
    system = os.uname()
    resources = {"cpu": str(os.cpu_count() or 1), "memory": f"{_memory() // 1024}Ki", "pods": str(max_pods)}
    return {
        "capacity": resources,
        "allocatable": resources,
        "conditions": [_ready(since, now)],
        "addresses": [
            {"type": "InternalIP", "address": HOST_IP},
            {"type": "Hostname", "address": system.nodename},
        ],
        "nodeInfo": {
            "architecture": _architecture(),
            "bootID": "",
            "containerRuntimeVersion": f"{runtime}://{__version__}",
            "kernelVersion": system.release,
            "kubeProxyVersion": "",
            "kubeletVersion": f"isoproxy-{__version__}",
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": _distribution(),
            "systemUUID": "",
        },
    }


def lease_manifest(node: str, uid: str, now: datetime) -> Json:
    """The Lease of a Node of that uid, whose end is its end too."""
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {
            "name": node,
            "ownerReferences": [{"apiVersion": NODES.api_version, "kind": NODES.kind, "name": node, "uid": uid}],
        },
        "spec": lease_spec(node, now),
    }


def lease_spec(node: str, now: datetime) -> Json:
    """What each renewal writes."""
    return {
        "holderIdentity": node,
        "leaseDurationSeconds": LEASE_SECONDS,
        "renewTime": rfc3339(now, digits="microseconds"),
    }


def _ready(since: datetime, now: datetime) -> Json:
    return {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "isoproxy is running pods as local processes",
        "lastHeartbeatTime": timestamp(now),
        "lastTransitionTime": timestamp(since),
    }


def _architecture() -> str:
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)


def _memory() -> int:
    """Bytes of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
