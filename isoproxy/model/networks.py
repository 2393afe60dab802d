"""IP networks as users write them. Pure."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


def canonical(text: str) -> str:
    """Return a network in CIDR notation as a NetworkPolicy takes it, host bits cleared.

    Raises PydanticCustomError for what an API server refuses there or will: to be refused with the policy would be too
    late, for an earlier and wider one then stays.
    """
    address, _, prefix = text.partition("/")
    try:
        network = ipaddress.ip_network((address, int(prefix)), strict=False)
    except ValueError:
        raise _wrong() from None
    if network.version == 6 and ("%" in address or network.network_address.ipv4_mapped is not None):
        raise _wrong()
    return str(network)


def _wrong() -> PydanticCustomError:
    return PydanticCustomError("network", "must be a network in CIDR notation, such as 10.0.0.0/8 or fd00::/8")


Network = Annotated[str, AfterValidator(canonical)]
"""A field that is one: what is kept is its usual form, so that a policy read back is the one that was written."""
