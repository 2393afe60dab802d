"""Who is whose child."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from isoproxy.local.runtime.supervisor import procfs

# A process that has a child, which has a child; each says its pid, and the last holds a listening socket.
FAMILY = """
import os, socket, time
for generation in range(3):
    print(os.getpid(), flush=True)
    if generation < 2 and os.fork():
        os.wait()
server = socket.create_server(("127.0.0.1", 0))
print(os.fstat(server.fileno()).st_ino, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def family() -> Iterator[tuple[int, int, int, int]]:
    """The pids of three generations, and the inode."""
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", FAMILY], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    numbers = [int(process.stdout.readline()) for _ in range(4)]
    yield numbers[0], numbers[1], numbers[2], numbers[3]
    for pid in numbers[:3]:
        os.kill(pid, 9)
    process.stdout.close()
    process.wait()


@pytest.mark.parametrize("listed", [True, False])
def test_children_are_found_with_and_without_the_kernels_list(
    family: tuple[int, int, int, int], listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procfs, "_LISTED", listed)
    first, second, third, _ = family
    assert procfs.children(first) == [second]
    assert list(procfs.descendants(first)) == [first, second, third]


def test_sockets_of_descendants_count(family: tuple[int, int, int, int]) -> None:
    first, _, _, inode = family
    sockets = procfs.sockets(first)
    assert sockets is not None
    assert inode in sockets


def test_who_is_gone_has_nothing() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert procfs.children(process.pid) == []
    assert procfs.sockets(process.pid) == set()
