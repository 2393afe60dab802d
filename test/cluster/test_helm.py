"""helm, as built here, works with the cluster: what a chart says is there, changes, comes back, and goes."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from test.cluster.programs import program
from test.cluster.target import Target
from test.running.api import Api, Refused

pytestmark = [pytest.mark.needs_cluster("control"), pytest.mark.needs_program("go")]

RELEASE = "note"
OBJECT = f"/api/v1/namespaces/default/configmaps/{RELEASE}"
SECRETS = "/api/v1/namespaces/default/secrets"
CHART = {
    "Chart.yaml": "apiVersion: v2\nname: note\nversion: 1.0.0\n",
    "values.yaml": "text: nothing yet\n",
    "values.schema.json": json.dumps({"properties": {"text": {"type": "string"}}}),
    "templates/note.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  text: {{ .Values.text | quote }}
  revision: {{ .Release.Revision | quote }}
""",
}

Helm = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    for name, text in CHART.items():
        path = tmp_path / "chart" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "chart"


@pytest.fixture
def helm(kubernetes: Target, tmp_path: Path) -> Iterator[Helm]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(kubernetes.kubeconfig)}

    def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        command = [program("helm"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    yield run
    run("uninstall", RELEASE, "--ignore-not-found")


@pytest.fixture
def api(kubernetes: Target) -> Api:
    return Api.of(kubernetes.kubeconfig)


def answer(done: "subprocess.CompletedProcess[str]") -> Any:
    """Return what helm said in JSON; it must have gone well."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def kept(api: Api) -> int:
    """Return how many revisions helm has a record of."""
    return len(api.items(SECRETS, labelSelector=f"owner=helm,name={RELEASE}"))


def test_a_chart_is_installed_upgraded_rolled_back_and_uninstalled(api: Api, helm: Helm, chart: Path) -> None:
    made = answer(helm("install", RELEASE, chart, "--wait", "--output=json"))
    assert (made["info"]["status"], made["version"]) == ("deployed", 1)
    assert api.request("GET", OBJECT)["data"] == {"text": "nothing yet", "revision": "1"}

    assert answer(helm("upgrade", RELEASE, chart, "--set", "text=read me", "--output=json"))["version"] == 2
    assert api.request("GET", OBJECT)["data"] == {"text": "read me", "revision": "2"}

    assert helm("rollback", RELEASE, "1").returncode == 0
    assert api.request("GET", OBJECT)["data"] == {"text": "nothing yet", "revision": "1"}
    assert [one["revision"] for one in answer(helm("history", RELEASE, "--output=json"))] == [1, 2, 3]
    assert kept(api) == 3

    assert helm("uninstall", RELEASE, "--wait").returncode == 0
    with pytest.raises(Refused) as refused:
        api.request("GET", OBJECT)
    assert refused.value.code == 404
    assert kept(api) == 0


def test_values_that_the_charts_schema_does_not_allow_are_refused_before_anything_is_made(
    api: Api, helm: Helm, chart: Path
) -> None:
    done = helm("install", RELEASE, chart, "--set", "text=1")
    assert done.returncode != 0
    assert "text" in done.stderr
    assert kept(api) == 0
