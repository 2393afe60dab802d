"""Runs isoproxy as its users do, as processes of their own, and looks at them from outside."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from test.e2e.api import Api, Json
from test.e2e.waiting import BOUND, eventually

TREE = Path(__file__).parents[2]
PROGRAM = TREE / "test" / "e2e" / "program.py"
TWISTD = Path(sys.executable).with_name("twistd")
STOP_SECONDS = 20.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process:
    """One process in a session and a folder of its own, and everything that comes of it.

    The folder is its working directory, HOME and TMPDIR, and is on its PATH: whatever it starts, however often removed,
    can be told by it in its environment or its command line.
    """

    def __init__(self, arguments: list[str | Path], **environment: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="e2e-"))
        self._log = self.folder / "log"
        self._temporary = self.folder / "tmp"
        self._temporary.mkdir()
        (self.folder / "home").mkdir()
        (self.folder / "bin").mkdir()
        self._arguments = [str(argument) for argument in arguments]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder / "home",
                start_new_session=True,
                env={
                    "PATH": f"{self.folder}/bin:{os.environ['PATH']}:/usr/sbin",
                    "HOME": f"{self.folder}/home",
                    "TMPDIR": str(self._temporary),
                    "PYTHONPATH": str(TREE),
                    "LANG": "C.UTF-8",
                    **environment,
                },
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End it if nobody has; where a test failed, its log is printed, for pytest to show."""
        try:
            if self.running:
                self.kill()
            if error is not None:
                print(f"--- {' '.join(self._arguments)}\n{shortened(self.log)}")
        finally:
            for pid in self._offspring():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def memory(self) -> int:
        """How many bytes of it are resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE

    def wait_for_log(self, pattern: str, *, within: float = BOUND) -> re.Match[str]:
        """Wait for output that a regular expression matches."""

        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.log, re.MULTILINE)
            assert found or self.running, f"it has ended: {self.log}"
            return found

        return eventually(look, f"{pattern!r} in the output", within=within)

    def wait(self, *, within: float = STOP_SECONDS) -> int:
        """Wait for its end, and return its exit status, negative for a signal."""
        return self._process.wait(within)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        self.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = STOP_SECONDS) -> None:
        """End it by a signal, and hold it to leaving nothing behind."""
        self.send(number)
        self.check_end(number, within=within)

    def check_end(self, number: signal.Signals, *, within: float = STOP_SECONDS) -> None:
        """Wait for an end that a signal asked for; it must have been a clean one."""
        # twistd, asked to end by a signal, says so in its status, as shells expect it.
        assert self.wait(within=within) == -number
        self.check_nothing_left()
        assert complaints(self.log) == []

    def check_nothing_left(self) -> None:
        """Fail if a process or a file is left of it."""
        assert self.offspring() == []
        assert self._folders() == []

    def wait_until_nothing_left(self) -> None:
        """Wait for what a killed process cannot have done by itself."""
        eventually(lambda: not self.offspring(), "no process left behind")
        eventually(lambda: not self._folders(), "no folder left behind")

    def _folders(self) -> list[Path]:
        return list(self._temporary.glob("isoproxy-*/*"))

    def offspring(self) -> list[str]:
        """Return the command lines of all processes, dead or alive or daemons, that come of it, itself left out."""
        found = []
        for pid in self._offspring():
            with suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(f"{pid} {command}")
        return found

    def _offspring(self) -> Iterator[int]:
        mark = f"{self.folder}/".encode()
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                about = [Path(f"/proc/{entry}/{what}").read_bytes() for what in ("environ", "cmdline")]
                if int(entry) != self.pid and any(mark in text for text in about):
                    yield int(entry)


def fetch(address: tuple[str, int], path: str) -> tuple[int, str]:
    """Get a page; return its status and its text."""
    connection = HTTPConnection(*address, timeout=BOUND)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def shortened(log: str) -> str:
    """Return a log without the middle of a long one."""
    lines = log.splitlines()
    return "\n".join(lines if len(lines) <= 100 else [*lines[:40], "...", *lines[-60:]])


def complaints(log: str) -> list[str]:
    """Return the lines of a log that no run of ours should have."""
    return [line for line in log.splitlines() if re.search(r"Traceback|Unhandled|#critical", line)]


class Isoproxy(Process):
    """One ``twistd isoproxy``."""

    def __init__(self, *arguments: str | Path, **environment: str) -> None:
        super().__init__(
            [
                TWISTD,
                "--nodaemon",
                "--pidfile=",
                "isoproxy",
                "--metrics-listen=tcp:0:interface=127.0.0.1",
                *arguments,
            ],
            **environment,
        )

    def metrics_address(self) -> tuple[str, int]:
        """Where it serves metrics and health."""
        found = self.wait_for_log(r"metrics and health are at http://([\d.]+):(\d+)")
        return found[1], int(found[2])

    def metrics(self) -> list[Sample]:
        """Return what it measures of itself."""
        text = fetch(self.metrics_address(), "/metrics")[1]
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of all values of a metric that have these labels."""
        return sum(s.value for s in self.metrics() if s.name == name and labels.items() <= s.labels.items())

    def listening(self, service: str) -> tuple[str, int]:
        """Where this process serves ``service``."""
        found = self.wait_for_log(rf"default/{service} listens on ([\d.]+):(\d+)$")
        return found[1], int(found[2])

    def ended(self, service: str | None = None) -> list[dict[str, str]]:
        """Return the access log: one dict of strings for each connection that has ended."""
        entries = []
        for line in self.log.splitlines():
            if found := re.search(r"service=\S+ client=\S+ .*$", line):
                entry = dict(field.split("=", 1) for field in found[0].split(" "))
                if service is None or entry["service"] == f"default/{service}":
                    entries.append(entry)
        return entries

    def outcomes(self, service: str, count: int, *, within: float = BOUND) -> list[str]:
        """Wait for ``count`` connections to have ended, and return how."""

        def enough() -> list[str]:
            entries = self.ended(service)
            return [entry["outcome"] for entry in entries] if len(entries) >= count else []

        return eventually(enough, f"the end of {count} connections to {service}", within=within)


class Local(Isoproxy):
    """One ``twistd isoproxy --local`` with an API server of its own."""

    def __init__(self, *arguments: str | Path, api_port: int = 0, **environment: str) -> None:
        super().__init__("--local", f"--api-listen=tcp:{api_port}:interface=127.0.0.1", *arguments, **environment)

    def pods(self, service: str) -> list[int]:
        """Return the processes of all pods of a service."""
        found = []
        for pid in self._offspring():
            with suppress(OSError):
                if f"\0POD_NAME={service}-".encode() in b"\0" + Path(f"/proc/{pid}/environ").read_bytes():
                    found.append(pid)
        return found

    @property
    def api(self) -> Api:
        """Its API server."""
        return api_of(self)


class Cluster(Process):
    """One machine as a cluster whose API server can go away and come back, see test/e2e/cluster.py."""

    def __init__(self, manifest: Path) -> None:
        super().__init__([sys.executable, "-u", "-m", "test.e2e.cluster", manifest])

    @property
    def api(self) -> Api:
        """Its API server."""
        return api_of(self)

    def stop_api_server(self) -> None:
        """Let the API server be away."""
        self.send(signal.SIGUSR1)
        self.wait_for_log("the API server is away")

    def start_api_server(self) -> None:
        """Let the API server be back."""
        self.send(signal.SIGUSR1)
        self.wait_for_log("the API server is back")


def api_of(process: Process) -> Api:
    """Return the API server that a process says it is."""
    return Api(process.wait_for_log(r"the API server is at (http://[\d.:]+\d)")[1])


def write_kubeconfig(folder: Path, api: Api) -> Path:
    """Write a kubeconfig file for an API server; return its path."""
    path = folder / "kubeconfig"
    cluster = {"name": "local", "cluster": {"server": api.url}}
    context = {"name": "local", "context": {"cluster": "local", "user": ""}}
    config = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context]}
    path.write_text(json.dumps(config | {"current-context": "local"}))
    return path


def dedicated_service(name: str, program: list[str], **spec: Any) -> Json:
    """Return a manifest: ``program`` is a name of test/e2e/program.py and its arguments, the port any free one."""
    return {
        "apiVersion": "soh.re/v1alpha1",
        "kind": "DedicatedService",
        "metadata": {"name": name},
        "spec": {
            "image": "python",
            "command": [sys.executable, "-I", "-S", str(PROGRAM), *program],
            "service": {"port": 0},
            **spec,
        },
    }


def example(name: str, **spec: Any) -> Json:
    """Return the manifest of an example, at any free port."""
    manifest: Json = yaml.safe_load((TREE / "examples" / f"{name}.yaml").read_text())
    manifest["spec"] |= {"service": {"port": 0}} | spec
    return manifest


def write_manifests(folder: Path, *manifests: Json, name: str = "manifests.yaml") -> Path:
    """Write manifests as one file."""
    path = folder / name
    path.write_text("---\n".join(yaml.safe_dump(manifest, sort_keys=False) for manifest in manifests))
    return path
