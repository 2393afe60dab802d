"""A loopback address for each pod. Pure."""

from ipaddress import IPv4Address, IPv4Network

DEFAULT_NETWORK = IPv4Network("127.64.0.0/10")


class AddressesExhausted(Exception):
    """Every address of the range is in use."""


class AddressPool:
    """Gives each address to one user at a time, and goes round the whole range before it gives it again.

    A proxy that has not yet heard of a pod's end must not reach another pod at its address. Two pools of one
    range, in two processes, rarely meet if each has a `start` of its own (any number, taken modulo the range).
    """

    def __init__(self, network: IPv4Network = DEFAULT_NETWORK, *, start: int = 0) -> None:
        if not network.is_loopback or network.num_addresses < 4:
            raise ValueError(f"{network} is no range of loopback addresses")
        self._network = network
        self._next = start % network.num_addresses
        self._used: set[IPv4Address] = set()

    def take(self) -> str:
        """An address that nobody has. Raises AddressesExhausted."""
        for _ in range(self._network.num_addresses):
            address = self._network[self._next]
            self._next = (self._next + 1) % self._network.num_addresses
            # Some programs take .0 and .255 for the addresses of a network and of a broadcast.
            if address not in self._used and address.packed[3] not in (0, 255):
                self._used.add(address)
                return str(address)
        raise AddressesExhausted(f"all addresses of {self._network} are in use")

    def release(self, address: str) -> None:
        """Take it back; it is the last in turn now."""
        self._used.discard(IPv4Address(address))
