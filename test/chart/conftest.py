"""kubectl, for the tests of the chart that have a real API server."""

import os
import subprocess
from collections.abc import Callable

import pytest

from test.cluster.programs import program
from test.cluster.target import Target

Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl(kubernetes: Target, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    home = tmp_path_factory.mktemp("home")

    def run(*arguments: str, given: str | None = None) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(kubernetes.kubeconfig)}
        command = [str(program("kubectl")), *arguments]
        done = subprocess.run(
            command, env=environment, input=given, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}{done.stdout}"
        return done.stdout

    return run


def remove_definitions(kubectl: Kubectl) -> None:
    kubectl("delete", "crd", "--ignore-not-found", "dedicatedservices.soh.re", "isolationpods.soh.re", "--timeout=60s")
