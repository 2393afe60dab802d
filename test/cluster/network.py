"""The network of a cluster: its node, and a host on either side of it that plays the clients or the internet. Pure.

Every host is a network namespace, and those of client and internet know nothing but the way to the node:

    client ──── node ──── internet (with two hosts behind it)
                  └── pods
"""

from collections.abc import Iterator

from test.cluster import layout

CLIENT = "client"
INTERNET = "internet"


def commands() -> Iterator[list[str]]:
    """Yield the commands that lay the network, in their order, to be run in the node's namespaces."""
    yield ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]
    yield _ip("link set lo up")
    yield from _host(CLIENT, layout.NODE_IP, layout.CLIENT_IP)
    yield from _host(INTERNET, layout.INTERNET_GATEWAY, layout.INTERNET_IP)
    for address in layout.INTERNET:
        yield _ip(f"-n {INTERNET} addr add {address}/32 dev lo")
    yield _ip(f"route add default via {layout.INTERNET_IP}")


def _host(name: str, here: str, there: str) -> Iterator[list[str]]:
    """Yield what makes a host, with a cable from the node (``here``) to it (``there``)."""
    yield _ip(f"netns add {name}")
    yield _ip(f"link add {name} type veth peer name eth0 netns {name}")
    yield _ip(f"addr add {here}/24 dev {name}")
    yield _ip(f"link set {name} up")
    yield _ip(f"-n {name} link set lo up")
    yield _ip(f"-n {name} addr add {there}/24 dev eth0")
    yield _ip(f"-n {name} link set eth0 up")
    yield _ip(f"-n {name} route add default via {here}")


def _ip(arguments: str) -> list[str]:
    return ["ip", *arguments.split()]
