"""How many files, sockets among them, this process may have open: as many as it is ever allowed to.

Where nobody cared, the limit in force is 1024, which is less than a single service needs whose queue and pool are full.
Only ``select`` cannot count further, and we do not use that.
"""

import resource

AT_START = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
"""The limit that was in force. Programs that we run get it: some cannot do with more."""


def allow_many() -> None:
    """Raise the limit that is in force to the highest there may be."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
