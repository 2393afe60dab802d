"""Who may talk to a server that asks for no credentials and starts processes. Pure.

It listens on loopback, where every web page that the user's browser shows can send requests too. So: a Host that is
neither an address nor localhost is refused (a page's own domain can be made to resolve to 127.0.0.1), and so is
whatever says that it comes from a page.
"""

from collections.abc import Container
from ipaddress import ip_address

from isoproxy.local.apiserver.errors import StatusError


def check(host: str | None, origin: str | None, site: str | None, trusted: Container[str] = ()) -> None:
    """Refuse with 403 what a browser sends for a web page; the arguments are Host, Origin and Sec-Fetch-Site.

    `trusted` are further names that a Host may have, without a port.
    """
    if origin is not None or (site is not None and site not in ("none", "same-origin")):
        raise StatusError(403, "Forbidden", "requests from web pages are not answered")
    if host is not None and not _is_direct(host, trusted):
        raise StatusError(403, "Forbidden", "the Host of a request must be an address or localhost")


def _is_direct(host: str, trusted: Container[str]) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host
    if name == "localhost" or name in trusted or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
