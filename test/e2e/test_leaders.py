"""Two operators as processes, of which one acts."""

import signal
from pathlib import Path

import pytest

from test.e2e.grounds import Ground
from test.e2e.oncluster import OPERATED
from test.running.api import DEDIS, LEASES
from test.running.harness import Isoproxy, dedicated_service, fetch, write_kubeconfig, write_manifests
from test.running.waiting import eventually

LEASE = f"{LEASES}/isolation-proxy-operator"
RUN_OUT = 60.0
"""More than it takes until the Lease of a dead operator has run out, and the other has noticed."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_one_operator_acts_and_the_other_takes_over(ground: Ground, tmp_path: Path, number: signal.Signals) -> None:
    manifest = write_manifests(tmp_path, dedicated_service("led", ["who"], replicas=1))
    with ground.machine(manifest) as machine:
        api = machine.api
        config = f"--kubeconfig={write_kubeconfig(tmp_path, api)}"
        options = ["--role=operator", OPERATED, "--leader-elect", config]
        with Isoproxy(*options) as first:
            first.wait_for_log(r" leads$")
            api.wait_for_base("led", 1)
            with Isoproxy(*options) as second:
                second.wait_for_log(r" leads; \S+ waits$")
                eventually(lambda: fetch(second.metrics_address(), "/readyz")[0] == 200, "it is ready")
                first.stop(number)
                api.patch(f"{DEDIS}/led", {"spec": {"replicas": 2}})
                second.wait_for_log(r" leads$", within=RUN_OUT)
                api.wait_for_base("led", 2)
                second.stop()
        assert api.request("GET", LEASE)["spec"].get("holderIdentity", "") == ""
        machine.stop()
