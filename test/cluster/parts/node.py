"""The node: containerd, kubelet, kube-proxy. Pure."""

import json
from pathlib import Path
from typing import Any

from test.cluster import layout
from test.cluster.layout import Layout
from test.cluster.parts.part import Part, flags

PAUSE_IMAGE = "isoproxy.test/pause:1"


def containerd_socket(files: Layout) -> Path:
    """Return where containerd listens."""
    return files.data / "containerd.sock"


def containerd(files: Layout, *, network_programs: Path) -> Part:
    """Return the container runtime; ``network_programs`` is the folder of the CNI plugins."""
    config = files.settings / "containerd.toml"
    data = files.data / "containerd"
    text = f"""version = 2
root = "{data}/root"
state = "{data}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
address = "{containerd_socket(files)}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
# Without the right to lower a score (CAP_SYS_RESOURCE) no container could be started.
restrict_oom_score_adj = true
disable_apparmor = true
tolerate_missing_hugetlb_controller = true
disable_hugetlb_controller = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
conf_dir = "{files.settings}/cni"
bin_dir = "{network_programs}"
"""
    return Part(
        name="containerd",
        command=("containerd", *flags(config=str(config))),
        health=f"unix:{containerd_socket(files)}",
        files={config: text},
    )


def kubelet(files: Layout, program: Path) -> Part:
    """Return the kubelet."""
    config = files.settings / "kubelet.yaml"
    resolver = files.settings / "resolv.conf"
    settings: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{files.keys}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": files.cgroup,
        "clusterDNS": [layout.DNS_SERVICE_IP],
        "clusterDomain": layout.DNS_DOMAIN,
        "containerRuntimeEndpoint": f"unix://{containerd_socket(files)}",
        "eventRecordQPS": 0,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": layout.KUBELET_HEALTH_PORT,
        "imageGCHighThresholdPercent": 100,
        "kubeAPIBurst": 400,
        "kubeAPIQPS": 200,
        "maxPods": 250,
        "oomScoreAdj": 0,
        "podLogsDir": f"{files.data}/podlogs",
        "resolvConf": str(resolver),
        "volumePluginDir": f"{files.data}/volumeplugins",
    }
    return Part(
        name="kubelet",
        command=(
            str(program),
            *flags(
                config=str(config),
                kubeconfig=str(files.kubeconfig("kubelet")),
                root_dir=str(files.data / "kubelet"),
                cert_dir=str(files.data / "kubelet-keys"),
                hostname_override=layout.NODE,
                node_ip=layout.NODE_IP,
            ),
        ),
        health=f"http://127.0.0.1:{layout.KUBELET_HEALTH_PORT}/healthz",
        files={config: json.dumps(settings, indent=1), resolver: f"nameserver {layout.INTERNET_IP}\n"},
    )


def kube_proxy(files: Layout, program: Path) -> Part:
    """Return what makes the addresses of Services work."""
    config = files.settings / "kube-proxy.yaml"
    settings: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": "0.0.0.0",
        "clientConnection": {"kubeconfig": str(files.kubeconfig("kube-proxy")), "qps": 100, "burst": 200},
        "clusterCIDR": layout.POD_NETWORK,
        # The table of connections is the machine's; its size is not ours to set.
        "conntrack": {"maxPerCore": 0, "min": 0},
        "healthzBindAddress": f"127.0.0.1:{layout.KUBE_PROXY_HEALTH_PORT}",
        "hostnameOverride": layout.NODE,
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": "nftables",
    }
    return Part(
        name="kube-proxy",
        command=(str(program), *flags(config=str(config))),
        health=f"http://127.0.0.1:{layout.KUBE_PROXY_HEALTH_PORT}/healthz",
        files={config: json.dumps(settings, indent=1)},
    )
