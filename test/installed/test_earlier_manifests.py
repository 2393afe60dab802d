"""Manifests that were written for the earlier operator of this API group, and such as are not right."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from test.cluster.images.archive import Config
from test.cluster.images.catalogue import Recipe, archived
from test.cluster.images.tool import tool
from test.cluster.levels import import_image
from test.cluster.programs import cache_folder
from test.installed.installation import Installation, Space
from test.running.api import Json
from test.running.clients import Address
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

IMAGE = "isoproxy.test/obey:1"
"""A program that needs no arguments, which earlier manifests could not give."""
SPEC: Json = {
    "image": IMAGE,
    "port": 8000,
    "replicas": 2,
    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    "env": [{"name": "GREETING", "value": "hello"}],
    "service": {"type": "NodePort", "port": 9000, "annotations": {"example.com/owner": "team-1"}},
}
"""All fields there were."""


def manifest(name: str, spec: Json) -> Json:
    return {"apiVersion": "soh.re/v1alpha1", "kind": "DedicatedService", "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    recipe = Recipe(files={"tool": tool()}, config=Config(entrypoint=["/tool", "obey"], user="65534:65534"))
    import_image(installation.cluster, archived(cache_folder() / "images", IMAGE, recipe))
    with installation.space("earlier") as space:
        yield space


@pytest.fixture(scope="module")
def address(space: Space) -> Address:
    return space.serve(manifest("all", SPEC))


def table(text: str) -> tuple[list[str], list[list[str]]]:
    """Split what ``kubectl get`` prints into its header and its rows."""
    header, *rows = (line.split() for line in text.splitlines())
    return header, rows


def test_every_field_has_the_effect_it_had(space: Space, address: Address) -> None:
    with space.session(address) as command:
        assert command("env GREETING") == "hello"
        assert command("env PORT") == "8000"
        name = command("who").split()[0]
        (pod,) = [pod for pod in space.api.pods("all") if pod["metadata"]["name"] == name]
        (container,) = pod["spec"]["containers"]
        assert (container["image"], container["resources"]) == (IMAGE, SPEC["resources"])
        space.api.wait_for_base("all", 2, used=1)  # so that the next test can wait for its end
    made = space.proxy_service("all")
    assert made["spec"]["type"] == "NodePort"
    assert made["spec"]["ports"][0]["port"] == 9000
    assert made["metadata"]["annotations"]["example.com/owner"] == "team-1"


def test_status_and_columns_are_what_they_were(space: Space, address: Address) -> None:
    space.api.wait_for_base("all", 2)
    eventually(lambda: targets(space) == (2, 2), "both pods are counted")
    header, rows = table(space.kubectl("get", "dedi", "all"))
    assert header == ["NAME", "IMAGE", "TOTAL", "AVAILABLE", "AGE"]
    assert [row[:-1] for row in rows] == [["all", IMAGE, "2", "2"]]
    header, rows = table(space.kubectl("get", "ipods"))
    assert [name for name in header if name in ("SERVICE", "POD", "IN-USE", "AGE")] == [
        "SERVICE",
        "POD",
        "IN-USE",
        "AGE",
    ]
    assert [row[1:4] for row in rows] == [["all", row[0], "false"] for row in rows]
    (record,) = [record for record in space.api.records("all") if record["metadata"]["name"] == rows[0][0]]
    pods = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in space.api.pods("all")}
    expected = {"serviceName": "all", "podName": rows[0][0], "podIP": pods[rows[0][0]], "port": 8000}
    assert expected.items() <= record["spec"].items()


def targets(space: Space) -> tuple[int, int]:
    """Return how many pods the service says that it has, and how many that nobody uses."""
    status = space.api.service("all")["status"]
    return status["totalTargets"], status["availableTargets"]


def test_an_image_alone_is_enough(space: Space) -> None:
    space.apply(manifest("least", {"image": IMAGE}))
    space.kubectl("wait", "dedi/least", "--for=condition=Ready", "--timeout=50s")
    spec = space.api.service("least")["spec"]
    assert (spec["port"], spec["replicas"]) == (8080, 1)
    assert (spec["service"]["type"], spec["service"]["port"]) == ("ClusterIP", 9090)
    assert space.cluster_address("least")[1] == 9090


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.image", None),
        ("spec.imagee", "redis"),
        ("spec.port", 0),
        ("spec.port", "http"),
        ("spec.replicas", -1),
        ("spec.env[0].name", None),
        ("spec.env[0].values", "hello"),
        ("spec.resources.limit", {"cpu": 1}),
        ("spec.service.type", "ExternalName"),
        ("spec.service.port", 65536),
        ("spec.service.ports", [9000]),
        ("spec.service.annotations.number", 1),
    ],
)
def test_what_is_unknown_or_invalid_is_refused_with_its_path(space: Space, path: str, value: object) -> None:
    with pytest.raises(AssertionError) as caught:
        space.kubectl("apply", "--dry-run=server", "-f", "-", given=json.dumps(manifest("wrong", with_(path, value))))
    assert path in str(caught.value)


def with_(path: str, value: object) -> Json:
    """Return the spec with another value at a path, or without one."""
    spec = copy.deepcopy(SPEC)
    *folders, last = path.replace("[", ".").replace("]", "").split(".")[1:]
    inner: Any = spec
    for folder in folders:
        inner = inner[int(folder) if folder.isdigit() else folder]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return spec
