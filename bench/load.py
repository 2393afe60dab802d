"""A load generator in plain Python: what a relay is measured with, in processes of its own.

Both ends are as cheap as Python allows, so that the relay is what is measured: bare epoll loops, and a far end that
discards in the kernel.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bench import measure

_HOST = "127.0.0.1"
_CHUNK = 256 * 1024
_PATIENCE = 30.0
"""Seconds that an answer may take before the run is given up."""
_fork = multiprocessing.get_context("fork")


@contextlib.contextmanager
def server() -> Iterator[int]:
    """The far end, in a process of its own; gives the port it listens on."""
    with socket.create_server((_HOST, 0), backlog=1024) as listener:
        process = _fork.Process(target=_far_end, args=(listener,), daemon=True)
        process.start()
        port: int = listener.getsockname()[1]
    try:
        yield port
    finally:
        process.kill()
        process.join()


def run(job: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What ``job(*args, **options)`` returns when run in a process of its own."""
    ours, theirs = _fork.Pipe(duplex=False)
    process = _fork.Process(target=_report, args=(theirs, job, args, options), daemon=True)
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        raise RuntimeError(f"{job.__name__} failed") from None
    finally:
        process.join()


def _report(to: Connection, job: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> None:
    to.send(job(*args, **options))


def _far_end(listener: socket.socket) -> None:
    """What all relays relay to: it echoes what begins with an ``x``, and discards all other streams.

    Echoed are messages that fit the socket's buffer. A stream is discarded in the kernel; when all of it has come, the
    connection is closed.
    """
    echoes: dict[socket.socket, bool] = {}
    for ready in _serve(listener):
        try:
            if ready not in echoes:
                echoes[ready] = ready.recv(1, socket.MSG_PEEK) == b"x"
            if echoes[ready]:
                got = ready.recv_into(_scratch)
                ready.send(_view[:got])
            else:
                # MSG_TRUNC throws TCP's bytes away in the kernel: nothing is copied.
                got = ready.recv_into(_scratch, _CHUNK, socket.MSG_TRUNC)
            if got:
                continue
        except BlockingIOError:
            continue
        except OSError:
            pass
        echoes.pop(ready, None)
        ready.close()


_scratch = bytearray(_CHUNK)
_view = memoryview(_scratch)


def _serve(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept for ever; give each connection whenever it can be read."""
    listener.setblocking(False)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    while True:
        for fd, _ in epoll.poll():
            if fd in connections:
                yield connections[fd]
                if connections[fd].fileno() == -1:
                    del connections[fd]
                continue
            with contextlib.suppress(BlockingIOError):
                accepted, _ = listener.accept()
                accepted.setblocking(False)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                epoll.register(accepted, select.EPOLLIN)
                connections[accepted.fileno()] = accepted


def send_all(port: int, *, total: int) -> None:
    """Send ``total`` bytes, and wait until the far end has had them all."""
    chunk = memoryview(bytes(_CHUNK))
    with socket.create_connection((_HOST, port), timeout=_PATIENCE) as one:
        for begin in range(0, total, _CHUNK):
            one.sendall(chunk[: total - begin])
        one.shutdown(socket.SHUT_WR)
        if one.recv(1):
            raise RuntimeError("the far end was to discard, and answered")


@dataclass(frozen=True)
class Talk:
    """What many small messages came to."""

    messages_per_second: float
    cpu_seconds_per_message: float
    """Of the relay."""


def ping_pong(port: int, *, connections: int, seconds: float, pid: int) -> Talk:
    """One byte to and fro on each of ``connections`` for ``seconds``, through the relay that is process ``pid``."""
    with held_open(port, count=connections) as opened:
        by_fd = {one.fileno(): one for one in opened}
        epoll = select.epoll()
        for fd, one in by_fd.items():
            epoll.register(fd, select.EPOLLIN)
            one.send(b"x")
        rounds, used, started = 0, measure.cpu_ns(pid), time.perf_counter()
        while (now := time.perf_counter()) - started < seconds:
            for fd, _ in epoll.poll(1.0):
                by_fd[fd].recv_into(_scratch)
                by_fd[fd].send(b"x")
                rounds += 1
        used = measure.cpu_ns(pid) - used
    messages = 2 * rounds
    return Talk(messages / (now - started), used / 1e9 / messages)


@contextlib.contextmanager
def held_open(port: int, *, count: int) -> Iterator[list[socket.socket]]:
    """``count`` connections that have done one round trip and are idle since."""
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            one = stack.enter_context(socket.create_connection((_HOST, port), timeout=_PATIENCE))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.send(b"x")
            opened.append(one)
        for one in opened:
            _expect_answer(one)
        yield opened


def connect_in_turns(ports: Sequence[int], *, count: int, spacing: float) -> list[list[float]]:
    """Seconds from connect to the answer to one byte: ``count`` times to each port, the ports taking turns."""
    taken: list[list[float]] = [[] for _ in ports]
    for _ in range(count):
        for port, times in zip(ports, taken, strict=True):
            times.append(_first_answer(port))
            time.sleep(spacing)
    return taken


def connect_latencies(port: int, *, count: int) -> list[float]:
    """Seconds from connect to the answer to one byte, for ``count`` connections one right after the other."""
    return [_first_answer(port) for _ in range(count)]


def _first_answer(port: int) -> float:
    started = time.perf_counter()
    with socket.create_connection((_HOST, port), timeout=_PATIENCE) as one:
        one.send(b"x")
        _expect_answer(one)
        return time.perf_counter() - started


def _expect_answer(one: socket.socket) -> None:
    if one.recv(1) != b"x":
        raise RuntimeError("a connection was closed without an answer")


def connect_many(port: int, *, count: int, parallel: int) -> float:
    """``count`` connections of one round trip each, ``parallel`` of them at a time; gives the seconds for all."""
    started = time.perf_counter()
    _connect_while(lambda begun: begun < count, port, parallel)
    return time.perf_counter() - started


def connect_for(port: int, *, seconds: float, parallel: int) -> list[float]:
    """Connections of one round trip each for ``seconds``, ``parallel`` at a time; gives what each took, in seconds."""
    end = time.perf_counter() + seconds
    return _connect_while(lambda _: time.perf_counter() < end, port, parallel)


def _connect_while(more: Callable[[int], bool], port: int, parallel: int) -> list[float]:
    """Connections as long as ``more(how many were begun)``; the seconds from connect to answer of each."""
    epoll = select.epoll()
    under_way: dict[int, tuple[socket.socket, float]] = {}
    taken: list[float] = []
    begun = 0
    while True:
        while len(under_way) < parallel and more(begun):
            one = socket.socket()
            one.setblocking(False)
            under_way[one.fileno()] = one, time.perf_counter()
            one.connect_ex((_HOST, port))
            epoll.register(one, select.EPOLLOUT)
            begun += 1
        if not under_way:
            return taken
        events = epoll.poll(_PATIENCE)
        if not events:
            raise RuntimeError(f"{len(under_way)} connections got no answer in {_PATIENCE:.0f} s")
        for fd, ready in events:
            if ready == select.EPOLLOUT:
                under_way[fd][0].send(b"x")
                epoll.modify(fd, select.EPOLLIN)
                continue
            one, started = under_way.pop(fd)
            with one:
                _expect_answer(one)
                taken.append(time.perf_counter() - started)
