"""isoproxy's own kinds: the least that each of them needs."""

from typing import Any

from isoproxy.kube.resources import Json

ASSIGNMENT = {"proxy": "proxy-1", "podIP": "10.0.0.1", "podUID": "u-1"}


def service(name: str = "shop", **spec: Any) -> Json:
    return {
        "apiVersion": "soh.re/v1alpha1",
        "kind": "DedicatedService",
        "metadata": {"name": name},
        "spec": {"image": "registry.invalid/shop:1"} | spec,
    }


def record(name: str = "shop-1", **spec: Any) -> Json:
    return {
        "apiVersion": "soh.re/v1alpha1",
        "kind": "IsolationPod",
        "metadata": {"name": name},
        "spec": {"serviceName": "shop", "podName": name, "port": 8080} | spec,
    }
