"""Somebody else's cluster: tests keep out of what is theirs, and leave it as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from test.cluster.level import Level
from test.cluster.target import Target
from test.e2e.oncluster import DEFINITIONS, SERVICE_ACCOUNT, InUse, prepared
from test.running.api import DEDIS, Api, names
from test.running.harness import Local, dedicated_service, write_kubeconfig

OURS = {"dedicatedservices.soh.re", "isolationpods.soh.re"}


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Target]:
    """A cluster that has all our definitions, and pods' service account."""
    with Local("--role=none") as machine:
        collection, _, name = SERVICE_ACCOUNT.rpartition("/")
        machine.api.create(collection, {"metadata": {"name": name}})
        yield Target(write_kubeconfig(tmp_path, machine.api), None, Level.CONTROL)
        machine.stop()


@pytest.fixture
def api(theirs: Target) -> Api:
    return Api.of(theirs.kubeconfig)


def definitions(api: Api) -> set[str]:
    return names(api.items(DEFINITIONS))


@pytest.mark.parametrize("missing", [set(), {"isolationpods.soh.re"}, OURS])
def test_the_definitions_that_it_lacks_are_there_for_a_while(theirs: Target, api: Api, missing: set[str]) -> None:
    for name in missing:
        api.delete(f"{DEFINITIONS}/{name}")
    assert definitions(api) == OURS - missing
    with prepared(theirs):
        assert definitions(api) == OURS
    assert definitions(api) == OURS - missing


def test_one_with_services_where_ours_would_be_is_refused_and_not_changed(theirs: Target, api: Api) -> None:
    api.create(DEDIS, dedicated_service("theirs", ["who"], replicas=1))
    api.delete(f"{DEFINITIONS}/isolationpods.soh.re")
    with pytest.raises(InUse, match=r"has the services theirs$"), prepared(theirs):
        pass
    assert definitions(api) == {"dedicatedservices.soh.re"}
    assert names(api.items(DEDIS)) == {"theirs"}
