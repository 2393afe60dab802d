"""The ways from our processes to the API server: each has one of its own, which can be closed, or lose packets.

All of them end at the one API server, which listens on every address of the cluster's loopback.
"""

from test.cluster import layout
from test.cluster.sandbox import Sandbox

SERVER_NAME = "kubernetes"
"""What the API server's certificate is for, whatever the address."""
_TABLE = "inet soak"
_PODS = "127.128.0.0/9"


class Roads:
    """Rules of the packet filter in the cluster's network; a road is told by its address."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._count = 0
        self._nft(f"add table {_TABLE}")
        self._nft(f"add chain {_TABLE} input {{ type filter hook input priority 0; }}")
        self._nft(f"add chain {_TABLE} pods")
        self._nft(f"add rule {_TABLE} input ip daddr {_PODS} jump pods")

    def lay(self) -> str:
        """Make another; return its address."""
        self._count += 1
        address = f"127.1.0.{self._count}"
        chain = _chain(address)
        self._nft(f"add chain {_TABLE} {chain}")
        self._nft(f"add rule {_TABLE} input ip daddr {address} jump {chain}")
        self._nft(f"add rule {_TABLE} input ip saddr {address} jump {chain}")
        return address

    def close(self, address: str) -> None:
        """Let nothing through, either way."""
        self._nft(f"add rule {_TABLE} {_chain(address)} drop")

    def close_way_back(self, address: str) -> None:
        """Let requests through, and no answer."""
        self._nft(f"add rule {_TABLE} {_chain(address)} ip saddr {address} drop")

    def lose(self, address: str, percent: int) -> None:
        """Lose packets, so that others come late."""
        self._nft(f"add rule {_TABLE} {_chain(address)} numgen random mod 100 < {percent} drop")

    def refuse(self, address: str) -> None:
        """Reset every connection."""
        self._nft(f"add rule {_TABLE} {_chain(address)} meta l4proto tcp reject with tcp reset")

    def open(self, address: str) -> None:
        """Let everything through again."""
        self._nft(f"flush chain {_TABLE} {_chain(address)}")

    def lose_to_pods(self, percent: int) -> None:
        """Lose packets from proxies to pods."""
        self._nft(f"add rule {_TABLE} pods numgen random mod 100 < {percent} drop")

    def open_to_pods(self) -> None:
        """Lose none again."""
        self._nft(f"flush chain {_TABLE} pods")

    def _nft(self, command: str) -> None:
        self._sandbox.run("nft", command)


def url(address: str) -> str:
    """Return the API server's URL at the end of a road."""
    return f"https://{address}:{layout.API_PORT}"


def _chain(address: str) -> str:
    return f"road_{address.rpartition('.')[2]}"
