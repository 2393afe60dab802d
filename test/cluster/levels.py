"""How much of a cluster there is, and the order in which it comes up."""

import json
from pathlib import Path

from test.cluster import layout
from test.cluster.cluster import Cluster
from test.cluster.images.catalogue import archives
from test.cluster.kubectl import Kubectl
from test.cluster.layout import Layout
from test.cluster.level import Level
from test.cluster.parts import controlplane, node, policy
from test.cluster.programs import build, cache_folder, program

_PATIENCE = "--timeout=60s"


def up(name: str, level: Level, *, owned: bool = False) -> Cluster:
    """Return a new cluster that is ready for use; raises BuildError, Unhealthy, OSError.

    One that is ``owned`` ends with this process at the latest; each ends by ``down()``.
    """
    programs = {name: program(name) for name in level.programs}
    cluster = Cluster.create(name, owned=owned)
    try:
        _start_control_plane(cluster, programs, level)
        if level >= Level.NODE:
            _start_node(cluster, programs)
    except BaseException:
        cluster.down()
        raise
    return cluster


def _start_control_plane(cluster: Cluster, programs: dict[str, Path], level: Level) -> None:
    files = cluster.files
    controllers = level >= Level.CONTROL
    cluster.start(
        controlplane.etcd(files, programs["etcd"]),
        controlplane.api_server(files, programs["kube-apiserver"], controllers=controllers),
    )
    if controllers:
        cluster.start(
            controlplane.controller_manager(files, programs["kube-controller-manager"]),
            controlplane.scheduler(files, programs["kube-scheduler"]),
        )


def _start_node(cluster: Cluster, programs: dict[str, Path]) -> None:
    files = cluster.files
    kubectl = Kubectl(cluster, programs["kubectl"])
    kubectl("create", "-f", build("calico") / "crd")
    cluster.start(node.containerd(files, network_programs=_gather_plugins(files, programs)))
    for archive in archives(cache_folder() / "images", programs["tool"]):
        import_image(cluster, archive)
    kubectl("wait", "--for=condition=Established", "crd", "--all", _PATIENCE)
    kubectl("create", "-f", "-", given=json.dumps(policy.CLUSTER_INFORMATION))
    cluster.start(
        policy.felix(files, programs["calico-felix"]),
        node.kubelet(files, programs["kubelet"]),
        node.kube_proxy(files, programs["kube-proxy"]),
    )
    kubectl("wait", "--for=create", f"node/{layout.NODE}", _PATIENCE)
    kubectl("wait", "--for=condition=Ready", f"node/{layout.NODE}", _PATIENCE)
    kubectl("wait", "--for=create", "serviceaccount/default", _PATIENCE)  # that of pods


def _gather_plugins(files: Layout, programs: dict[str, Path]) -> Path:
    """Return a folder with the programs that connect pods: they look for each other in one."""
    folder = files.data / "plugins"
    folder.mkdir()
    for name in ("calico", "host-local", "loopback"):
        (folder / name).symlink_to(programs[name])
    return folder


def import_image(cluster: Cluster, archive: Path) -> None:
    """Give the node an image."""
    address = f"--address={node.containerd_socket(cluster.files)}"
    cluster.sandbox.run("ctr", address, "--namespace=k8s.io", "images", "import", str(archive))
