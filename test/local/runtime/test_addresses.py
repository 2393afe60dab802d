"""Addresses for pods."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoproxy.local.runtime.addresses import DEFAULT_NETWORK, AddressesExhausted, AddressPool


@given(start=st.integers(min_value=0, max_value=2**40), returns=st.lists(st.booleans(), max_size=200))
def test_no_address_is_given_to_two_at_a_time(start: int, returns: list[bool]) -> None:
    pool = AddressPool(start=start)
    held: list[str] = []
    for give_back in returns:
        if give_back and held:
            pool.release(held.pop(0))
        address = pool.take()
        assert address not in held
        assert IPv4Address(address) in DEFAULT_NETWORK
        assert address.rpartition(".")[2] not in ("0", "255")
        held.append(address)


def test_an_address_comes_again_only_when_all_others_had_their_turn() -> None:
    pool = AddressPool(IPv4Network("127.64.0.0/29"))
    turns = []
    for _ in range(14):
        address = pool.take()
        turns.append(address)
        pool.release(address)
    assert turns[:7] == turns[7:]
    assert len(set(turns)) == 7  # 127.64.0.0 is left out


def test_when_all_are_taken_it_says_so_until_one_comes_back() -> None:
    pool = AddressPool(IPv4Network("127.64.0.0/30"))
    first, *_ = [pool.take() for _ in range(3)]
    with pytest.raises(AddressesExhausted, match=r"127\.64\.0\.0/30"):
        pool.take()
    pool.release(first)
    assert pool.take() == first


@pytest.mark.parametrize("network", ["10.0.0.0/8", "127.0.0.1/32"])
def test_a_range_that_cannot_serve_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match="no range of loopback addresses"):
        AddressPool(IPv4Network(network))
