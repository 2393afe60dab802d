"""What there is to say of the machine that the pods run on."""

import os
import platform
from datetime import datetime

from isoproxy import __version__
from isoproxy.kube.resources import NODES, Json
from isoproxy.local.runtime.environment import HOST_IP
from isoproxy.local.runtime.status import timestamp

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # as Kubernetes has them


def node_object(name: str, *, runtime: str, max_pods: int, now: datetime) -> Json:
    """The Node to register, Ready; nobody renews it, since API server and agent come and go together."""
    system = os.uname()
    architecture = _ARCHITECTURES.get(system.machine, system.machine)
    resources = {"cpu": str(os.cpu_count() or 1), "memory": f"{_memory() // 1024}Ki", "pods": str(max_pods)}
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "isoproxy is running pods as local processes",
        "lastHeartbeatTime": timestamp(now),
        "lastTransitionTime": timestamp(now),
    }
    return {
        "apiVersion": NODES.api_version,
        "kind": NODES.kind,
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/arch": architecture,
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
            },
        },
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "conditions": [ready],
            "addresses": [
                {"type": "InternalIP", "address": HOST_IP},
                {"type": "Hostname", "address": system.nodename},
            ],
            "nodeInfo": {
                "architecture": architecture,
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
        },
    }


def _memory() -> int:
    """Bytes of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
