"""Times as Kubernetes writes them. Pure."""

from datetime import datetime
from typing import Literal


def rfc3339(moment: datetime, *, digits: Literal["milliseconds", "microseconds"] = "milliseconds") -> str:
    """Return a UTC time as text; Leases want microseconds."""
    return moment.isoformat(timespec=digits).replace("+00:00", "Z")
