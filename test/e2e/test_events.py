"""Events beside a service, as any client of the API server sees them."""

from pathlib import Path

from test.e2e.grounds import Ground
from test.e2e.oncluster import OPERATED
from test.running.api import Json
from test.running.harness import Isoproxy, dedicated_service, write_kubeconfig, write_manifests
from test.running.waiting import eventually

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
CORE_EVENTS = "/api/v1/namespaces/default/events"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"


def test_trouble_and_its_end_are_told_in_both_views(ground: Ground, tmp_path: Path) -> None:
    manifest = write_manifests(tmp_path, dedicated_service("told", ["who"], replicas=1))
    with ground.machine(manifest) as machine:
        api = machine.api
        uid = api.service("told")["metadata"]["uid"]

        def told(reason: str) -> list[Json]:
            return api.items(EVENTS, fieldSelector=f"regarding.uid={uid},reason={reason}")

        api.create(CONFIG_MAPS, {"metadata": {"name": "told-proxy"}})
        config = f"--kubeconfig={write_kubeconfig(tmp_path, api)}"
        with Isoproxy("--role=operator", OPERATED, config) as operator:
            [warning] = eventually(lambda: told("NameTaken"), "the trouble is told")
            api.delete(f"{CONFIG_MAPS}/told-proxy")
            [end] = eventually(lambda: told("Recovered"), "its end is told")
            operator.stop()
        assert (warning["type"], end["type"]) == ("Warning", "Normal")
        assert "told-proxy" in warning["note"]
        assert warning["reportingController"] == "soh.re/isoproxy"
        assert warning["regarding"]["name"] == "told"
        older = api.items(CORE_EVENTS, fieldSelector=f"involvedObject.uid={uid}")
        assert {event["reason"] for event in older} == {"NameTaken", "Recovered"}
        assert {event["involvedObject"]["kind"] for event in older} == {"DedicatedService"}
        machine.stop()
