"""Every bound of the API server in one place. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds in bytes, seconds and counts."""

    body_bytes: int = 3 << 20  # of a request
    object_bytes: int = 1_500_000  # of a stored object as JSON
    json_depth: int = 128  # recursion is how values are walked
    objects: int = 50_000  # of all kinds together
    store_bytes: int = 1 << 30  # of all objects together
    events: int = 5_000  # the oldest Event goes when another comes
    history_bytes: int = 64 << 20  # and at most this much of them
    event_seconds: float = 3600.0
    history: int = 4_096  # changes kept for each kind: what a watch can resume from
    watch_seconds: float = 1800.0  # a watch that asks for no time ends after this or up to twice as long
    bookmark_seconds: float = 30.0
    garbage_batch: int = 100  # dependants looked at in one go
    streams: int = 2_000  # watches and followed logs
    connections: int = 512  # beside those, without a complete request: who has waited longest makes room
