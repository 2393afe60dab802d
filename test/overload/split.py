"""Operator and proxies as one process, and what is not theirs as another, so that each is seen for what it does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from test.running.api import Api
from test.running.harness import Isoproxy, Local, write_kubeconfig


@dataclass(frozen=True)
class Split:
    """The two processes."""

    machine: Local
    """The API server, and a node for the pods."""
    isoproxy: Isoproxy
    """Operator and proxies."""

    @property
    def api(self) -> Api:
        """The API server."""
        return self.machine.api


@contextmanager
def split(folder: Path) -> Iterator[Split]:
    """Run both; ``folder`` is for the kubeconfig. Where the test got to its end, theirs must be a clean one."""
    with Local("--role=none") as machine:
        kubeconfig = write_kubeconfig(folder, machine.api)
        with Isoproxy("--bind=127.0.0.1", "--drain-timeout=0", "--kubeconfig", kubeconfig) as isoproxy:
            yield Split(machine, isoproxy)
            isoproxy.stop()
        machine.stop()
