"""The newest output of one program, bounded. Pure."""


class Ring:
    """Keeps the last `size` bytes of a stream; a position is a count of bytes since its beginning."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept = bytearray()
        self._start = 0  # position of the first byte kept

    @property
    def end(self) -> int:
        """The position behind the newest byte."""
        return self._start + len(self._kept)

    def append(self, data: bytes) -> None:
        """Add to the end, and let go of the oldest beyond the size."""
        self._kept += data
        excess = len(self._kept) - self._size
        if excess > 0:
            del self._kept[:excess]
            self._start += excess

    def read(self, position: int, limit: int) -> tuple[bytes, int]:
        """At most `limit` bytes from `position` on, and where to read on.

        If those bytes are no longer kept, it goes on with the first whole line that is.
        """
        offset = position - self._start
        if offset < 0:
            offset = self._kept.find(b"\n") + 1
        data = bytes(self._kept[offset : offset + limit])
        return data, self._start + min(offset, len(self._kept)) + len(data)

    def tail(self, lines: int) -> int:
        """The position where the last so many lines begin; an unfinished line counts as one."""
        end = len(self._kept)
        if lines <= 0:
            return self.end
        before = end - 1 if self._kept.endswith(b"\n") else end
        for _ in range(lines):
            before = self._kept.rfind(b"\n", 0, before)
            if before < 0:
                return self._start if self._start == 0 else self._start - 1
        return self._start + before + 1
