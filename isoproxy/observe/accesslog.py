"""One line for each connection that has ended, in logfmt (``key=value`` separated by spaces).

``service=default/adventure client=192.0.2.7:40312 pod=adventure-x7k2p outcome=completed queued=0.000 connect=0.001
duration=12.345 bytes_in=310 bytes_out=8127 attempts=1 error=-``: times are seconds, ``pod=-`` means that it never had
one, ``bytes_in`` come from the client and ``bytes_out`` go to it, ``attempts`` counts dials. ``error`` is what went
wrong last, the name of an errno if there is one, or ``-``. No value holds a space.
"""

from collections.abc import Callable
from dataclasses import dataclass

import txaio

from isoproxy.observe.outcomes import Outcome

log = txaio.make_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is told of one connection; times in seconds, ``duration`` from accept to end."""

    namespace: str
    service: str
    client: str
    pod: str
    outcome: Outcome
    queued: float
    connect: float
    duration: float
    bytes_in: int
    bytes_out: int
    attempts: int
    error: str


def logfmt(entry: Entry) -> str:
    """Return the line, without its newline."""
    return (
        f"service={entry.namespace}/{entry.service} client={entry.client} pod={entry.pod or '-'} "
        f"outcome={entry.outcome.value} queued={entry.queued:.3f} connect={entry.connect:.3f} "
        f"duration={entry.duration:.3f} bytes_in={entry.bytes_in} bytes_out={entry.bytes_out} "
        f"attempts={entry.attempts} error={entry.error or '-'}"
    )


def _to_log(line: str) -> None:
    log.info("{line}", line=line)


class AccessLog:
    """Writes the lines, to the process's log unless told otherwise."""

    def __init__(self, write: Callable[[str], None] = _to_log) -> None:
        """``write`` takes one line, without a newline."""
        self._write = write

    def record(self, entry: Entry) -> None:
        """Write the one line of a connection."""
        self._write(logfmt(entry))
