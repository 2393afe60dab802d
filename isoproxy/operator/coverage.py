"""Which namespaces are known whole, and which the API server does not let us see.

What becomes of a service hangs on the lists of its own namespace alone: where another's cannot be had, since its rights
or the whole of it were taken away, nobody else has to wait.
"""

from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from isoproxy.kube.reflector import Reflector


class Coverage:
    """The reflectors by the namespace that they watch; None stands for all namespaces at once."""

    def __init__(self) -> None:
        self._reflectors: dict[str | None, list[Reflector[Any]]] = {}
        self._known: set[str | None] = set()

    def add(self, namespace: str | None, reflector: Reflector[Any]) -> None:
        """Have one more kind belong to what must be known there."""
        self._reflectors.setdefault(namespace, []).append(reflector)

    def start(self) -> None:
        """Begin to watch."""
        for reflectors in self._reflectors.values():
            for reflector in reflectors:
                reflector.start()

    def stop(self) -> Deferred[Any]:
        """Stop watching; fires when nothing is left running."""
        return DeferredList([one.stop() for reflectors in self._reflectors.values() for one in reflectors])

    def completes(self, namespace: str | None) -> bool:
        """Whether the first list that has just been taken in was the last one that was missing there."""
        if not all(reflector.synced for reflector in self._reflectors[namespace]):
            return False
        self._known.add(namespace)
        return True

    def knows(self, namespace: str) -> bool:
        """Whether the first list of every kind has been taken in: before that nothing may be concluded there."""
        return None in self._known or namespace in self._known

    def refused(self) -> list[str]:
        """Return the namespaces of which a list was refused, and has not been granted since; ``""`` for all at once."""
        return sorted(
            namespace or ""
            for namespace, reflectors in self._reflectors.items()
            if any(reflector.refused for reflector in reflectors)
        )

    @property
    def complete(self) -> bool:
        """Whether some namespace is known, and none is still to be heard of: each is known, or refused."""
        missing = {namespace or "" for namespace in self._reflectors.keys() - self._known}
        return bool(self._known) and missing <= set(self.refused())
