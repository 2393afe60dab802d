"""Tells which namespaces the API server does not let the operator watch."""

from collections.abc import Callable, Collection

import txaio

from isoproxy.observe.metrics import Metrics

log = txaio.make_logger()

REMIND_SECONDS = 3600.0
"""What lasts is told again so often."""


class Unwatched:
    """Tells it as a metric, and in the log: once when it begins, rarely while it lasts, and when it ends."""

    def __init__(self, *, metrics: Metrics, monotonic: Callable[[], float]) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._told: dict[str, float] = {}

    def tell(self, refused: Collection[str]) -> None:
        """Tell of the namespaces that are refused now, ``""`` for all of them at once."""
        now = self._monotonic()
        for namespace in refused:
            if now - self._told.get(namespace, float("-inf")) >= REMIND_SECONDS:
                self._told[namespace] = now
                log.warn(
                    "{where} cannot be watched, for the API server refuses it: were the rights there taken away, or the"
                    " namespace? What is known of it may be old until it grants them; all else is looked after",
                    where=_named(namespace),
                )
        for namespace in self._told.keys() - set(refused):
            del self._told[namespace]
            log.info("{where} can be watched again", where=_named(namespace))
        self._metrics.set_namespaces_unwatched(len(refused))


def _named(namespace: str) -> str:
    return f"namespace {namespace}" if namespace else "the cluster"
