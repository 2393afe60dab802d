"""The bounds of the API client, in one place. Pure."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """In seconds, bytes and numbers; the defaults are what a cluster needs."""

    in_flight: int = 64  # requests at a time, and connections kept; watches come on top, with one each
    waiting: int = 1000  # requests that wait for their turn
    request: float = 30.0  # one try: its turn, its credentials, its connection and the whole reply
    connect: float = 10.0  # each address of the server
    idle: int = 45  # less than what any server or balancer on the way allows (60 s and more)
    reply: int = 16 * MIB  # one object: 1.5 MiB at most in etcd, and JSON makes six bytes of some characters
    page: int = 8 * MIB  # one page of a list, of several objects: parsed it takes a multiple of that
    page_items: int = 500
    pages: int = 400
    list: float = 300.0  # all pages of a list; its snapshot is kept for about as long

    watch: float = 240.0  # a watch is asked to end after this, or a fifth more, so that not all end at once
    silence: float = 100.0  # a watch this quiet is dead: bookmarks come about once a minute
    event: int = 16 * MIB  # one line, with one object
    queue: int = 1 * MIB  # events not yet taken; past it the connection is not read from
