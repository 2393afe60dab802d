"""A cluster that is ours, and its kubectl, for the tests of the chart that install it."""

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from test.cluster.level import Level
from test.cluster.programs import program
from test.cluster.target import Keeper, Target

Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def kubernetes(keeper: Keeper, request: pytest.FixtureRequest) -> Iterator[Target]:
    """A cluster made for the tests: the definitions are removed there, and with them whatever is of their kinds."""
    mark = request.node.get_closest_marker("needs_cluster")
    with keeper.joined(Level(mark.args[0]), ours=mark.kwargs["ours"]) as target:
        yield target


@pytest.fixture(scope="module")
def kubectl(kubernetes: Target, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    home = tmp_path_factory.mktemp("home")

    def run(*arguments: str, given: str | None = None) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(kubernetes.kubeconfig)}
        command = [str(program("kubectl")), *arguments]
        done = subprocess.run(
            command, env=environment, input=given, capture_output=True, text=True, timeout=150, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}{done.stdout}"
        return done.stdout

    return run


def remove_definitions(kubectl: Kubectl) -> None:
    kubectl("delete", "crd", "--ignore-not-found", "dedicatedservices.soh.re", "isolationpods.soh.re", "--timeout=60s")
