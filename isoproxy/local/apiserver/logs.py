"""What the API server asks of a pod runtime to answer `kubectl logs`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a container's output, without its newline; `time` is in seconds since the epoch."""

    time: float
    text: bytes


class PodLogs(Protocol):
    """The output of the pods of a runtime, kept by it in bounded space.

    Both methods are synchronous, so that `read` followed by `follow` misses nothing. Both raise LookupError for a
    pod or container (`container` "" means the only one) that the runtime knows nothing of (any more).
    """

    def read(self, namespace: str, name: str, *, container: str, tail_lines: int | None) -> Sequence[LogLine]:
        """The lines that are kept, oldest first; only the last `tail_lines`, if given."""
        ...

    def follow(
        self,
        namespace: str,
        name: str,
        *,
        container: str,
        on_line: Callable[[LogLine], None],
        on_end: Callable[[], None],
    ) -> Callable[[], None]:
        """Hear of every further line, then of the end, which is once, when the container has ended.

        For a container that has ended already, `on_end` comes before this returns. Returns what stops it;
        stopping twice, or after the end, is harmless.
        """
        ...
