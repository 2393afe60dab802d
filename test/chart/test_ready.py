"""What helm test runs: it asks an operator that has just been installed until it is ready, and not for ever."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from test.chart.helm import RELEASE, look, rendered

pytestmark = pytest.mark.needs_program("go")

HOST = f"$({RELEASE.upper().replace('-', '_')}_METRICS_SERVICE_HOST)"


class Operator(HTTPServer):
    """Answers /readyz with some codes in turn, and then with the last of them again and again."""

    def __init__(self, codes: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.codes = codes
        self.asked = 0

    def next_code(self) -> int:
        self.asked += 1
        return self.codes[min(self.asked, len(self.codes)) - 1]


class Answer(BaseHTTPRequestHandler):
    server: Operator

    def do_GET(self) -> None:
        code = self.server.next_code() if self.path == "/readyz" else 404
        self.send_response(code)
        self.end_headers()
        self.wfile.write(b"ok" if code == 200 else b"operator: still listing the cluster")


@contextmanager
def operator(*codes: int) -> Iterator[Operator]:
    with Operator(list(codes)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(host: str, port: int, seconds: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run what the test pod does, for so many seconds or as long as it does; the kubelet tells it the host."""
    (container,) = look(rendered({"metrics.port": port}), f"Pod/{RELEASE}-test spec.containers")
    assert container["command"] == ["python3", "-c"]
    program, *arguments = (host if argument == HOST else argument for argument in container["args"])
    assert arguments == [host, str(port), "60"]
    command = [sys.executable, "-c", program, host, str(port), seconds or arguments[-1]]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def test_an_operator_that_is_not_ready_yet_is_asked_again() -> None:
    with operator(503, 503, 200) as server:
        done = ask("127.0.0.1", server.server_port)
    assert (done.returncode, server.asked) == (0, 3)
    assert done.stdout.endswith("ok\n")


def test_one_that_does_not_become_ready_fails_in_the_end_and_says_what_is_missing() -> None:
    with operator(503) as server:
        done = ask("127.0.0.1", server.server_port, "1")
    assert done.returncode == 1
    assert server.asked > 1
    assert "operator: still listing the cluster" in done.stdout


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_one_that_is_not_there_fails_in_the_end(host: str) -> None:
    done = ask(host, 1, "0")
    assert done.returncode == 1
    assert "refused" in done.stdout
