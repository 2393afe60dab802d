"""The cluster's own kubectl, of its own version."""

import os
import subprocess
from pathlib import Path

from test.cluster.cluster import Cluster
from test.running.process import Process

_SECONDS = 90.0


class Kubectl:
    """Runs kubectl as the cluster's administrator."""

    def __init__(self, cluster: Cluster, program: Path, *, host: str = "") -> None:
        """``host`` is where in the cluster's network it runs."""
        self._cluster = cluster
        self._program = program
        self._host = host

    def __call__(self, *arguments: str | Path, given: str | None = None) -> str:
        """Run it to its end, which must be a good one; return what it printed. ``given`` is its standard input."""
        done = subprocess.run(
            self._command(*arguments),
            env=os.environ | self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}{done.stdout}"
        return done.stdout

    def following(self, *arguments: str | Path) -> Process:
        """Start one that goes on until it is ended."""
        return Process([*self._command(*arguments)], **self.environment)

    def _command(self, *arguments: str | Path) -> list[str]:
        return self._cluster.sandbox.at(self._host, str(self._program), *map(str, arguments))

    @property
    def environment(self) -> dict[str, str]:
        """What tells it of the cluster. What it learns of the server it keeps below HOME."""
        files = self._cluster.files
        return {"KUBECONFIG": str(files.kubeconfig()), "HOME": str(files.data)}
