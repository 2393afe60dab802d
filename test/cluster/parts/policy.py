"""The network of pods and its policies: Calico's CNI plugin and its agent, felix. Pure."""

import json
from pathlib import Path

from test.cluster import layout
from test.cluster.layout import Layout
from test.cluster.parts.part import Part

CLUSTER_INFORMATION = {
    "apiVersion": "crd.projectcalico.org/v1",
    "kind": "ClusterInformation",
    "metadata": {"name": "default"},
    "spec": {"datastoreReady": True},
}
"""What Calico's plugin wants to see before the first pod."""


def network_file(files: Layout) -> dict[Path, str]:
    """Return the configuration by which containerd connects a pod."""
    calico = {
        "type": "calico",
        "datastore_type": "kubernetes",
        "nodename": layout.NODE,
        "nodename_file_optional": True,
        "log_level": "warning",
        "log_file_path": str(files.log("calico-cni")),
        "ipam": {"type": "host-local", "subnet": layout.POD_NETWORK, "dataDir": f"{files.data}/addresses"},
        "policy": {"type": "k8s"},
        "kubernetes": {"kubeconfig": str(files.kubeconfig("calico"))},
    }
    network = {"cniVersion": "0.3.1", "name": "pods", "plugins": [calico]}
    return {files.settings / "cni" / "10-calico.conflist": json.dumps(network, indent=1)}


def felix(files: Layout, program: Path) -> Part:
    """Return the agent that turns NetworkPolicies into rules of the kernel's."""
    off = ("BPFENABLED", "IPINIPENABLED", "IPV6SUPPORT", "USAGEREPORTINGENABLED", "VXLANENABLED", "WIREGUARDENABLED")
    environment = {
        "DATASTORETYPE": "kubernetes",
        "KUBECONFIG": str(files.kubeconfig("calico")),
        "FELIX_DATASTORETYPE": "kubernetes",
        "FELIX_FELIXHOSTNAME": layout.NODE,
        "FELIX_INTERFACEPREFIX": "cali",
        "FELIX_IPTABLESBACKEND": "NFT",
        "FELIX_MTUIFACEPATTERN": "^(client|internet)$",
        "FELIX_XDPENABLED": "false",
        # No door that a policy cannot close.
        "FELIX_FAILSAFEINBOUNDHOSTPORTS": "none",
        "FELIX_FAILSAFEOUTBOUNDHOSTPORTS": "none",
        "FELIX_DEFAULTENDPOINTTOHOSTACTION": "Accept",
        "FELIX_HEALTHENABLED": "true",
        "FELIX_HEALTHPORT": str(layout.FELIX_HEALTH_PORT),
        "FELIX_LOGFILEPATH": "none",
        "FELIX_LOGSEVERITYSYS": "none",
        "FELIX_LOGSEVERITYSCREEN": "Warning",
    } | {f"FELIX_{name}": "false" for name in off}
    return Part(
        name="felix",
        command=(str(program), "--config-file=/dev/null"),
        health=f"http://127.0.0.1:{layout.FELIX_HEALTH_PORT}/readiness",
        environment=environment,
        files=network_file(files),
    )
