"""Proxies that cannot run: their service says why, and those that there are go on."""

import json
from collections.abc import Callable, Iterator

import pytest

from test.e2e.containers import container_service
from test.installed.installation import PATIENCE, Installation, Space
from test.running.api import Json
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

MISSING = "isoproxy.test/nowhere:1"
REPLICAS = 2
TOO_LITTLE = "64Mi"
"""Of memory, for a proxy, which asks for twice as much."""


def service(name: str) -> Json:
    return container_service(name, ["obey"], replicas=REPLICAS, service={"type": "NodePort", "port": 7000})


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    with installation.space("failing") as space:
        yield space


@pytest.fixture
def missing_image(installation: Installation) -> Iterator[Callable[[], None]]:
    """Gives what has the operator deploy proxies from an image that no node has; in the end it is as it was."""
    yield lambda: installation.install(values={"extraArgs": [f"--proxy-image={MISSING}"]})
    installation.install()


def says(space: Space, name: str, *words: str) -> bool:
    degraded = space.api.condition(name, "Degraded")
    return degraded.get("status") == "True" and all(word in degraded["reason"] + degraded["message"] for word in words)


def is_well(space: Space, name: str) -> bool:
    return space.api.condition(name, "Degraded").get("status") == "False"


def has_told(space: Space, name: str, reason: str, word: str = "") -> bool:
    """Whether there is an Event with this reason beside a service, and with this word in its note."""
    of = f"--field-selector=involvedObject.kind=DedicatedService,involvedObject.name={name},reason={reason}"
    found = json.loads(space.kubectl("get", "events", of, "--output=json"))["items"]
    return any(word in one["message"] for one in found)


def test_an_image_that_is_not_there_is_told_and_the_proxies_of_the_one_before_serve_on(
    space: Space, installation: Installation, missing_image: Callable[[], None]
) -> None:
    address = space.serve(service("obey"))
    (old,) = space.proxies("obey")
    with space.session(address) as command:
        before = command("who")
        missing_image()
        eventually(
            lambda: says(space, "obey", "ProxiesFailing", "ErrImageNeverPull", MISSING), "it says why", within=60
        )
        eventually(lambda: has_told(space, "obey", "ProxiesFailing", MISSING), "an Event tells why")
        assert space.api.condition("obey", "Ready")["status"] == "True"
        with space.session(address) as another:
            assert another("echo served") == "served"
        installation.install()
        eventually(lambda: is_well(space, "obey"), "it is over", within=60)
        space.kubectl("rollout", "status", "deployment/obey-proxy", PATIENCE)
        assert command("who") == before
        eventually(lambda: has_told(space, "obey", "Recovered"), "an Event tells that it is over")
        eventually(lambda: list(space.proxies("obey")) == [old], "the one that could not run has gone")


def test_pods_that_the_namespace_does_not_take_are_told(space: Space) -> None:
    limit = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}}
    space.apply(limit | {"spec": {"limits": [{"type": "Container", "max": {"memory": TOO_LITTLE}}]}})
    space.apply(service("large"))
    eventually(lambda: says(space, "large", "ProxiesFailing", "FailedCreate", "memory"), "it says why", within=60)
    assert space.proxies("large") == {}
    eventually(lambda: has_told(space, "large", "ProxiesFailing", "memory"), "an Event tells why")
    space.kubectl("delete", "limitrange", "small")
    space.patch("large", proxy={"resources": {"requests": {"memory": TOO_LITTLE}}})
    with space.session(space.wait_until_served("large", REPLICAS)) as command:
        assert command("echo served") == "served"
    eventually(lambda: is_well(space, "large"), "it is over")


def test_a_proxy_that_ends_again_and_again_is_one_trouble_until_it_runs(space: Space) -> None:
    def restarts() -> int:
        statuses = [pod["status"].get("containerStatuses", []) for pod in space.proxies("starved").values()]
        return sum(one["restartCount"] for containers in statuses for one in containers)

    memory = {"requests": {"memory": "8Mi"}, "limits": {"memory": "16Mi"}}  # not enough for Python to start
    space.apply(service("starved") | {"spec": service("starved")["spec"] | {"proxy": {"resources": memory}}})
    eventually(lambda: says(space, "starved", "ProxiesFailing", "exit code 137"), "it says why", within=60)
    since = space.api.condition("starved", "Degraded")["lastTransitionTime"]
    eventually(lambda: restarts() >= 2, "it is started again and again", within=120)
    assert space.api.condition("starved", "Degraded")["lastTransitionTime"] == since
    assert not has_told(space, "starved", "Recovered")
    space.patch("starved", proxy={"resources": None})
    space.wait_until_served("starved", REPLICAS)
    eventually(lambda: is_well(space, "starved"), "it is over")
