"""How many files, sockets among them, this process may have open: as many as it is ever allowed to.

Where nobody cared, the limit in force is 1024, which is less than a single service needs whose queue and pool are full.
Only ``select`` cannot count further, and we do not use that.
"""

import resource

import txaio

log = txaio.make_logger()

AT_START = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
"""The limit that was in force. Programs that we run get it: some cannot do with more."""
SPARE_PART = 4
"""One part in so many of what may be open is kept for whoever does not have to wait."""


def is_spare(descriptor: int) -> bool:
    """Whether a file that was just opened is of the last ones there may be: numbers are given out from below."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return most != resource.RLIM_INFINITY and descriptor >= most - most // SPARE_PART


def allow_many() -> None:
    """Raise the limit that is in force to the highest there may be; it stays where the system does not let us."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError) as error:  # the system's own limit is less by now
        log.warn("no more than {limit} files can be opened: {error}", limit=AT_START, error=error)
