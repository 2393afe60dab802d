"""The load: visitors in threads, each with one connection at a time, to whichever proxy chance says."""

import os
import socket
import struct
import threading
import time
from contextlib import suppress
from random import Random

from test.running import program
from test.soak.doings import now
from test.soak.seat import Seat
from test.soak.visits import End, Manner, Visit
from test.soak.world import QUEUE_SECONDS, World

_PATIENCE = QUEUE_SECONDS + 30.0
"""Longer than anybody waits for a pod, and for three of them to be dialled, and for a fault to be over."""
_LONGEST_STAY = 25.0
_PAUSE = 0.6
_MUCH = 300_000
_WEIGHTS = {Manner.BRIEF: 5.0, Manner.STAYS: 2.0, Manner.RESETS: 1.0, Manner.SENDS: 2.0, Manner.HANGS_UP: 0.5}


class _Left(Exception):
    """The other side ended the connection."""


class Crowd:
    """So many visitors, until they are told to stop; ``visits`` are those that are over."""

    def __init__(self, world: World, *, size: int, seed: int) -> None:
        self.visits: list[Visit] = []
        self._world = world
        self._over = threading.Event()
        randoms = [Random(f"visitor {seed} {number}") for number in range(size)]
        # What a thread starts is in its own network: these are in the cluster's, as whoever makes them is.
        self._threads = [threading.Thread(target=self._go_on, args=(random,), daemon=True) for random in randoms]
        for thread in self._threads:
            thread.start()

    def leave(self) -> None:
        """Let every visitor end its visit, and wait for it."""
        self._over.set()
        for thread in self._threads:
            thread.join(2 * _PATIENCE)
            assert not thread.is_alive(), "a visit does not end"

    def _go_on(self, random: Random) -> None:
        while not self._over.wait(random.expovariate(1 / _PAUSE)):
            seat = random.choice(self._world.proxies)
            [manner] = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
            visit = Visit(seat.service, seat.name, manner, began=now())
            self._visit(visit, seat, random)
            visit.ended = now()
            self.visits.append(visit)

    def _visit(self, visit: Visit, seat: Seat, random: Random) -> None:
        before = seat.run
        try:
            peer = socket.create_connection(("127.0.0.1", seat.port), timeout=_PATIENCE)
        except OSError:
            return
        with peer:
            visit.end, visit.port = End.TURNED_AWAY, peer.getsockname()[1]
            visit.run = before if before is seat.run and before.process.running else None
            try:
                self._talk(visit, peer, random)
            except TimeoutError:
                visit.end = End.TOO_LONG
            except (OSError, _Left):
                visit.end = End.CUT if visit.pod else End.TURNED_AWAY

    def _talk(self, visit: Visit, peer: socket.socket, random: Random) -> None:
        if visit.manner is Manner.HANGS_UP:
            self._over.wait(random.uniform(0, 0.1))
            visit.end = End.AS_MEANT
            return
        greeting = program.receive(peer).decode()
        if not greeting.endswith("\n"):
            raise _Left
        visit.pod, serial = greeting.split()
        visit.serial = int(serial)
        if visit.manner is Manner.SENDS:
            whole = _sends(peer, random)
        else:
            stay = 0.0 if visit.manner is Manner.BRIEF else random.uniform(0, _LONGEST_STAY)
            whole = self._stay(peer, stay, random)
        visit.end = End.AS_MEANT if whole else End.GARBLED
        if visit.manner is Manner.RESETS:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _stay(self, peer: socket.socket, seconds: float, random: Random) -> bool:
        """Talk; return whether every answer was right."""
        until = time.monotonic() + seconds
        while True:
            said = os.urandom(random.randrange(1, 2000))
            peer.sendall(said)
            if _receive(peer, len(said)) != said:
                return False
            if time.monotonic() >= until or self._over.wait(random.uniform(0, 1.0)):
                return True


def _sends(peer: socket.socket, random: Random) -> bool:
    """Send much and close that side, reading meanwhile; return whether it all came back, and nothing else."""
    said = os.urandom(random.randrange(1, _MUCH))

    def send() -> None:
        with suppress(OSError):  # who reads finds out
            peer.sendall(said)
            peer.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    answer = program.receive(peer, b"")
    sender.join(_PATIENCE)
    if len(answer) < len(said):
        raise _Left
    return answer == said


def _receive(peer: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = peer.recv(size - len(data))
        if not part:
            raise _Left
        data += part
    return data
