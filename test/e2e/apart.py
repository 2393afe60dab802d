"""The parts of isoproxy as separate processes: an API server with its machine, an operator, and proxies."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from test.e2e.grounds import Machine
from test.e2e.oncluster import OPERATED
from test.running.api import LEASES, Api
from test.running.clients import Address
from test.running.harness import Isoproxy, write_kubeconfig
from test.running.process import Process

GRACE_SECONDS = 10
"""How long the pods of a dead proxy are kept, the least there is."""


class Apart:
    """One service served by processes of their own."""

    def __init__(self, machine: Machine, *, service: str, proxies: int) -> None:
        """``machine`` has the service loaded, and ends with this."""
        self.machine = machine
        self.service = service
        self._count = proxies
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.machine)
            # Not in the machine's folder: that is what marks processes as the machine's.
            folder = stack.enter_context(TemporaryDirectory(prefix="e2e-"))
            self.kubeconfig = write_kubeconfig(Path(folder), self.api)
            self.operator = stack.enter_context(self._new_operator())
            self.proxies = [stack.enter_context(self._new_proxy()) for _ in range(self._count)]
            self.addresses: list[Address] = [proxy.listening(self.service) for proxy in self.proxies]
            assert set(self.api.endpoints(self.service, self._count)) == set(self.addresses)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    @property
    def api(self) -> Api:
        """The API server."""
        return self.machine.api

    def restart_operator(self) -> None:
        """Start another operator after the first."""
        self.operator = self._stack.enter_context(self._new_operator())

    def _new_operator(self) -> Isoproxy:
        return Isoproxy("--role=operator", OPERATED, "--kubeconfig", self.kubeconfig, f"--proxy-grace={GRACE_SECONDS}")

    def _new_proxy(self) -> Isoproxy:
        return Isoproxy(
            "--role=proxy",
            f"--service=default/{self.service}",
            "--listen=tcp:0:interface=127.0.0.1",
            f"--proxy-grace={GRACE_SECONDS}",
            "--drain-timeout=1",
            "--kubeconfig",
            self.kubeconfig,
        )

    def instance(self, proxy: Isoproxy) -> str:
        """Return the name of a proxy's instance, from its Lease."""
        host, port = proxy.listening(self.service)
        leases = self.api.items(LEASES, labelSelector=f"soh.re/service={self.service}")
        return next(
            str(lease["spec"]["holderIdentity"])
            for lease in leases
            if lease["metadata"]["annotations"].get("soh.re/listen") == f"{host}:{port}"
        )

    def stop(self) -> None:
        """End all that still run, the clients of the others first, and hold each to a clean end."""
        processes: list[Process] = [*self.proxies, self.operator, self.machine]
        for process in processes:
            if process.running:
                process.stop()
