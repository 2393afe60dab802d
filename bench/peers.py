"""HAProxy and nginx as plain TCP relays on loopback, each one thread, to be measured beside isoproxy.

They run in the foreground with a configuration of their own in a temporary directory, and touch nothing else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])  # Debian keeps servers there
_START_SECONDS = 10.0

HAPROXY = """\
global
    nbthread 1
    maxconn 5000
    {pipes}
defaults
    mode tcp
    timeout connect 5s
    timeout client 5m
    timeout server 5m
    {splice}
listen relay
    bind 127.0.0.1:{port}
    server target 127.0.0.1:{target}
"""
FORCED_SPLICE = "option splice-request\n    option splice-response"

NGINX = """\
{module}
daemon off;
master_process off;
pid {directory}/pid;
error_log stderr error;
events {{ worker_connections 10000; }}
stream {{
    server {{
        listen 127.0.0.1:{port};
        proxy_pass 127.0.0.1:{target};
        proxy_half_close on;
    }}
}}
"""
_NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def available(program: str) -> bool:
    """Whether ``program`` ("haproxy" or "nginx") is installed here."""
    return shutil.which(program, path=_SEARCH) is not None


@contextlib.contextmanager
def haproxy(*, port: int, target: int, splice: str = FORCED_SPLICE, pipe_bytes: int = 0) -> Iterator[int]:
    """HAProxy on ``port`` relaying to ``target``, with ``splice`` options ("" copies); gives its pid.

    ``pipe_bytes`` sizes its pipes; 0 leaves them as they are by default (64 KiB).
    """
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "haproxy.cfg")
        pipes = f"tune.pipesize {pipe_bytes}" if pipe_bytes else ""
        config.write_text(HAPROXY.format(splice=splice, pipes=pipes, port=port, target=target))
        with process([_program("haproxy"), "-db", "-f", str(config)], port=port) as pid:
            yield pid


@contextlib.contextmanager
def nginx(*, port: int, target: int) -> Iterator[int]:
    """nginx's stream module on ``port`` relaying to ``target``; gives its pid."""
    with tempfile.TemporaryDirectory() as directory:
        module = f"load_module {_NGINX_MODULE};" if _NGINX_MODULE.exists() else ""
        config = Path(directory, "nginx.conf")
        config.write_text(NGINX.format(module=module, directory=directory, port=port, target=target))
        command = [_program("nginx"), "-p", directory, "-c", str(config), "-e", "stderr"]
        with process(command, port=port) as pid:
            yield pid


@contextlib.contextmanager
def process(command: Sequence[str], *, port: int) -> Iterator[int]:
    """A process that is to listen on ``port`` of 127.0.0.1; gives its pid once it does, and ends it afterwards."""
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        _wait_until_listening(running, port)
        yield running.pid
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(5)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _wait_until_listening(running: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if running.poll() is not None:
            raise RuntimeError(f"{running.args!r} ended with status {running.returncode} before it listened")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{running.args!r} did not listen on port {port} within {_START_SECONDS:.0f} s")


def _program(name: str) -> str:
    found = shutil.which(name, path=_SEARCH)
    if found is None:
        raise RuntimeError(f"{name} is not installed")
    return found
