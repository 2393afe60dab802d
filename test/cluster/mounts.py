"""What a cluster has mounted for itself. Pure."""

from collections.abc import Iterator

from test.cluster.layout import Layout

_PRIVATE = ("/run", "/var/lib", "/var/log")
"""Where the parts write whatever they are told. The machine's own folders are hidden from them."""


def commands(files: Layout) -> Iterator[list[str]]:
    """Yield the commands that mount it, in their order, to be run in the cluster's namespaces."""
    store = str(files.data / "etcd")
    yield ["mkdir", store]
    for folder, size in [(store, "1g"), *((folder, "256m") for folder in _PRIVATE)]:
        yield ["mount", "-t", "tmpfs", "-o", f"mode=755,size={size}", "tmpfs", folder]
