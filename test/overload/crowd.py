"""Clients that come again as soon as they have been served, or as there may be room for them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from test.overload.effort import PATIENCE
from test.running.clients import Address, who_serves


class Crowd:
    """So many clients of the program ``who`` at once, until so many connections were served."""

    def __init__(self, address: Address, *, clients: int, connections: int) -> None:
        self._address = address
        self._clients = clients
        self._connections = connections
        self._changed = threading.Condition()
        self.served: list[tuple[str, int]] = []
        """Who served each, and which connection of that pod this was."""
        self.turned_away = 0

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Let them come; they have gone at the end."""
        threads = [threading.Thread(target=self._one_after_the_other) for _ in range(self._clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for thread in threads:
                thread.join()

    @property
    def is_over(self) -> bool:
        """Whether enough connections were served."""
        return len(self.served) >= self._connections

    def _one_after_the_other(self) -> None:
        while not self.is_over:
            try:
                pod = who_serves(self._address, within=PATIENCE)  # who waits for long was not turned away
            except (OSError, ValueError):  # reset before or after it knew that it was connected
                self._was_turned_away()
            else:
                self._was_served(pod)

    def _was_served(self, pod: tuple[str, int]) -> None:
        with self._changed:
            self.served.append(pod)
            self._changed.notify_all()

    def _was_turned_away(self) -> None:
        """Return when another was served, as there is room again; that will be, for the queue is full of others."""
        with self._changed:
            self.turned_away += 1
            if not self.is_over:
                self._changed.wait(PATIENCE)
