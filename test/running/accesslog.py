"""Reads the access log of proxies, whose lines ``isoproxy/observe/accesslog.py`` writes."""

import re

Entry = dict[str, str]
"""What a line says of one connection that has ended, by the names in the line."""


def entries(log: str) -> list[Entry]:
    """Return the connections that have ended, by what a process has printed.

    Other lines are left out, and one that is half printed: it has no error yet.
    """
    found = (re.search(r"service=\S+ client=\S+ .* error=\S+$", line) for line in log.splitlines())
    return [dict(field.split("=", 1) for field in line[0].split(" ")) for line in found if line]
