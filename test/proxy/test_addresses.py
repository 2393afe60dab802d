"""Addresses in logs and on objects."""

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from isoproxy.proxy.addresses import host_and_port


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (IPv4Address("TCP", "127.0.0.1", 9090), "127.0.0.1:9090"),
        (IPv6Address("TCP", "::1", 9090), "[::1]:9090"),
        (UNIXAddress(b"/run/x"), "UNIXAddress('/run/x')"),
    ],
)
def test_an_address_is_written_as_people_do_and_without_a_space(address: Any, text: str) -> None:
    assert host_and_port(address) == text
