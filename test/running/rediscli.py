"""The real redis-cli."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from test.running.clients import Address
from test.running.waiting import BOUND


class RedisClient:
    """A ``redis-cli`` that is told one command after the other, over one connection."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, command: str) -> str:
        """Return the first line of the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def redis_cli(address: Address) -> Iterator[RedisClient]:
    """Connect, and hold it to a good end."""
    host, port = address
    with subprocess.Popen(
        ["redis-cli", "-h", host, "-p", str(port)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield RedisClient(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(BOUND) == 0
