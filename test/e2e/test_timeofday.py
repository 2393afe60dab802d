"""The time of day is set, by NTP or by hand, while isoproxy runs: nothing stands still, or is over before its time."""

import signal
from pathlib import Path

from test.running.api import LEASES
from test.running.clients import ask, connected
from test.running.harness import Local, dedicated_service, fetch, write_manifests
from test.running.process import TREE
from test.running.waiting import eventually

POOL = 2
HOUR = 3600

# Python runs it before all else: whoever asks this module for the time of day is told it as it was set.
SET = """
import time
def _now(real=time.time):
    with open({file!r}) as set_by:
        return real() + float(set_by.read())
time.time = _now
"""


class TimeOfDay:
    """What a process takes for the time of day."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "seconds"
        self.set_by(0)
        (folder / "sitecustomize.py").write_text(SET.format(file=str(self._file)))
        self.path = f"{folder}:{TREE}"
        """PYTHONPATH of the process."""

    def set_by(self, seconds: float) -> None:
        """Set it so far forward or back of what it really is."""
        new = self._file.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._file)


def test_timers_go_on_when_it_is_set_back_and_wait_their_time_when_it_is_set_forward(tmp_path: Path) -> None:
    manifest = write_manifests(tmp_path, dedicated_service("echo", ["echo"], replicas=POOL))
    time_of_day = TimeOfDay(tmp_path)
    with Local("--drain-timeout=600", manifest, PYTHONPATH=time_of_day.path) as machine:
        machine.api.wait_for_base("echo", POOL)
        (address,) = machine.api.endpoints("echo")
        with connected(address) as peer:
            assert ask(peer, b"hello") == b"hello"
            time_of_day.set_by(-HOUR)
            goes_on(machine)
            time_of_day.set_by(HOUR)
            goes_on(machine)
            machine.send(signal.SIGTERM)
            machine.wait_for_log(rf"TCP Port {address[1]} Closed")
            time_of_day.set_by(2 * HOUR)
            eventually(lambda: machine.metric("isoproxy_sessions") == 1, "it has looked at its timers")
            assert ask(peer, b"still here") == b"still here"
        machine.check_end(signal.SIGTERM)


def goes_on(machine: Local) -> None:
    """Hold it to what only happens as time passes: each proxy renews its Lease, what is used up is replaced."""
    (before,) = machine.api.items(LEASES)

    def is_renewed() -> bool:
        (lease,) = machine.api.items(LEASES)
        return bool(lease["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"])

    (address,) = machine.api.endpoints("echo")
    with connected(address) as peer:
        assert ask(peer, b"hello") == b"hello"
    eventually(is_renewed, "the Lease is renewed")
    machine.api.wait_for_base("echo", POOL, used=1)
    assert fetch(machine.metrics_address(), "/healthz") == (200, "ok\n")
