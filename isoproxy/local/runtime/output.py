"""The newest output of pods, line by line, for `kubectl logs`. Pure."""

from collections import deque
from collections.abc import Callable, Sequence

from isoproxy.local.apiserver.logs import LogLine
from isoproxy.local.runtime.facts import PodId

_LONGEST_LINE = 64 * 1024  # bytes; a longer one is cut into pieces


class OutputLog:
    """Keeps whole lines, `size` bytes of the newest; an unfinished line is kept back until it is whole, or the end.

    Lines are told apart only when somebody reads: most logs are never read.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: deque[tuple[float, bytes]] = deque()  # when it came, and some whole lines
        self._octets = 0  # in all
        self._partial = b""
        self._skipping = False  # the rest of a line of which the beginning was left out
        self._followers: list[tuple[Callable[[LogLine], None], Callable[[], None]]] = []
        self.ended = False

    def feed(self, now: float, data: bytes, left_out: int) -> None:
        """Add output that came at `now` (seconds since the epoch), after `left_out` bytes that were lost."""
        if left_out:
            self._partial, self._skipping = b"", True
        if self._skipping:
            _, newline, data = data.partition(b"\n")
            if not newline:
                return
            self._skipping = False
        whole, newline, self._partial = (self._partial + data).rpartition(b"\n")
        if newline:
            self._add(now, whole + newline)
        if len(self._partial) > _LONGEST_LINE:
            self._add(now, self._partial + b"\n")
            self._partial = b""

    def end(self, now: float) -> None:
        """There will be no more."""
        if self._partial:
            self._add(now, self._partial + b"\n")
            self._partial = b""
        self.ended = True
        followers, self._followers = self._followers, []
        for _, on_end in followers:
            on_end()

    def lines(self, last: int | None = None) -> list[LogLine]:
        """The lines that are kept, oldest first; only so many of the last, if given."""
        pieces: deque[list[LogLine]] = deque()
        missing = last if last is not None else self._octets + 1
        for time, piece in reversed(self._kept):
            if missing <= 0:
                break
            lines = [LogLine(time, text) for text in piece.split(b"\n")[:-1]][-missing:]
            pieces.appendleft(lines)
            missing -= len(lines)
        return [line for lines in pieces for line in lines]

    def follow(self, on_line: Callable[[LogLine], None], on_end: Callable[[], None]) -> Callable[[], None]:
        """See `PodLogs.follow`."""
        if self.ended:
            on_end()
            return lambda: None
        follower = (on_line, on_end)
        self._followers.append(follower)

        def stop() -> None:
            if follower in self._followers:
                self._followers.remove(follower)

        return stop

    def _add(self, now: float, lines: bytes) -> None:
        self._kept.append((now, lines))
        self._octets += len(lines)
        while self._octets > self._size:
            time, oldest = self._kept.popleft()
            self._octets -= len(oldest)
            room = self._size - self._octets
            if room > 0:  # for some of its lines
                rest = oldest[oldest.find(b"\n", len(oldest) - room - 1) + 1 :]
                self._kept.appendleft((time, rest))
                self._octets += len(rest)
        for on_line, _ in list(self._followers):
            for text in lines.split(b"\n")[:-1]:
                on_line(LogLine(now, text))


class Logs:
    """The PodLogs of a runtime: of each pod the output of its newest start."""

    def __init__(self, size: int) -> None:
        """`size`: bytes kept for each pod."""
        self._size = size
        self._logs: dict[tuple[str, str], OutputLog] = {}

    def open(self, pod: PodId) -> OutputLog:
        """A new log for a start of the pod, in the place of the one before."""
        log = self._logs[pod.namespace, pod.name] = OutputLog(self._size)
        return log

    def drop(self, pod: PodId, log: OutputLog) -> None:
        """The pod is gone; another of its name may have come."""
        if self._logs.get((pod.namespace, pod.name)) is log:
            del self._logs[pod.namespace, pod.name]

    # PodLogs. A pod has one container here, whatever it is called.

    def read(self, namespace: str, name: str, *, container: str, tail_lines: int | None) -> Sequence[LogLine]:
        del container
        return self._logs[namespace, name].lines(tail_lines)

    def follow(
        self,
        namespace: str,
        name: str,
        *,
        container: str,
        on_line: Callable[[LogLine], None],
        on_end: Callable[[], None],
    ) -> Callable[[], None]:
        del container
        return self._logs[namespace, name].follow(on_line, on_end)
