"""The processes of isoproxy in their containers, as the machine below sees them."""

import os
from pathlib import Path

from test.chart.helm import NAMESPACE
from test.installed.installation import Installation
from test.running.api import Api, Json


def operators(installation: Installation) -> list[Json]:
    """Return the Pods of the operator."""
    api = Api.of(installation.cluster.files.kubeconfig())
    return api.items(f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector="app.kubernetes.io/component=operator")


def twistd_of(uid: str) -> int:
    """Return the process of isoproxy in the container of a Pod."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            inside = f"/pod{uid}/" in Path(f"/proc/{entry}/cgroup").read_text()
            if inside and b"twistd" in Path(f"/proc/{entry}/cmdline").read_bytes():
                return int(entry)
        except OSError:
            continue  # it has ended
    raise AssertionError(f"no isoproxy runs in the pod {uid}")
