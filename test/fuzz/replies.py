"""The reply to a list, heads and all: whatever it is, the objects are known once the server answers as it should."""

from test.fuzz.following import check_recovery


def run(data: bytes) -> None:
    """``data`` is what comes over the connection."""
    check_recovery(data)
