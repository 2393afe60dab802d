"""The pool lends few pipes, empty ones, and none where the kernel has none."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from isoproxy.proxy.relay.pipes import Pipe, PipePool
from test.proxy.relay.harness import descriptors_used_up, open_descriptors

KIB, MIB = 1024, 1024 * 1024


def test_it_lends_no_more_than_its_limit() -> None:
    pool = PipePool(limit=2)
    lent = [pool.acquire(), pool.acquire()]
    assert all(lent)
    assert pool.acquire() is None
    pool.release(taken(lent.pop()))
    assert pool.acquire() is not None
    pool.close()


def test_an_empty_pipe_is_lent_again() -> None:
    pool = PipePool()
    pipe = taken(pool.acquire())
    pool.release(pipe)
    assert pool.acquire() is pipe
    pool.discard(pipe)


def test_a_pipe_with_bytes_in_it_is_closed_and_never_lent_again() -> None:
    before = open_descriptors()
    pool = PipePool(limit=1)
    pipe = taken(pool.acquire())
    os.write(pipe.write_fd, b"someone's secret")
    pool.discard(pipe)
    assert open_descriptors() == before
    pipe = taken(pool.acquire())
    with pytest.raises(BlockingIOError):
        os.read(pipe.read_fd, 1)
    pool.discard(pipe)


def test_pipes_have_the_size_asked_for() -> None:
    pool = PipePool(size=512 * KIB)
    pipe = taken(pool.acquire())
    assert fcntl.fcntl(pipe.write_fd, fcntl.F_GETPIPE_SZ) == 512 * KIB
    pool.discard(pipe)


@pytest.mark.parametrize(("allowed", "got"), [(512 * KIB, 512 * KIB), (300 * KIB, 256 * KIB), (64 * KIB, None)])
def test_a_smaller_pipe_will_do_but_not_any(allowed: int, got: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def grow(pipe: Pipe, size: int) -> None:
        asked.append(size)
        if size > allowed:
            raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Pipe, "grow", grow)
    before = open_descriptors()
    pool = PipePool(size=MIB)
    pipe = pool.acquire()
    assert asked[-1] == (got or 256 * KIB)
    if got:
        pool.discard(taken(pipe))
    assert (pipe is None) == (got is None)
    assert open_descriptors() == before


def test_with_no_descriptor_left_there_is_no_pipe_and_later_there_is() -> None:
    pool = PipePool()
    with descriptors_used_up():
        assert pool.acquire() is None
    later = [pool.acquire() for _ in range(1001)]  # the kernel is not asked again for every chunk
    assert [pipe for pipe in later[:1000] if pipe] == []
    pool.discard(taken(later[-1]))


def test_only_a_few_idle_pipes_are_kept() -> None:
    before = open_descriptors()
    pool = PipePool(keep=2)
    lent = [taken(pool.acquire()) for _ in range(5)]
    for pipe in lent:
        pool.release(pipe)
    assert open_descriptors() == before + 4
    pool.close()
    assert open_descriptors() == before


def test_a_closed_pool_lends_nothing_and_closes_what_comes_back() -> None:
    before = open_descriptors()
    pool = PipePool()
    pipe = taken(pool.acquire())
    pool.close()
    assert pool.acquire() is None
    pool.release(pipe)
    assert pool.lent == 0
    assert open_descriptors() == before


def test_without_splice_nothing_is_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "splice")
    assert PipePool().acquire() is None


def test_a_refusal_is_for_good() -> None:
    pool = PipePool()
    pool.refuse(OSError(errno.ENOSYS, "Function not implemented"))
    assert pool.acquire() is None


def taken(pipe: Pipe | None) -> Pipe:
    assert pipe is not None
    return pipe
