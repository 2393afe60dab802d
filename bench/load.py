"""A load generator in plain Python: what a relay is measured with, in processes of its own.

The far ends are as cheap as Python allows, so that the relay is what is measured: the sink discards in the kernel, the
echo and the ping-pong client are bare epoll loops.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import select
import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

_HOST = "127.0.0.1"
_CHUNK = 256 * 1024
_fork = multiprocessing.get_context("fork")


@contextlib.contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """``serve`` (:func:`sink` or :func:`echo`) in a process of its own; gives the port it listens on."""
    with socket.create_server((_HOST, 0), backlog=1024) as listener:
        process = _fork.Process(target=serve, args=(listener,), daemon=True)
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


def sink(listener: socket.socket) -> None:
    """Discard what each connection sends; when it has sent all, close."""
    for ready in _serve(listener):
        try:
            # MSG_TRUNC throws TCP's bytes away in the kernel: nothing is copied.
            if not ready.recv_into(_scratch, _CHUNK, socket.MSG_TRUNC):
                ready.close()
        except BlockingIOError:
            continue
        except OSError:
            ready.close()


def echo(listener: socket.socket) -> None:
    """Send back what each connection sends (meant for messages that fit the socket's buffer)."""
    for ready in _serve(listener):
        try:
            if (got := ready.recv_into(_scratch)) == 0:
                ready.close()
            else:
                ready.send(_view[:got])
        except BlockingIOError:
            continue
        except OSError:
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


def send_all(port: int, *, total: int, connections: int = 1) -> float:
    """Send ``total`` bytes over ``connections`` at once and wait for the far end to close each; gives the seconds."""
    opened = [socket.create_connection((_HOST, port)) for _ in range(connections)]
    left = dict.fromkeys(opened, total // connections)
    chunk = memoryview(bytes(_CHUNK))
    epoll = select.epoll()
    by_fd = {one.fileno(): one for one in opened}
    for one in opened:
        one.setblocking(False)
        epoll.register(one, select.EPOLLOUT)
    started = time.perf_counter()
    while by_fd:
        for fd, events in epoll.poll():
            one = by_fd[fd]
            if left[one]:
                left[one] -= one.send(chunk[: left[one]])
                if not left[one]:
                    one.shutdown(socket.SHUT_WR)
                    epoll.modify(fd, select.EPOLLIN)
            elif events & (select.EPOLLIN | select.EPOLLHUP):
                del by_fd[fd]
                epoll.unregister(fd)
    elapsed = time.perf_counter() - started
    for one in opened:
        one.close()
    return elapsed


def ping_pong(port: int, *, connections: int, seconds: float, size: int = 1) -> float:
    """``size`` bytes to and fro on each of ``connections`` for ``seconds``; gives round trips per second."""
    message = b"x" * size
    epoll = select.epoll()
    by_fd: dict[int, socket.socket] = {}
    for _ in range(connections):
        one = socket.create_connection((_HOST, port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        by_fd[one.fileno()] = one
        epoll.register(one, select.EPOLLIN)
        one.sendall(message)
    owed = dict.fromkeys(by_fd, size)
    rounds, started = 0, time.perf_counter()
    while (now := time.perf_counter()) - started < seconds:
        for fd, _ in epoll.poll(1.0):
            owed[fd] -= by_fd[fd].recv_into(_scratch)
            if not owed[fd]:
                owed[fd] = size
                rounds += 1
                by_fd[fd].send(message)
    for one in by_fd.values():
        one.close()
    return rounds / (now - started)


def connect_latencies(port: int, *, count: int) -> list[float]:
    """Seconds from connect to the answer to one byte, for ``count`` connections one after the other."""
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        with socket.create_connection((_HOST, port)) as one:
            one.send(b"x")
            if one.recv(1) != b"x":
                raise RuntimeError("the connection was closed without an answer")
            taken.append(time.perf_counter() - started)
    return taken
