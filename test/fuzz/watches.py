"""The lines of a watch: whatever they are, the objects are known once the server answers as it should."""

from test.fuzz.following import check_recovery, listing, record, reply, stream


def run(data: bytes) -> None:
    """``data`` is the body of the watch."""
    check_recovery(reply(listing("10", record("a", "5"), record("b", "7"))), stream(data))
