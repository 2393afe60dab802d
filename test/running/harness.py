"""Runs isoproxy as its users do, and looks at it from outside."""

import json
import signal
import sys
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from test.running import proc
from test.running.accesslog import Entry, entries
from test.running.api import DEDIS, Api, Json
from test.running.process import TREE, Process
from test.running.waiting import BOUND, eventually

PROGRAM = TREE / "test" / "running" / "program.py"
TWISTD = Path(sys.executable).with_name("twistd")


class Isoproxy(Process):
    """One ``twistd isoproxy``."""

    def __init__(self, *arguments: str | Path, through: Sequence[str] = (), **environment: str) -> None:
        """``through`` is the beginning of a command line that runs the rest of it somewhere else."""
        super().__init__(
            [
                *through,
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

    def ended(self, service: str | None = None) -> list[Entry]:
        """Return the access log: the connections that have ended."""
        found = entries(self.log)
        return [entry for entry in found if service is None or entry["service"] == f"default/{service}"]

    def outcomes(self, service: str, count: int, *, within: float = BOUND) -> list[str]:
        """Wait for ``count`` connections to have ended, and return how."""

        def enough() -> list[str]:
            ended = self.ended(service)
            return [entry["outcome"] for entry in ended] if len(ended) >= count else []

        return eventually(enough, f"the end of {count} connections to {service}", within=within)


class Local(Isoproxy):
    """One ``twistd isoproxy --local`` with an API server of its own."""

    def __init__(
        self, *arguments: str | Path, api_port: int = 0, through: Sequence[str] = (), **environment: str
    ) -> None:
        """``through`` as in Isoproxy."""
        api = f"--api-listen=tcp:{api_port}:interface=127.0.0.1"
        super().__init__("--local", api, *arguments, through=through, **environment)

    def pods(self, service: str) -> list[int]:
        """Return the processes of all pods of a service."""
        return [pid for pid in self._offspring() if proc.is_of_pod(pid, service)]

    def serve(self, manifest: Json) -> None:
        """Create a DedicatedService."""
        self.api.create(DEDIS, manifest)

    @property
    def api(self) -> Api:
        """Its API server."""
        return api_of(self)


class Cluster(Process):
    """One machine as a cluster whose API server can go away and come back, see test/running/cluster.py."""

    def __init__(self, manifest: Path) -> None:
        super().__init__([sys.executable, "-u", "-m", "test.running.cluster", manifest])

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


def fetch(address: tuple[str, int], path: str) -> tuple[int, str]:
    """Get a page; return its status and its text."""
    connection = HTTPConnection(*address, timeout=BOUND)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def api_of(process: Process) -> Api:
    """Return the API server that a process says it is."""
    return Api(process.wait_for_log(r"the API server is at (http://[\d.:]+\d)")[1])


def write_kubeconfig(folder: Path, api: Api) -> Path:
    """Return the kubeconfig file of an API server, written now where it has none."""
    if api.kubeconfig is not None:
        return api.kubeconfig
    path = folder / "kubeconfig"
    cluster = {"name": "local", "cluster": {"server": api.url}}
    context = {"name": "local", "context": {"cluster": "local", "user": ""}}
    config = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context]}
    path.write_text(json.dumps(config | {"current-context": "local"}))
    return path


def dedicated_service(name: str, program: list[str], **spec: Any) -> Json:
    """Return a manifest: ``program`` is a name of test/running/program.py and its arguments, the port any free one."""
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
