"""How a connection can end: the closed set that metrics, the access log and the objects share."""

from enum import Enum


class Outcome(Enum):
    """How one accepted connection ended; every one ends in exactly one of these."""

    COMPLETED = "completed"
    """Both sides closed, each when it was done."""
    CLIENT_RESET = "client_reset"
    """The client broke off while it had its pod."""
    BACKEND_RESET = "backend_reset"
    """The pod, or its program, broke off; or closed, and its pod was deleted before the client had closed too."""
    CLIENT_GONE = "client_gone"
    """The client left before it was handed a pod."""
    QUEUE_FULL = "queue_full"
    """No pod was free and too many others were waiting."""
    QUEUE_TIMEOUT = "queue_timeout"
    """No pod came within the time a connection may wait."""
    DIAL_FAILED = "dial_failed"
    """None of the pods it was given could be reached."""
    IDLE_TIMEOUT = "idle_timeout"
    """Not a byte went either way for too long."""
    MAX_DURATION = "max_duration"
    """It had its pod for as long as the service allows."""
    DRAINED = "drained"
    """Its proxy was shut down before it ended."""
    ERROR = "error"
    """The proxy failed: out of file descriptors, or a fault of its own."""
    PROXY_LOST = "proxy_lost"
    """Its proxy died; written by the operator, never by a proxy."""
