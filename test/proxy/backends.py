"""Pods as a proxy knows them, where nobody dials them."""

from isoproxy.proxy.backend import Backend


def pod(number: int) -> Backend:
    """One of many."""
    return Backend("default", f"pod-{number}", f"uid-{number}", f"pod-uid-{number}", "10.0.0.1", 8080)
