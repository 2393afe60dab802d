"""What a cluster has mounted for itself. Pure."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from test.cluster.layout import Layout

_PRIVATE = ("/run", "/var/lib", "/var/log")
"""Where the parts write whatever they are told. The machine's own folders are hidden from them."""

KERNEL = {
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
}
"""Settings of the whole machine that a kubelet writes where they are not these. It finds them so, and writes none."""


def files(layout: Layout) -> Mapping[Path, str]:
    """Return the files that are mounted over others, and what is in them."""
    return {layout.data / "sys" / name: f"{value}\n" for name, value in KERNEL.items()}


def commands(layout: Layout) -> Iterator[list[str]]:
    """Yield the commands that mount it, in their order, to be run in the cluster's namespaces."""
    store = str(layout.data / "etcd")
    yield ["mkdir", store]
    yield ["mount", "-t", "tmpfs", "-o", "mode=700,size=1g", "tmpfs", store]
    for folder in _PRIVATE:
        yield ["mount", "-t", "tmpfs", "-o", "mode=755,size=256m", "tmpfs", folder]
    for name in KERNEL:
        yield ["mount", "--bind", str(layout.data / "sys" / name), f"/proc/sys/{name}"]
