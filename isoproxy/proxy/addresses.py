"""Addresses as people write them. Pure."""

from typing import Any


def host_and_port(address: Any) -> str:
    """Return a TCP address as ``host:port``, with an IPv6 host in brackets; any other address as it prints itself."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return str(address).replace(" ", "")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
