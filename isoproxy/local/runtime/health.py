"""When a running program is Ready: by listening, unless its probe says otherwise."""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from isoproxy.local.runtime.facts import CannotRun, PodId
from isoproxy.local.runtime.interface import PodRuntime
from isoproxy.local.runtime.podspec import Container
from isoproxy.local.runtime.probes import ProbeLoop, checker


class Readiness:
    """Watches one start of a pod's program, and tells when its readiness changes; at first it is not Ready.

    Without a probe it is Ready for good once it listens on its first port, or at once if it has none. A tcpSocket
    probe is the same for the probe's port: a real connection could be the only one that the program serves.
    """

    def __init__(
        self,
        clock: IReactorTime,
        runtime: PodRuntime,
        pod: PodId,
        ip: str,
        container: Container,
        *,
        on_change: Callable[[bool], None],
        on_refused: Callable[[CannotRun], None],
    ) -> None:
        """`on_refused`: it can never be Ready. Neither is called from within."""
        self._clock = clock
        self._runtime = runtime
        self._pod = pod
        self._ip = ip
        self._container = container
        self._on_change = on_change
        self._on_refused = on_refused
        probe = container.readiness_probe
        call = clock.callLater(probe.initial_delay_seconds if probe is not None else 0, self._begin)
        self._stop: Callable[[], None] = call.cancel

    def stop(self) -> None:
        """Watch no more. Idempotent."""
        stop, self._stop = self._stop, lambda: None
        stop()

    def _begin(self) -> None:
        self._stop = lambda: None
        probe = self._container.readiness_probe
        port = self._container.port
        if probe is not None and probe.tcp_socket is None:
            check = checker(self._clock, self._runtime, self._pod, self._ip, self._container, probe)
            self._stop = ProbeLoop(self._clock, probe, check, self._on_change).stop
            return
        if probe is not None and probe.tcp_socket is not None:
            port = self._container.port_number(probe.tcp_socket.port)
        if port is None:
            self._on_change(True)
        else:
            self._stop = self._runtime.when_listening(self._pod, port, self._listening, self._on_refused)

    def _listening(self) -> None:
        self._on_change(True)
